import type { Problem as Members } from './contract.ts';
import { DrawdownNoAnswer, DrawdownProblem } from './problem.ts';
import type { CallOptions } from './request.ts';

// The subscription behind calls that name its customer. Its id is looked up once, and again where another may have taken its place.

/** Refusals that the customer's next subscription may not give: this one has ended, or does not have the object. */
const MAY_BE_ANOTHER: readonly string[] = ['subscription_not_active', 'not_found'];

/** How long a read trusts a look-up: the API answers reads of an ended subscription, and refuses none of them. */
const TRUSTED_BY_READS_MS = 10_000;

interface LookUp {
  /** On the monotonic clock, before it was sent. */
  at: number;
  /** Null without a subscription that has not ended. */
  id: Promise<string | null>;
}

/** Calls `call` with the id of the subscription, and once more with another id after a refusal for which another is the reason. */
export type OnSubscription = <Answer>(
  call: (id: string) => Promise<Answer>,
  isRead: boolean,
  options?: CallOptions | undefined,
) => Promise<Answer>;

/**
 * Makes the calls of one customer; `find` looks the id up. Calls at the same time share a look-up. A customer without a
 * subscription that has not ended is refused as `subscription_not_active`, and looked up anew by the next call.
 *
 * The call on the other subscription is a new request: a key belongs to one subscription. It can't be a second effect, because
 * only a refusal leads to it, a refusal changes nothing, and an ended subscription refuses every late copy too. The caller's own
 * key goes along, so that a later repeat finds this effect; without one each request has a key of its own. A call that got no
 * answer may have its effect: a repeat under its key goes to the same subscription first, though another has begun by then.
 */
export function createOnSubscription(find: () => Promise<string | null>): OnSubscription {
  let kept: LookUp | undefined;
  /** The subscriptions of calls without an answer, by key. */
  const unanswered = new Map<string, string>();

  function lookUp(): LookUp {
    const made: LookUp = { at: performance.now(), id: find() };
    made.id.then(
      (id) => id ?? forget(made),
      () => forget(made),
    );
    kept = made;
    return made;
  }

  function forget(old: LookUp): void {
    if (kept === old) kept = undefined;
  }

  /** The first call that is refused looks the id up again, and the others share that look-up. */
  const lookUpAfter = (refused: LookUp): LookUp => (kept && kept !== refused ? kept : lookUp());

  async function noted<Answer>(
    answer: Promise<Answer>,
    id: string,
    key: string | undefined,
  ): Promise<Answer> {
    try {
      const came = await answer;
      unanswered.delete(key ?? '');
      return came;
    } catch (error) {
      const made = error instanceof DrawdownNoAnswer ? error.idempotencyKey : null;
      if (isFinal(error)) unanswered.delete(key ?? '');
      else if ((key ?? made) !== null) unanswered.set((key ?? made)!, id);
      throw error;
    }
  }

  return async (call, isRead, options = {}) => {
    const { signal, idempotencyKey: key } = options;
    signal?.throwIfAborted();
    const isTooOld = kept && isRead && performance.now() - kept.at > TRUSTED_BY_READS_MS;
    const first = kept && !isTooOld ? kept : lookUp();
    const id = unanswered.get(key ?? '') ?? (await unlessAborted(first.id, signal));
    if (id === null) throw noneIsLive(options);
    try {
      const answer = await noted(call(id), id, key);
      if (isEnded(answer)) forget(first);
      return answer;
    } catch (refusal) {
      if (!(refusal instanceof DrawdownProblem && MAY_BE_ANOTHER.includes(refusal.code))) throw refusal;
      const other = await unlessAborted(lookUpAfter(first).id, signal).catch(() => null);
      signal?.throwIfAborted();
      // The refusal stands too where the look-up fails: it is the answer to this request, and nothing was changed.
      if (other === null || other === id) throw refusal;
      return noted(call(other), other, key);
    }
  };
}

/** Whether nothing was changed: after one of the others an attempt of the same call without an answer may have its effect. */
const isFinal = (error: unknown): boolean =>
  error instanceof DrawdownProblem &&
  error.status < 500 &&
  !['idempotency_in_progress', 'rate_limited'].includes(error.code);

/** Whether an answer shows that its subscription has ended. */
const isEnded = (answer: unknown): boolean =>
  (answer as { status?: unknown } | undefined)?.status === 'ended';

/** A look-up is shared: a caller that gives up leaves it to the others. */
function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** The refusal as the API gives it of an ended subscription. No request was made for it, so it has no request id. */
function noneIsLive({ idempotencyKey }: CallOptions): DrawdownProblem {
  const members: Members = {
    type: '/problems/subscription_not_active',
    title: 'The subscription is not active',
    status: 409,
    detail: 'The customer has no subscription that has not ended.',
    code: 'subscription_not_active',
    request_id: '',
  };
  return new DrawdownProblem(members, { idempotencyKey: idempotencyKey ?? null, retryAfter: null });
}
