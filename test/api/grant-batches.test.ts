import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { reconcile } from '../../src/db/audit/reconcile.ts';
import { BATCH_PROGRESS, grantBatchId } from '../../src/workflows/messages.ts';
import { RawLedger } from '../db/raw-ledger.ts';
import { until } from '../support/deliveries.ts';
import { expectInvariants } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { textOf, Visit } from './console-visit.ts';
import { all, bodyOf, Driver, faultsOf, type Json, type Page } from './driver.ts';

// many at once, over HTTP: each once, with progress, pause, resume and a report.

const AT = '/v1/grant_batches';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await expectInvariants(stack.db);
  await stack.stop();
});

const gift = { credits: 25, reason: 'the outage of Tuesday' };
const make = (body: Json, headers: Record<string, string> = {}) =>
  stack.request('POST', AT, { body: { ...gift, ...body }, headers });
const made = async (body: Json): Promise<string> => String(bodyOf(await make(body), 202)['id']);
const read = async (id: string): Promise<Json> => bodyOf(await stack.request('GET', `${AT}/${id}`));
const reached = (id: string, wanted: (batch: Json) => boolean) => until(() => read(id), wanted);
const done = (id: string) => reached(id, ({ state }) => state === 'done');

test('each gets it once: by a filter, whatever it gets beside it, and its workflow follows', async () => {
  const drivers = await Promise.all([1, 2, 3].map(() => Driver.open(stack)));
  const [one, two, ended] = drivers as [Driver, Driver, Driver];
  const pro = await Driver.open(stack, { plan: 'pro' });
  bodyOf(await ended.post('cancel', { at: 'now' }));
  bodyOf(await two.spend(150), 201);

  const headers = { 'Idempotency-Key': 'each-once' };
  const wanted = { filter: { plan: 'creator' } };
  const first = await make(wanted, headers);
  const again = await Promise.all([1, 2, 3].map(() => make(wanted, headers)));
  expect(again.map(({ text }) => text)).toEqual(Array(3).fill(first.text));
  const { id, ...batch } = bodyOf(first, 202);
  expect(batch).toEqual({
    state: 'running',
    filter: { plan: 'creator' },
    ...gift,
    expires_at: null,
    total: 2,
    granted: 0,
    skipped: 0,
    pending: 2,
    created_at: expect.stringMatching(/Z$/),
    finished_at: null,
  });
  expect(await done(String(id))).toMatchObject({
    granted: 2,
    skipped: 0,
    pending: 0,
    finished_at: expect.any(String),
  });
  expect((await make(wanted, headers)).text).toBe(first.text);

  expect(await Promise.all([one, two, ended, pro].map((driver) => driver.available()))).toEqual([
    225, 75, 0, 2000,
  ]);
  for (const driver of [one, two]) {
    const { data } = bodyOf<Page>(await driver.get('grants'));
    expect(data[0]).toMatchObject({ kind: 'adjustment', amount: 25, cause: gift.reason, expires_at: null });
    await until(
      async () => bodyOf(await driver.get('workflow'))['balance'] as Json,
      ({ available }) => available === (driver === one ? 225 : 75),
    );
  }
  const visit = await Visit.begin(stack);
  const timeline = textOf((await visit.get(`/console/subscriptions/${two.id}`)).html);
  expect(timeline).toContain('Adjustment of 25 credits');
  const report = bodyOf<Page>(await stack.request('GET', `${AT}/${id}/items?order=asc`));
  expect(report.data).toEqual(
    [one, two]
      .map((driver) => driver.id)
      .sort()
      .map((subscription_id) => ({
        subscription_id,
        outcome: 'granted',
        code: null,
        grant_id: expect.stringMatching(/^grt_/),
        at: expect.any(String),
      })),
  );
  const grant = bodyOf<Page>(await one.get('grants')).data[0]!;
  expect(report.data.map(({ grant_id }) => grant_id)).toContain(grant['id']);
  // It is revoked, spent and foretold like any other.
  expect(bodyOf(await one.post(`grants/${grant['id']}/revoke`, { reason: 'a slip' }))).toEqual({
    revoked: 25,
  });
  await two.advance('2026-03-03T00:00:00Z');
  expect(await two.available()).toBe(225);
  const events = await all(stack, '/v1/events?type=grant_batch.finished&order=asc', 100);
  expect(events.at(-1)).toMatchObject({
    data: { grant_batch_id: id, credits: 25, reason: gift.reason, total: 2, granted: 2, skipped: 0 },
  });
  expect((await reconcile(stack.db)).unexplained).toEqual([]);
});

test('by ids, with a report of those it skips; another batch is another grant', async () => {
  const [fine, ended] = [await Driver.open(stack), await Driver.open(stack)];
  bodyOf(await ended.post('cancel', { at: 'now' }));
  const body = { subscription_ids: [ended.id, fine.id], expires_at: '2026-02-10T00:00:00Z' };
  const id = await made(body);
  expect(await done(id)).toMatchObject({ filter: null, total: 2, granted: 1, skipped: 1, pending: 0 });
  const items = async (outcome: string) =>
    bodyOf<Page>(await stack.request('GET', `${AT}/${id}/items?outcome=${outcome}`)).data;
  expect(await items('granted')).toMatchObject([{ subscription_id: fine.id, code: null }]);
  expect(await items('skipped')).toMatchObject([
    { subscription_id: ended.id, code: 'subscription_not_active', grant_id: null },
  ]);
  expect(await items('pending')).toEqual([]);
  await done(await made(body));
  expect(await fine.available()).toBe(250);
  await fine.advance('2026-02-10T00:00:00Z');
  expect(await fine.available()).toBe(200);
  const late = await made(body);
  await done(late);
  const { data } = bodyOf<Page>(await stack.request('GET', `${AT}/${late}/items?order=asc`));
  expect(data.find(({ subscription_id }) => subscription_id === fine.id)).toMatchObject({
    code: 'expires_at_past',
  });
});

