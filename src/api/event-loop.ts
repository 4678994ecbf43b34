import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Env } from './route.ts';

// Node serves all requests on one thread: while one computes all others wait, `/healthz` too. So computing is timed, and the
// request that did too much of it at once is named. Promises are not followed, which would cost every spend: the processor's
// time is read where a request comes, first waits and ends, and by a beat while any is under way. What took too much between two
// readings was one piece of work, or nearly; that the processor was given to others lengthens nothing.

/** No request computes for longer without letting others have the loop. */
export const MOST_MS = 100;
const BEAT_MS = 20;

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

export interface LoopBlock {
  ms: number;
  /** The one that kept the loop, or all that were under way where a request neither came, first waited nor ended. */
  routes: string[];
}

export interface LoopWatch {
  /** Times what comes after a middleware, too. It is the first. */
  watched(first: MiddlewareHandler<Env>): MiddlewareHandler<Env>;
}

/** `clock` counts milliseconds in which something was computed. */
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
      // What the process did while nobody was served is no request's.
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

/** Method and pattern: no id of a customer. */
function routeOf(c: Context): string {
  const { path = 'no route' } = matchedRoutes(c).findLast((route) => !route.path.includes('*')) ?? {};
  return `${c.req.method} ${path}`;
}

/** A line of the log. */
export function keptLine({ ms, routes }: LoopBlock): string {
  const who = routes.length > 1 ? `one of ${routes.join(', ')}` : routes[0];
  return `the event loop was kept for ${Math.round(ms)} ms by ${who}`;
}
