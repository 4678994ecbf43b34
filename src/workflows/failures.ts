import { ApplicationFailure } from '@temporalio/workflow';
import { type Instant, iso } from '../domain/calendar.ts';
import { GIVEN_UP, invalid, Refusal, type RefusalRecord } from '../domain/errors.ts';
import { ABANDONED, HANDING_OVER } from './messages.ts';

// The failures that end an update. The type of each is the code of a problem, or one of the two in messages.ts.

/** A refusal as the failure of an update. */
export const failureOf = (refusal: RefusalRecord): ApplicationFailure =>
  ApplicationFailure.create({
    type: refusal.code,
    message: refusal.detail,
    details: [refusal.data],
    nonRetryable: true,
  });

export const recordOf = ({ code, message, data }: Refusal): RefusalRecord => ({
  code,
  detail: message,
  data,
});

export const DECLINED: RefusalRecord = {
  code: 'payment_declined',
  detail: 'The payment was declined.',
  data: {},
};

/** The step can't be booked: an incident names the reason. */
export const givenUp = (): ApplicationFailure => failureOf(GIVEN_UP);

export const abandoned = (): ApplicationFailure =>
  ApplicationFailure.create({ type: ABANDONED, message: 'The command row decides.', nonRetryable: true });

export const handingOver = (): ApplicationFailure =>
  ApplicationFailure.create({ type: HANDING_OVER, message: 'The next run takes it.', nonRetryable: true });

/** a clock never goes back. */
export const beforeNow = (now: Instant): ApplicationFailure =>
  failureOf(
    recordOf(invalid({ pointer: '/to', detail: `must not lie before the clock's now, ${iso(now)}` })),
  );

/** A check whose refusal is the failure of an update. */
export const refusing =
  <Argument>(check: (argument: Argument) => void) =>
  (argument: Argument): void => {
    try {
      check(argument);
    } catch (error) {
      throw error instanceof Refusal ? failureOf(recordOf(error)) : error;
    }
  };
