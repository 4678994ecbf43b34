import { setImmediate as turn } from 'node:timers/promises';
import { Hono, type MiddlewareHandler } from 'hono';
import { expect, test, vi } from 'vitest';
import { createLoopWatch, keptLine, type LoopBlock } from '../../src/api/event-loop.ts';
import type { Env } from '../../src/api/route.ts';

// Who kept the event loop, on a clock that only moves when a route computes.

const CALLED: MiddlewareHandler<Env> = async (_, next) => next();

/** Routes that compute for so long before they wait, between two waits, and at last. */
function appOf() {
  const reported: LoopBlock[] = [];
  let busy = 1_000;
  const compute = (ms: number) => {
    busy += ms;
  };
  const loop = createLoopWatch((kept) => reported.push(kept), { clock: () => busy });
  const app = new Hono<Env>();
  app.use(loop.watched(CALLED));
  const pauses: (() => void)[] = [];
  app.get('/things/:id/:first/:middle/:last', async (c) => {
    compute(Number(c.req.param('first')));
    await turn();
    compute(Number(c.req.param('middle')));
    await new Promise<void>((resolve) => pauses.push(resolve));
    compute(Number(c.req.param('last')));
    return c.text('done');
  });
  app.get('/stands', async (c) => {
    await new Promise<void>((resolve) => pauses.push(resolve));
    return c.text('done');
  });
  app.all('*', (c) => c.text('nothing here', 404));
  const goOn = async () => {
    await vi.waitFor(() => expect(pauses).not.toHaveLength(0));
    for (const pause of pauses.splice(0)) pause();
  };
  return { app, reported, compute, goOn };
}

const ROUTE = 'GET /things/:id/:first/:middle/:last';

test('a request that computed too long before it waited, or at its end, is named by its route', async () => {
  for (const path of ['/things/sub_1/101/0/0', '/things/sub_1/0/0/101']) {
    const { app, reported, goOn } = appOf();
    const answer = app.request(path);
    await goOn();
    await answer;
    expect(reported).toEqual([{ ms: 101, routes: [ROUTE] }]);
    expect(keptLine(reported[0]!)).toBe(`the event loop was kept for 101 ms by ${ROUTE}`);
  }
});

test('between two waits the beat finds it, among all that are under way', async () => {
  const { app, reported, goOn } = appOf();
  const answers = [app.request('/stands'), app.request('/things/sub_1/0/150/0')];
  await vi.waitFor(() => expect(reported).toEqual([{ ms: 150, routes: ['GET /stands', ROUTE] }]));
  await goOn();
  await Promise.all(answers);
  expect(reported).toHaveLength(1);
  expect(keptLine(reported[0]!)).toBe(`the event loop was kept for 150 ms by one of GET /stands, ${ROUTE}`);
});

test('a short slice, and work while no request is served, is no request’s', async () => {
  const { app, reported, compute, goOn } = appOf();
  for (let i = 0; i < 3; i += 1) {
    const answer = app.request('/things/sub_1/90/0/90');
    await goOn();
    await answer;
    compute(5_000);
  }
  await app.request('/no/such/path');
  expect(reported).toEqual([]);
});

test('a request that fails is timed too, and one without a route has no path', async () => {
  const reported: LoopBlock[] = [];
  let busy = 0;
  const loop = createLoopWatch((kept) => reported.push(kept), { clock: () => busy });
  const app = new Hono<Env>();
  app.use(
    loop.watched((c) => {
      busy += 200;
      if (c.req.path === '/throws') throw new Error('refused at the door');
      return Promise.resolve(c.notFound());
    }),
  );
  app.onError((_, c) => c.text('failed', 500));
  app.get('/throws', (c) => c.text('never'));
  expect((await app.request('/throws')).status).toBe(500);
  expect((await app.request('/customers/c-1')).status).toBe(404);
  expect(reported.map(({ routes }) => routes)).toEqual([['GET /throws'], ['GET no route']]);
});
