import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Env } from './route.ts';

// Node serves all requests on one thread: while one request computes, all others wait, /healthz too. The watch names a request
// that computes for too long. It reads the process's CPU time when a request arrives, first waits and ends, and on a timer while
// requests run; following promises would cost every spend. Too much time between two readings is one piece of work, or nearly.
// CPU time does not grow while other processes have the processor.

/** Milliseconds a request may compute before it lets others have the event loop. */
export const MOST_MS = 100;
const BEAT_MS = 20;

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** One report: milliseconds of CPU time between two readings. */
export interface LoopBlock {
  ms: number;
  /** The request at the reading; on the timer's reading every request under way. */
  routes: string[];
}

/** The watch of one application. */
interface LoopWatch {
  /** Wraps the first middleware, and times it and everything after it. */
  watched(first: MiddlewareHandler<Env>): MiddlewareHandler<Env>;
}

/** Makes a watch that reports more than `most` milliseconds; `clock` returns milliseconds of CPU time. */
export function createLoopWatch(
  report: (kept: LoopBlock) => void,
  { most = MOST_MS, clock = processorTime } = {},
): LoopWatch {
  const underWay = new Set<Context>();
  let beat: NodeJS.Timeout | null = null;
  let last = 0;

  function look(by: Context | null): void {
    const now = clock();
    const ms = now - last;
    last = now;
    if (ms > most) report({ ms, routes: by ? [routeOf(by)] : [...new Set([...underWay].map(routeOf))] });
  }

  function enter(c: Context): void {
    if (beat) look(null);
    else {
      // CPU time used while no request ran belongs to no request.
      last = clock();
      beat = setInterval(look, BEAT_MS, null).unref();
    }
    underWay.add(c);
  }

  function leave(c: Context): void {
    look(c);
    underWay.delete(c);
    if (underWay.size > 0 || beat === null) return;
    clearInterval(beat);
    beat = null;
  }

  return {
    watched: (first) => async (c, next) => {
      enter(c);
      try {
        const answer = first(c, next);
        look(c);
        return await answer;
      } finally {
        leave(c);
      }
    },
  };
}

/** Method and pattern: no customer's id. */
export function routeOf(c: Context): string {
  const { path = 'no route' } = matchedRoutes(c).findLast((route) => !route.path.includes('*')) ?? {};
  return `${c.req.method} ${path}`;
}

/** The log line of a report. */
export function keptLine({ ms, routes }: LoopBlock): string {
  const who = routes.length > 1 ? `one of ${routes.join(', ')}` : routes[0];
  return `the event loop was kept for ${Math.round(ms)} ms by ${who}`;
}
