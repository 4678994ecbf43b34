import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { newId } from '../../src/ids.ts';
import { TemporalUnavailable } from '../../src/temporal.ts';
import { leadLives } from '../support/books.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { hiddenOf, linesOf, type Seen, textOf, Visit } from './console-visit.ts';
import { bodyOf, Driver, type Json, start } from './driver.ts';
import { hold } from './holding.ts';

// Operators' work at the console: search, reading, actions.

let stack: Stack;
let visit: Visit;
beforeAll(async () => {
  stack = await startStack();
  visit = await Visit.begin(stack);
});
afterAll(() => stack.stop());

const at = (driver: Driver, below = '') => `/console/subscriptions/${driver.id}${below}`;
const textAt = async (path: string): Promise<string> => textOf((await visit.get(path)).html);

describe('a search', () => {
  let driver: Driver;
  const inHand: Record<string, string> = {};
  const reference = `job-${newId('x')}`;

  beforeAll(async () => {
    driver = await Driver.open(stack);
    const items = [{ feature: 'generate_look', quantity: 3 }];
    const used = bodyOf(
      await driver.post('usage', { items, reference }, { 'Idempotency-Key': `k-${driver.id}` }),
      201,
    );
    const held = await hold(driver, 5);
    const keyed = { 'Idempotency-Key': `capture-${driver.id}` };
    bodyOf(await driver.post(`holds/${held['id']}/capture`, { credits: 2 }, keyed));
    const bought = bodyOf(
      await driver.post('purchases', { packs: 1 }, { 'Idempotency-Key': `b-${driver.id}` }),
      201,
    );
    const refund = { amount_minor: 100, reason: 'a little' };
    bodyOf(await driver.post(`purchases/${bought['id']}/refund`, refund));
    const given = await driver.give(7);
    const [row] = await stack.db.execute<{ rfd: string }>(
      sql`select id as rfd from refunds where subscription_id = ${driver.id}`,
    );
    Object.assign(inHand, {
      subscription: driver.id,
      customer: (await driver.subscription()).customer_id,
      usage: used['id'],
      hold: held['id'],
      purchase: bought['id'],
      charge: (bought['charge'] as Json)['id'],
      grant: given['id'],
      refund: row!.rfd,
      reference,
      'a use’s key': `k-${driver.id}`,
      'a command’s key': `b-${driver.id}`,
    });
  });

  test.each([
    ['subscription', ''],
    ['customer', ''],
    ['usage', 'usage'],
    ['hold', 'hold'],
    ['purchase', 'purchase'],
    ['charge', 'charge'],
    ['grant', 'grant'],
    ['refund', 'refund'],
    ['reference', 'usage'],
    ['a use’s key', 'usage'],
    ['a command’s key', '?kind=requests'],
  ])('finds by %s, alone and within the subscription', async (what, of) => {
    for (const within of ['', `&in=${driver.id}`]) {
      const seen = await visit.get(`/console?q=${encodeURIComponent(inHand[what]!)}${within}`);
      expect(seen.status).toBe(303);
      const query = of === '' ? '' : of.startsWith('?') ? `${of}#timeline` : `?about=${inHand[of]}#timeline`;
      expect(seen.headers.get('Location')).toBe(`${at(driver)}${query}`);
    }
  });

  test('finds a use by its idempotency key, and shows its outcome', async () => {
    const seen = await visit.get(`/console?q=k-${driver.id}`);
    const html = (await visit.get(seen.headers.get('Location')!.split('#')[0]!)).html;
    expect(linesOf(html)).toEqual(['2026-01-31 R-60 -3 Spent 3 credits']);
    expect(textOf(html)).toContain(`3 × generate_look = 3 · reference ${reference}`);
  });

  test('finds the key of a capture with its subscription alone', async () => {
    const key = `capture-${driver.id}`;
    expect(await textAt(`/console?q=${key}`)).toContain('is found only with its subscription');
    const seen = await visit.get(`/console?q=${key}&in=${driver.id}`);
    expect(seen.headers.get('Location')).toBe(`${at(driver)}?about=${inHand['hold']}#timeline`);
  });

  test('lists several, each with where it is', async () => {
    const other = await Driver.open(stack);
    bodyOf(await other.spend(1, { 'Idempotency-Key': `k-${driver.id}` }), 201);
    const seen = await visit.get(`/console?q=k-${driver.id}`);
    expect(seen.status).toBe(200);
    for (const place of [at(driver), at(other)]) expect(seen.html).toContain(`href="${place}?about=use_`);
    const within = await visit.get(`/console?q=k-${driver.id}&in=${other.id}`);
    expect(within.headers.get('Location')).toContain(at(other));
  });

  test.each([
    'nothing',
    'sub_none',
    newId('use'),
    newId('chg'),
    'rfd_none',
    'evt_none',
    "' or 1=1 --",
    '%',
    '😀',
    '<script>alert(1)</script>',
  ])('of %s says that nothing has it', async (text) => {
    const seen = await visit.get(`/console?q=${encodeURIComponent(text)}`);
    expect(seen.status).toBe(200);
    expect(textOf(seen.html)).toContain(`Nothing has “${text}”`);
    expect(seen.html).not.toContain('<script>alert');
  });

  test.each([['a\u0000b'], ['x'.repeat(256)]])('of text that can’t be stored (%#) is a 400', async (text) => {
    expect((await visit.get(`/console?q=${encodeURIComponent(text)}`)).status).toBe(400);
  });
});

