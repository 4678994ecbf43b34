import type { RequestWatch } from '../api/deps.ts';
import type { StatementWatch } from '../db/client.ts';
import type { Logger, LogLevel } from './log.ts';
import type { Metrics } from './metrics.ts';

/** The watch of a process's requests: its metrics, and a line each at level debug. Undefined where neither is wanted. */
export function requestWatch(
  metrics: Pick<Metrics, 'requests'> | null,
  level: LogLevel,
  log: Logger,
): RequestWatch | undefined {
  if (level !== 'debug') return metrics?.requests;
  return {
    finished(route, status, startedAt, requestId) {
      metrics?.requests.finished(route, status, startedAt, requestId);
      const duration_ms = Math.round((performance.now() - startedAt) * 1_000) / 1_000;
      log(route, { level: 'debug', request_id: requestId, route, status, duration_ms });
    },
  };
}

/** Two watches of requests as one; undefined where there is none. */
export function bothRequests(
  one: RequestWatch | undefined,
  other: RequestWatch | undefined,
): RequestWatch | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    finished(...request) {
      one.finished(...request);
      other.finished(...request);
    },
  };
}

/** Two watches of statements as one; undefined where there is none. */
export function bothStatements(
  one: StatementWatch | undefined,
  other: StatementWatch | undefined,
): StatementWatch | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    began(name) {
      const ends = [one.began(name), other.began(name)];
      return (hasFailed) => {
        for (const end of ends) end(hasFailed);
      };
    },
  };
}