test('a dry run answers the number, and makes nothing', async () => {
  const driver = await Driver.open(stack, { plan: 'business' });
  const before = bodyOf<Page>(await stack.request('GET', AT)).data;
  const headers = { 'Idempotency-Key': 'dry' };
  const dry = await make({ filter: { plan: 'business' }, dry_run: true }, headers);
  expect(bodyOf(dry, 200)).toEqual({ dry_run: true, total: 1 });
  expect(bodyOf(await make({ subscription_ids: [driver.id], dry_run: true }))).toMatchObject({ total: 1 });
  expect(bodyOf<Page>(await stack.request('GET', AT)).data).toEqual(before);
  expect(await driver.available()).toBe(1000);
  // Its key is free.
  await done(String(bodyOf(await make({ filter: { plan: 'business' } }, headers), 202)['id']));
  expect(await driver.available()).toBe(1025);
});

test('paused it grants nothing, resumed it grants the rest; its history replays', async () => {
  const ledgers = [];
  for (let n = 0; n < 260; n += 1) ledgers.push(await RawLedger.open(stack.db));
  const id = await made({ subscription_ids: ledgers.map((ledger) => ledger.id) });
  await reached(id, ({ granted }) => Number(granted) > 0);
  const paused = bodyOf(await stack.request('POST', `${AT}/${id}/pause`, { body: {} }));
  expect(paused).toMatchObject({ state: 'paused' });
  expect(Number(paused['pending'])).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await read(id)).toEqual(paused);
  const workflow = stack.client.workflow.getHandle(grantBatchId(id));
  expect(await workflow.query(BATCH_PROGRESS)).toMatchObject({ state: 'paused', total: 260 });
  expect(bodyOf(await stack.request('POST', `${AT}/${id}/resume`, { body: {} }))).toMatchObject({
    state: 'running',
  });
  expect(await done(id)).toMatchObject({ total: 260, granted: 260, skipped: 0 });
  for (const state of ['pause', 'resume'])
    expect(bodyOf(await stack.request('POST', `${AT}/${id}/${state}`, { body: {} }))).toMatchObject({
      state: 'done',
    });
  expect(await workflow.result()).toEqual({ state: 'done', total: 260, granted: 260, skipped: 0 });
  const bundle = { workflowBundle: { codePath: inject('workflowBundle') } };
  await Worker.runReplayHistory(bundle, await workflow.fetchHistory(), grantBatchId(id));
});

describe('refused', () => {
  test.each([
    ['neither filter nor ids', {}, '/filter'],
    ['both', { filter: {}, subscription_ids: ['sub_1'] }, '/filter'],
    ['no ids', { subscription_ids: [] }, '/subscription_ids'],
    ['one id twice', { subscription_ids: ['sub_1', 'sub_1'] }, '/subscription_ids'],
    [
      'too many',
      { subscription_ids: Array.from({ length: 1_001 }, (_, n) => `sub_${n}`) },
      '/subscription_ids',
    ],
    ['ids that are none', { subscription_ids: ['sub_1', ''] }, '/subscription_ids/1'],
    ['unknown ids', { subscription_ids: ['sub_1', 'sub_2'] }, '/subscription_ids/0, /subscription_ids/1'],
    ['an unknown plan', { filter: { plan: 'gold' } }, '/filter/plan'],
    ['an unknown interval', { filter: { interval: 'fortnight' } }, '/filter/interval'],
    ['a status that gets none', { filter: { status: 'ended' } }, '/filter/status'],
    ['a member too many', { filter: { customer_id: 'c' } }, '/filter/customer_id'],
    ['no credits', { filter: {}, credits: 0 }, '/credits'],
    ['no instant', { filter: {}, expires_at: 'soon' }, '/expires_at'],
    ['no reason', { filter: {}, reason: '' }, '/reason'],
    ['a dry run that is text', { filter: {}, dry_run: 'yes' }, '/dry_run'],
  ])('%s', async (_, body, pointers) => {
    const before = bodyOf<Page>(await stack.request('GET', `${AT}?limit=1`)).data;
    expect(faultsOf(await make(body))).toBe(`invalid_request: ${pointers}`);
    expect(faultsOf(await make({ dry_run: true, ...body }))).toBe(`invalid_request: ${pointers}`);
    expect(bodyOf<Page>(await stack.request('GET', `${AT}?limit=1`)).data).toEqual(before);
  });

  test('without a key, a batch that is not there, and an outcome that is none', async () => {
    expect(faultsOf(await make({ filter: {} }, { 'Idempotency-Key': '' }))).toBe('idempotency_key_required');
    for (const [method, below] of [
      ['GET', ''],
      ['GET', '/items'],
      ['POST', '/pause'],
      ['POST', '/resume'],
    ] as const)
      expect(faultsOf(await stack.request(method, `${AT}/gbt_none${below}`))).toBe('not_found');
    const id = await made({ filter: { interval: 'year' } });
    expect(faultsOf(await stack.request('GET', `${AT}/${id}/items?outcome=lost`))).toBe(
      'invalid_request: ?outcome',
    );
    expect(await done(id)).toMatchObject({ total: 0, granted: 0 });
  });
});