describe('three numbers', () => {
  test('agree, and so do the core and the workflow on the next due work', async () => {
    const driver = await Driver.open(stack);
    await driver.give(10);
    const text = await textAt(at(driver));
    expect(text).toContain('What remains of 2 open grants 210 Balance after the newest entry, number 2 210');
    expect(text).toContain('The workflow, as of entry 2 210 The three agree.');
    expect(text).toContain('Next due: renewal at Feb 28, 2026');
    expect(text).toContain('The workflow says so, and so does the core on the ledger’s row.');
  });

  test('leave no change of a remainder from outside unseen', async () => {
    const driver = await Driver.open(stack);
    await stack.db.execute(
      sql`update grants set remaining = remaining - 1 where subscription_id = ${driver.id}`,
    );
    const text = await textAt(at(driver));
    expect(text).toContain('199 Balance after the newest entry, number 1 200');
    expect(text).toContain('DRIFT: the grants and the entries of the ledger differ.');
    await stack.db.execute(
      sql`update grants set remaining = remaining + 1 where subscription_id = ${driver.id}`,
    );
  });

  test('name a workflow that is behind, and nudge it', async () => {
    const driver = await Driver.open(stack);
    await driver.give(10);
    bodyOf(await driver.spend(3), 201);
    // The relay nudges the workflow within a second, or this page does: never a drift.
    const text = await textAt(at(driver));
    expect(text).toMatch(/The three agree\.|The workflow is 1 entry behind and gets a nudge/);
    await expect.poll(() => textAt(at(driver)), { timeout: 10_000 }).toContain('207 The three agree.');
  });
});

describe('without Temporal', () => {
  test('the page is drawn from the ledger, and says so', async () => {
    const driver = await Driver.open(stack);
    const temporal = { call: () => Promise.reject(new TemporalUnavailable('away')) };
    const app = createApp({ ...stack.deps, temporal });
    const there = new Visit({ fetch: (request) => app.fetch(request) });
    there.cookie = visit.cookie;
    const seen = await there.get(at(driver));
    expect(seen.status).toBe(200);
    const text = textOf(seen.html);
    expect(text).toContain('The workflow does not answer at the moment.');
    expect(text).toContain('Grants and entries agree. The workflow could not be asked.');
    expect(text).toContain('forecast from the ledger');
    expect(linesOf(seen.html)).toHaveLength(3);
    const fleet = await there.get('/console/fleet');
    expect(fleet.status).toBe(200);
    expect(textOf(fleet.html)).toContain('Temporal does not answer.');
  });
});

interface Done {
  check: Seen;
  done: Seen;
  form: Record<string, string>;
}

/** All three steps of an action; the last twice where `again` says so. */
async function act(driver: Driver, name: string, form: Record<string, string>): Promise<Done> {
  const path = at(driver, `/do/${name}`);
  expect((await visit.get(path)).status).toBe(200);
  const check = await visit.post(path, { step: 'check', ...form });
  expect(check.status).toBe(200);
  const sent = { step: 'do', ...form, key: hiddenOf(check.html, 'key') };
  return { check, done: await visit.post(path, sent), form: sent };
}

const because = { reason: 'they asked' };

