import type { RequestWatch } from '../api/deps.ts';
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
