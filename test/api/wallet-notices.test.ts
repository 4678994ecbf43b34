import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { bodyOf, Driver, type Json } from './driver.ts';
import { PageVisitor, textOf } from './pages.ts';

// The wallet's notices are true: the effect of a form is shown once, everything else is read from the ledger.

let stack: Stack;
let driver: Driver;
let visitor: PageVisitor;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());
beforeEach(async () => {
  driver = await Driver.open(stack);
  visitor = await PageVisitor.enter(stack, driver.id);
});

const wallet = async (path = '/wallet') => textOf((await visitor.get(path)).html);
const AGAIN = 'This had been done before: nothing was done a second time.';
const THANKS = 'Thank you. 300 credits are yours to use: 1 pack, $15.00.';
const BUY = { packs: '1', price: '1500', key: 'buy' };

describe('an address claims nothing', () => {
  test.each(['cancelled', 'ended', 'resumed', 'removed', 'pending', 'paid', 'unpaid'])(
    '?done=%s says nothing that is not so',
    async (done) => {
      for (const path of ['/wallet', '/wallet/add-ons', '/wallet/out-of-credits'])
        expect(await wallet(`${path}?done=${done}`)).toBe(await wallet(path));
    },
  );

  test('?purchase= thanks for nothing', async () => {
    const { id } = await driver.buy(1);
    expect(await wallet(`/wallet?purchase=${String(id)}`)).toBe(await wallet());
    expect((await visitor.get('/wallet?purchase=pur_none')).status).toBe(200);
  });
});

describe('the effect of a form', () => {
  test('is said by the next page, once: Back and reload say how it stands', async () => {
    expect(await visitor.sent('/wallet/purchases', BUY)).toContain(THANKS);
    expect(await wallet()).not.toContain('Thank you');
    expect(await visitor.sent('/wallet/cancel', { key: 'end' })).toContain('Your plan is cancelled.');
    expect(await wallet()).not.toContain('Your plan is cancelled.');
  });

  test('is said as done before, of a form that is sent again', async () => {
    await visitor.sent('/wallet/purchases', BUY);
    expect(await visitor.sent('/wallet/purchases', BUY)).toContain(`${AGAIN} ${THANKS}`);
    await visitor.sent('/wallet/cancel', { key: 'end' });
    await visitor.sent('/wallet/resume', { key: 'on' });
    const again = await visitor.sent('/wallet/cancel', { key: 'end' });
    expect(again).toContain(AGAIN);
    expect(again).not.toMatch(/is cancelled|ends on/);
    expect(bodyOf(await driver.get())).toMatchObject({ scheduled_change: null });
  });

  test.each(['cancel', 'resume', 'pay'])('is nothing where it was so already: %s', async (form) => {
    if (form === 'cancel') await driver.post('cancel', {});
    expect(await visitor.sent(`/wallet/${form}`)).toContain(AGAIN);
  });

  test('is said of a purchase as it stands by then', async () => {
    const answer = await visitor.post('/wallet/purchases', BUY);
    expect(answer.status).toBe(303);
    const { data } = bodyOf(await driver.get('purchases')) as { data: Json[] };
    bodyOf(await driver.post(`purchases/${String(data[0]!['id'])}/refund`, { reason: 'changed their mind' }));
    const page = await wallet();
    expect(page).toContain('Of the $15.00 you paid, $15.00 were given back.');
    expect(page).not.toContain('Thank you');
  });

  test('is still said where the page shows itself anew, of the state as it is then', async () => {
    await visitor.post('/wallet/cancel');
    const { html } = await visitor.get('/wallet');
    const headers = { 'Drawdown-Notice': /data-notice="([^"]+)"/.exec(html)![1]! };
    const again = async () => textOf((await visitor.get('/wallet', headers)).html);
    expect(await again()).toContain('Your plan is cancelled.');
    await driver.post('resume', {});
    expect(await again()).not.toContain('Your plan is cancelled.');
    // Fetched by a page that knows of nothing, it waits for the next page all the same.
    await visitor.post('/wallet/cancel');
    expect(textOf((await visitor.get('/wallet', { 'Drawdown-Notice': '' })).html)).not.toContain(
      'is cancelled.',
    );
    expect(await wallet()).toContain('Your plan is cancelled.');
    for (const forged of ['x', 'eyJ9.x', `${headers['Drawdown-Notice']}x`, ''])
      expect((await visitor.get('/wallet', { 'Drawdown-Notice': forged })).status).toBe(200);
  });

  test('is said in the wallet it was done in, and in no other', async () => {
    const other = await PageVisitor.enter(stack, (await Driver.open(stack)).id);
    await visitor.post('/wallet/cancel');
    const reported = /drawdown_notice=[^;]+/.exec(visitor.cookie!)![0];
    await other.post('/wallet/cancel');
    other.cookie = other.cookie!.replace(/drawdown_notice=[^;]+/, reported);
    expect(textOf((await other.get('/wallet')).html)).not.toContain('Your plan is cancelled.');
  });
});