describe('an action', () => {
  test('gives credits, as the call that was shown', async () => {
    const driver = await Driver.open(stack);
    const { check, done, form } = await act(driver, 'grant', {
      credits: '70',
      expires_at: '2027-01-01T12:00',
      ...because,
    });
    const said = textOf(check.html);
    expect(said).toContain(
      '70 credits of adjustment from Jan 31, 2026, 12:00 AM UTC until Jan 1, 2027, 12:00 PM UTC.',
    );
    const curl = `curl -X POST 'http://localhost/v1/subscriptions/${driver.id}/grants' \\ -H "Authorization: Bearer $DRAWDOWN_KEY" \\ -H 'Idempotency-Key: ${form['key']}' \\ -H 'Content-Type: application/json' \\ -d '{"credits":70,"expires_at":"2027-01-01T12:00:00.000Z","reason":"they asked"}'`;
    expect(said).toContain(curl);
    expect(textOf(done.html)).toContain('It is booked.');
    expect(await driver.available()).toBe(270);
    // The very same request over the API is the same request: the key knows it.
    const body = { credits: 70, expires_at: '2027-01-01T12:00:00.000Z', reason: 'they asked' };
    const again = await driver.post('grants', body, { 'Idempotency-Key': form['key']! });
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
    expect(await driver.available()).toBe(270);
  });

  test('gives credits without an end of their own (R-83)', async () => {
    const driver = await Driver.open(stack);
    const { check, done } = await act(driver, 'grant', { credits: '70', expires_at: '', ...because });
    expect(textOf(check.html)).toContain('AM UTC until the subscription ends.');
    expect(textOf(check.html)).toContain('"expires_at":null');
    expect(textOf(done.html)).toContain('"expires_at": null');
  });

  test('that is sent twice is done once', async () => {
    const driver = await Driver.open(stack);
    const { form } = await act(driver, 'grant', {
      credits: '70',
      expires_at: '2027-01-01T12:00',
      ...because,
    });
    const again = await visit.post(at(driver, '/do/grant'), form);
    expect(textOf(again.html)).toContain('It had been done before with this key');
    expect(await driver.available()).toBe(270);
  });

  test('takes an adjustment back', async () => {
    const driver = await Driver.open(stack);
    const grant = await driver.give(50);
    const form = { grant_id: String(grant['id']), ...because };
    const { check, done, form: sent } = await act(driver, 'revoke', form);
    expect(textOf(check.html)).toContain('50 credits are taken back');
    expect(textOf(done.html)).toContain('"revoked": 50');
    expect(await driver.available()).toBe(200);
    // It is not on offer any more, and the call that was made finds its answer all the same.
    expect(textOf((await visit.post(at(driver, '/do/revoke'), sent)).html)).toContain('done before');
  });

  test('refunds a purchase, foretold to the credit', async () => {
    const driver = await Driver.open(stack);
    const bought = await driver.buy(1);
    bodyOf(await driver.spend(300), 201);
    const { check, done } = await act(driver, 'refund', {
      purchase_id: String(bought['id']),
      amount_minor: '',
      ...because,
    });
    const said = textOf(check.html);
    expect(said).toContain('$15.00 go back.');
    expect(said).toContain('200 credits of its 300 are taken back.');
    expect(said).toContain('100 credits can’t be: they are spent, held or gone.');
    expect(said).toContain('The packs that renew go from 1 to 0.');
    expect(done.html).toContain('&quot;revoked&quot;: 200');
    expect(done.html).toContain('&quot;unrecoverable&quot;: 100');
  });

  test('ends a subscription now, naming the lost credits', async () => {
    const driver = await Driver.open(stack);
    await driver.buy(1);
    const { check } = await act(driver, 'cancel', because);
    const said = textOf(check.html);
    expect(said).toContain('500 credits are forfeited: 200 of allowance, 300 of pack.');
    expect(said).toContain('The subscription becomes ended.');
    expect((await driver.subscription()).status).toBe('ended');
    expect(linesOf((await visit.get(at(driver))).html).join('\n')).toContain(
      'R-50 -500 500 credits forfeited',
    );
  });

  test('tries an unpaid renewal again', async () => {
    const { pastDue } = await leadLives(stack, ['pastDue']);
    const driver = new Driver(stack, pastDue);
    const { check } = await act(driver, 'retry', { payment_method: 'sandbox_ok', ...because });
    const said = textOf(check.html);
    expect(said).toContain('Billing is asked for $29.00 by sandbox_ok.');
    expect(said).toContain('If it is paid: 200 credits of allowance');
    expect((await driver.subscription()).status).toBe('active');
  });

  test('settles a pending charge of the sandbox', async () => {
    const { purchasePending } = await leadLives(stack, ['purchasePending']);
    const driver = new Driver(stack, purchasePending);
    const [charge] = bodyOf<{ data: Json[] }>(await driver.get('charges')).data;
    const { check, done } = await act(driver, 'settle', {
      charge_id: String(charge!['id']),
      outcome: 'paid',
      ...because,
    });
    expect(textOf(check.html)).toContain('300 credits of pack');
    expect(done.status).toBe(200);
    await expect.poll(() => driver.available(), { timeout: 10_000 }).toBe(500);
  });

  test('advances a test clock, foretelling the due work', async () => {
    const driver = await Driver.open(stack);
    const { check, done } = await act(driver, 'advance', { to: '2026-03-03T00:00', ...because });
    const said = textOf(check.html);
    expect(said).toContain('renewal ($29.00, if it is paid)');
    expect(said).toContain('refresh (+200 credits)');
    expect(said).toContain('expiry (-200 credits)');
    expect(textOf(done.html)).toContain('"now": "2026-03-03T00:00:00.000Z"');
  });

  test.each<[string, string, Record<string, string>, string]>([
    ['no reason', 'grant', { credits: '1', expires_at: '2027-01-01T12:00', reason: ' ' }, 'must be given'],
    [
      'no number',
      'grant',
      { credits: 'ten', expires_at: '2027-01-01T12:00', ...because },
      'must be a whole number from 1',
    ],
    ['no instant', 'grant', { credits: '1', expires_at: 'soon', ...because }, 'must be a date and a time'],
    ['another’s grant', 'revoke', { grant_id: newId('grt'), ...because }, 'must be one of those listed'],
    ['an id that is none', 'revoke', { grant_id: '../x', ...because }, 'must be one of those listed'],
  ])('with %s is asked for again, and changes nothing', async (_, name, form, says) => {
    const driver = await Driver.open(stack);
    await driver.give(5);
    const before = await driver.subscription();
    for (const step of ['check', 'do']) {
      const seen = await visit.post(at(driver, `/do/${name}`), { step, ...form, key: newId('console') });
      // Only the API knows some faults of an id, so the API's answer names them.
      if (!(step === 'do' && form['grant_id']?.startsWith('grt_'))) expect(textOf(seen.html)).toContain(says);
      expect(seen.status).toBeGreaterThanOrEqual(400);
    }
    expect(await driver.subscription()).toEqual(before);
  });

  test('that would be refused says so before it is done', async () => {
    const driver = await Driver.open(stack);
    const form = { step: 'check', credits: '1', expires_at: '2020-01-01T00:00', ...because };
    const seen = await visit.post(at(driver, '/do/grant'), form);
    expect(textOf(seen.html)).toContain('It would be refused:');
    expect(seen.html).not.toContain('Give them');
  });

  test('can do no more than the operator’s key', async () => {
    const driver = await Driver.open(stack);
    await stack.db.execute(sql`insert into api_keys (id, secret_hash, scopes)
      select 'key_narrow', encode(sha256(convert_to(${'n'.repeat(32)}, 'UTF8')), 'hex'), '{operator}'`);
    const narrow = await Visit.begin(stack, `dd_test_narrow_${'n'.repeat(32)}`);
    const form = { step: 'do', ...because, key: newId('console') };
    const seen = await narrow.post(at(driver, '/do/cancel'), form);
    expect(seen.status).toBe(409);
    expect(textOf(seen.html)).toContain('The key lacks the scope');
    expect((await driver.subscription()).status).toBe('active');
  });
});

