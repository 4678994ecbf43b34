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

/** A refusal as a plain record, for rows and histories. */
export const recordOf = ({ code, message, data }: Refusal): RefusalRecord => ({
  code,
  detail: message,
  data,
});

/** The refusal of a command whose charge was declined. */
export const DECLINED: RefusalRecord = {
  code: 'payment_declined',
  detail: 'The payment was declined.',
  data: {},
};

/** The answer to a command whose step the ledger refused for good. An incident names the reason. */
export const givenUp = (): ApplicationFailure => failureOf(GIVEN_UP);

/** The answer to an update whose command row another step took or abandoned: the caller reads the row. */
export const abandoned = (): ApplicationFailure =>
  ApplicationFailure.create({ type: ABANDONED, message: 'The command row decides.', nonRetryable: true });

/** The answer to an update that met a hand-over to the next run: the caller sends it again. */
export const handingOver = (): ApplicationFailure =>
  ApplicationFailure.create({ type: HANDING_OVER, message: 'The next run takes it.', nonRetryable: true });

/** the answer to an advance to an instant before the clock's now. A clock never goes back. */
export const beforeNow = (now: Instant): ApplicationFailure =>
  failureOf(
    recordOf(invalid({ pointer: '/to', detail: `must not lie before the clock's now, ${iso(now)}` })),
  );

/** Wraps a check: its `Refusal` becomes the failure of the update. */
export const refusing =
  <Argument>(check: (argument: Argument) => void) =>
  (argument: Argument): void => {
    try {
      check(argument);
    } catch (error) {
      throw error instanceof Refusal ? failureOf(recordOf(error)) : error;
    }
  };
