import { Client, Connection, type WorkflowClientInterceptor } from '@temporalio/client';
import type { ConnectedConfig } from './config.ts';

/** Temporal was not asked, or did not answer in time; the message says which. */
export class TemporalUnavailable extends Error {
  override readonly name = 'TemporalUnavailable';
}

/** Milliseconds for a call. No client option keeps a deadline (gRPC retries sleep through it), so every call races this timer. */
export const CALL_TIMEOUT_MS = 2_500;
/** Milliseconds in which further calls are refused at once, after Temporal itself did not answer. */
const BREAK_MS = 1_000;
/** Milliseconds for a question that needs no workflow and no worker. */
const PROBE_MS = 500;

/** The part of the configuration that names a Temporal. */
type Connected = Pick<
  ConnectedConfig,
  'temporalAddress' | 'temporalNamespace' | 'temporalApiKey' | 'temporalTls'
>;

/** A client that connects on its first call: the API starts, and goes on, without Temporal. */
export function connectTemporal(
  config: Connected,
  interceptor?: WorkflowClientInterceptor,
): { client: Client; connection: Connection } {
  const { temporalAddress: address, temporalApiKey: apiKey, temporalTls } = config;
  const tls = temporalTls ? { tls: true as const } : {};
  const connection = Connection.lazy({ address, ...tls, ...(apiKey ? { apiKey } : {}) });
  const interceptors = interceptor ? { interceptors: { workflow: [interceptor] } } : {};
  const { temporalNamespace: namespace } = config;
  return { client: new Client({ connection, namespace, ...interceptors }), connection };
}

/** Calls Temporal with a time limit. */
export interface TemporalCaller {
  /** Runs a call to Temporal under its timer and breaker. Throws `TemporalUnavailable`, or the call's own error. */
  call<T>(work: (client: Client) => Promise<T>): Promise<T>;
}

/** Makes a caller with a timer and no breaker, for callers that judge an outage themselves. */
export const createTimedCaller = (client: Client): TemporalCaller => ({
  call: (work) => within(CALL_TIMEOUT_MS, work(client)),
});

/**
 * Makes a caller with a timer and a breaker. A workflow that does not answer is no missing server: after a call that timed out,
 * a question to the server alone decides whether other callers are refused.
 */
export function createCaller(client: Client): TemporalCaller {
  let brokenUntil = 0;
  let answeredAt = 0;
  let probe: Promise<void> | undefined;

  /** Asks the server itself. */
  async function ask(): Promise<void> {
    try {
      await within(PROBE_MS, client.workflowService.getSystemInfo({}));
      answeredAt = Date.now();
    } catch {
      brokenUntil = Date.now() + BREAK_MS;
    }
  }

  return {
    async call(work) {
      await probe;
      if (Date.now() < brokenUntil) throw new TemporalUnavailable('Temporal did not answer a moment ago.');
      const askedAt = Date.now();
      try {
        const answer = await within(CALL_TIMEOUT_MS, work(client));
        answeredAt = Date.now();
        return answer;
      } catch (error) {
        if (!(error instanceof TemporalUnavailable)) answeredAt = Date.now();
        else if (answeredAt < askedAt)
          probe ??= ask().finally(() => {
            probe = undefined;
          });
        throw error;
      }
    },
  };
}

/** Waits until Temporal answers. Throws `TemporalUnavailable` with its address and the variable after 5 s. */
export async function reach(
  connection: Pick<Connection, 'ensureConnected'>,
  { temporalAddress }: Pick<ConnectedConfig, 'temporalAddress'>,
): Promise<void> {
  try {
    await within(CALL_TIMEOUT_MS * 2, connection.ensureConnected());
  } catch {
    throw new TemporalUnavailable(`Temporal at ${temporalAddress} (TEMPORAL_ADDRESS) does not answer.`);
  }
}

/** The promise's outcome, or `TemporalUnavailable` after `ms` milliseconds; a later outcome is ignored. */
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