describe('the fleet', () => {
  test('shows past-due customers, queues, work due within the hour and workers', async () => {
    const { pastDue } = await leadLives(stack, ['pastDue']);
    const live = new Driver(
      stack,
      bodyOf<{ id: string }>(await start(stack, { test_clock: undefined }), 201).id,
    );
    const soon = new Date(Date.now() + 600_000).toISOString();
    await live.give(5, soon);
    const html = (await visit.get('/console/fleet')).html;
    const text = textOf(html);
    for (const id of [pastDue, live.id]) expect(html).toContain(`href="/console/subscriptions/${id}"`);
    expect(text).toMatch(/expiry in (9|10) min/);
    expect(text).toContain('One worker asks for work');
    expect(text).toContain('Overdue work due more than a minute ago and not booked 0');
  });

  test('counts overdue work', async () => {
    const live = new Driver(
      stack,
      bodyOf<{ id: string }>(await start(stack, { test_clock: undefined }), 201).id,
    );
    const before = await textAt('/console/fleet');
    // As if it had been due two minutes ago and nobody had come.
    await stack.db.execute(sql`update grants set effective_at = effective_at - interval '1 day',
      expires_at = clock_timestamp() - interval '2 minutes' where subscription_id = ${live.id}`);
    const after = await textAt('/console/fleet');
    expect(before).toContain('and not booked 0');
    expect(after).toContain('and not booked 1');
    await stack.db.execute(
      sql`update grants set expires_at = clock_timestamp() + interval '20 days' where subscription_id = ${live.id}`,
    );
  });
});