describe('past due', () => {
  test('a payment that is pending is no next charge, and no failure', async () => {
    await driver.put('payment_method', { payment_method: 'sandbox_pending' });
    await driver.advance('2026-03-02T12:00:00Z');
    expect(bodyOf(await driver.get())).toMatchObject({ status: 'past_due', next_renewal: null });
    const page = await wallet();
    expect(page).toContain('Charge under way The payment is on its way.');
    expect(page).toContain('Your renewal of Feb 28 is not paid yet. Its payment is on its way');
    expect(page).not.toMatch(/could not be paid|declined|Next charge/);
    expect(page).toContain('Nothing is left to use: 200 credits expired unused on Mar 2.');
  });
});

/** The rows of the table: instant, event, and the credits available after it. */
const tableOf = (html: string) =>
  [
    ...html.matchAll(
      /<tr><th scope="row"><time datetime="([^"]+)".*?<td>(.*?)<\/td><td class="right">([\d,]+)</gs,
    ),
  ].map(([, at, what, credits]) => ({ at: at!, what: what!, credits: Number(credits!.replaceAll(',', '')) }));

const balanceAt = async (at: string) => Number(bodyOf(await driver.get(`balance?at=${at}`))['available']);
const use = async (quantity: number) =>
  bodyOf(await driver.post('usage', { items: [{ feature: 'generate_look', quantity }] }), 201);

test('every row of the table equals the answer of `balance?at=`, on a day full of uses too', async () => {
  await use(20);
  await driver.advance('2026-02-10T09:00:00Z');
  await use(3);
  await driver.buy(1);
  await use(4);
  await driver.advance('2026-02-10T17:30:00Z');
  await use(5);
  await driver.advance('2026-03-01T22:00:00Z');
  await use(6);
  await driver.put('payment_method', { payment_method: 'sandbox_declined' });
  // The first allowance expires on March 2nd, in the middle of a day that is used before and after.
  await driver.advance('2026-03-02T09:00:00Z');
  await use(7);
  for (const day of ['2026-03-02T12:00:00Z', '2026-03-31T12:00:00Z', '2026-04-01T06:00:00Z']) {
    await driver.advance(day);
    const rows = tableOf((await visitor.get('/wallet')).html);
    expect(rows.length).toBeGreaterThan(3);
    for (const { at, what, credits } of rows)
      expect([at, what, credits]).toEqual([at, what, await balanceAt(at)]);
    const { data } = bodyOf(await driver.get('schedule?limit=8')) as { data: Json[] };
    const last = rows.at(-1)!.at;
    for (const { at } of data.filter((happening) => String(happening['at']) <= last))
      expect(rows.map((row) => row.at)).toContain(at);
  }
});

describe('Or wait', () => {
  const prompt = (needed: number) => wallet(`/wallet/out-of-credits?needed=${needed}`);

  test.each([
    // 200 arrive on February 28th, when the first 200 are still there.
    [400, true],
    [401, false],
    [2_000, false],
  ])('of %i needed: %s', async (needed, isOffered) => {
    const page = await prompt(needed);
    if (isOffered) expect(page).toContain('Or wait: 200 credits arrive on Feb 28.');
    else expect(page).not.toContain('Or wait');
  });

  test('counts without credits that expire until then', async () => {
    await driver.advance('2026-03-05T00:00:00Z');
    // On March 31st the allowance of February 28th is gone since March 30th.
    expect(await prompt(201)).not.toContain('Or wait');
  });
});
