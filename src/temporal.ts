import { Client, Connection } from '@temporalio/client';
import type { ConnectedConfig } from './config.ts';

/** Why Temporal was not asked, or did not answer in time. */
export class TemporalUnavailable extends Error {
  override readonly name = 'TemporalUnavailable';
}

/** No client option keeps a deadline (gRPC retries sleep through it), so every call races this timer. */
export const CALL_TIMEOUT_MS = 2_500;
/** After a call that timed out, the next are refused at once for this long. */
const BREAK_MS = 1_000;

export type Connected = Pick<
  ConnectedConfig,
  'temporalAddress' | 'temporalNamespace' | 'temporalApiKey' | 'temporalTls'
>;

/** A client that connects on its first call: the API starts, and goes on, without Temporal. */
export function connectTemporal(config: Connected): { client: Client; connection: Connection } {
  const { temporalAddress: address, temporalApiKey: apiKey, temporalTls } = config;
  const tls = temporalTls ? { tls: true as const } : {};
  const connection = Connection.lazy({ address, ...tls, ...(apiKey ? { apiKey } : {}) });
  return { client: new Client({ connection, namespace: config.temporalNamespace }), connection };
}

export interface TemporalCaller {
  /** Runs a call to Temporal under its timer and breaker. Throws `TemporalUnavailable`, or the call's own error. */
  call<T>(work: (client: Client) => Promise<T>): Promise<T>;
}

/** Runs each call under its timer alone: for those who judge themselves whether Temporal is away. */
export const createTimedCaller = (client: Client): TemporalCaller => ({
  call: (work) => within(CALL_TIMEOUT_MS, work(client)),
});

export function createCaller(client: Client): TemporalCaller {
  let brokenUntil = 0;
  let answeredAt = 0;
  return {
    async call(work) {
      if (Date.now() < brokenUntil) throw new TemporalUnavailable('Temporal did not answer a moment ago.');
      const askedAt = Date.now();
      try {
        const answer = await within(CALL_TIMEOUT_MS, work(client));
        answeredAt = Date.now();
        return answer;
      } catch (error) {
        if (!(error instanceof TemporalUnavailable)) answeredAt = Date.now();
        // One busy workflow is not a missing server: others were answered meanwhile.
        else if (answeredAt < askedAt) brokenUntil = Date.now() + BREAK_MS;
        throw error;
      }
    },
  };
}

/** The promise's outcome, or `TemporalUnavailable` when the time is over; what it does later is nobody's business. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TemporalUnavailable(`Temporal did not answer within ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
