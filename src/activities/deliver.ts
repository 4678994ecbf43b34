import { ApplicationFailure } from '@temporalio/common';
import type { Database } from '../db/client.ts';
import {
  beginAttempt,
  type DeliveryAttempt,
  type DeliveryRef,
  type Noted,
  noteAttempt,
} from '../db/deliveries.ts';
import { endpointSecret } from '../db/secrets/at-rest.ts';
import type { Safe } from '../db/secrets/safe.ts';
import { eventBody, FAILURES, type Failure, MOST_ATTEMPTS, pauseAfter } from '../domain/events.ts';
import type { Post } from '../webhooks/post.ts';
import { signed } from '../webhooks/sign.ts';
import { quietly } from './quietly.ts';

/** How a delivery ended without a failure. */
export interface Delivered {
  outcome: 'delivered' | 'endpoint_gone' | 'ended_before';
  attempts: number;
  status: number | null;
}

/** The activities of deliveries, by name. */
export interface DeliveryActivities {
  /** One attempt. Fails with the pause to the next one, or for good after the last. */
  deliver(ref: DeliveryRef): Promise<Delivered>;
}

/** The dependencies of the delivery activities. */
interface DeliveryDeps {
  db: Database;
  safe: Safe;
  post: Post;
  /** In [0, 1): the random part of a pause. */
  luck?: () => number;
}

/** The failure types of an attempt that was not taken, and of a delivery that is given up. */
const NOT_TAKEN = 'not_taken';
const UNDELIVERED = 'undelivered';

/** The activities of a delivery's workflow. Each attempt is counted, made, and recorded. */
export function createDeliveryActivities({
  db,
  safe,
  post,
  luck = Math.random,
}: DeliveryDeps): DeliveryActivities {
  const begin = quietly('The attempt could not be counted', beginAttempt);
  const note = quietly('The attempt could not be recorded', noteAttempt);

  return {
    async deliver(ref) {
      const begun = await begin(db, ref, MOST_ATTEMPTS);
      if (begun === null) {
        // The delivery ended before, or its last attempt was never recorded.
        await note(db, ref, { status: 'failed', answer: null, failure: 'lost' });
        return { outcome: 'ended_before', attempts: 0, status: null };
      }
      const { attempt } = begun;
      const pause = pauseAfter(attempt, luck());
      const noted = await attemptOnce(
        post,
        ref.eventId,
        unlocked(safe, ref.endpointId, begun),
        pause === null,
      );
      await note(db, ref, noted);
      if (noted.status === 'delivered')
        return { outcome: 'delivered', attempts: attempt, status: noted.answer };
      if (noted.failure !== null && ENDED_BY_ENDPOINT.includes(noted.failure))
        return { outcome: 'endpoint_gone', attempts: attempt, status: noted.answer };
      throw notTaken(attempt, noted, pause);
    },
  };
}

/** An attempt with the endpoint's secrets as they sign. */
function unlocked(safe: Safe, endpointId: string, attempt: DeliveryAttempt): DeliveryAttempt {
  const { endpoint } = attempt;
  if (endpoint === null) return attempt;
  const secrets = endpoint.secrets.map((stored) => safe.unlock(endpointSecret(endpointId), stored));
  return { ...attempt, endpoint: { ...endpoint, secrets } };
}

/** The failures by which an endpoint ends its deliveries. */
const ENDED_BY_ENDPOINT: Failure[] = ['gone', 'endpoint_deleted', 'endpoint_disabled'];

async function attemptOnce(
  post: Post,
  eventId: string,
  { event, endpoint }: DeliveryAttempt,
  isLast: boolean,
): Promise<Noted> {
  if (endpoint === null) return { status: 'failed', answer: null, failure: 'endpoint_deleted' };
  if (endpoint.disabled) return { status: 'failed', answer: null, failure: 'endpoint_disabled' };
  const body = JSON.stringify(eventBody(event));
  const headers = signed({ id: eventId, body }, endpoint.secrets, new Date());
  const { status: answer, failure } = await post(endpoint.url, headers, body);
  if (failure === null) return { status: 'delivered', answer, failure };
  return { status: isLast || failure === 'gone' ? 'failed' : 'pending', answer, failure };
}

/** I15: the text holds the receiver's status, and neither its URL, which may hold a token, nor its answer. */
function notTaken(attempt: number, { answer, failure }: Noted, pause: number | null): ApplicationFailure {
  const why = `${failure && FAILURES[failure]}${answer === null ? '' : ` (${answer})`}`;
  const message = `Attempt ${attempt} of ${MOST_ATTEMPTS}: ${why}.`;
  if (pause === null)
    return ApplicationFailure.create({
      type: UNDELIVERED,
      message: `${message} It is given up, and can be started again by a replay.`,
      nonRetryable: true,
    });
  return ApplicationFailure.create({ type: NOT_TAKEN, message, nextRetryDelay: pause });
}
