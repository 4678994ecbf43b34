import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { Driver } from './driver.ts';
import { headingOf, type PageAnswer, PageVisitor, textOf } from './pages.ts';

// The wallet's forms: the same commands as the API's, for one subscription.

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

const BUY = { packs: '2', price: '1500' };
const locationOf = ({ headers }: PageAnswer): string => headers.get('Location') ?? '';
const seen = async () => {
  const { ledger_version, add_on, scheduled_change, status } = await driver.subscription();
  return {
    ledger_version,
    packs: add_on.packs,
    scheduled_change,
    status,
    available: await driver.available(),
  };
};

describe('Buy Now', () => {
  test('buys, shows the outcome, and takes a form that is sent again for the same', async () => {
    const form = { ...BUY, key: 'one' };
    const [first, second] = [
      await visitor.post('/wallet/purchases', form),
      await visitor.post('/wallet/purchases', form),
    ];
    expect([first, second].map((answer) => [answer.status, locationOf(answer)])).toEqual([
      [303, '/wallet'],
      [303, '/wallet'],
    ]);
    expect(await seen()).toMatchObject({ packs: 2, available: 800 });
  });

  test('under a key that was used for something else does nothing', async () => {
    await visitor.post('/wallet/purchases', { ...BUY, key: 'one' });
    const answer = await visitor.post('/wallet/purchases', { ...BUY, packs: '3', key: 'one' });
    expect([answer.status, headingOf(answer)]).toEqual([422, 'The key was used for another request']);
    expect(await seen()).toMatchObject({ packs: 2 });
  });

  test('at another price than the page showed does nothing', async () => {
    const before = await seen();
    const answer = await visitor.post('/wallet/purchases', { ...BUY, price: '1400' });
    expect([answer.status, textOf(answer.html)]).toEqual([
      422,
      expect.stringContaining('The price has changed'),
    ]);
    expect(await seen()).toEqual(before);
  });

  test('that is declined does nothing, and says so', async () => {
    await driver.put('payment_method', { payment_method: 'sandbox_declined' });
    const before = await seen();
    const answer = await visitor.post('/wallet/purchases', BUY);
    expect([answer.status, headingOf(answer)]).toEqual([402, 'The payment was declined']);
    expect(await seen()).toEqual(before);
  });

  test('that is pending says that the credits are on their way', async () => {
    await driver.put('payment_method', { payment_method: 'sandbox_pending' });
    expect(await visitor.sent('/wallet/purchases', BUY)).toContain('Your payment is on its way.');
  });
});

describe('a form', () => {
  test.each([
    ['another site', { Origin: 'https://evil.example' }],
    ['another site, as browsers say it', { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }],
    ['another port', { Origin: 'http://localhost:8080' }],
  ])('from %s changes nothing', async (_, headers) => {
    const before = await seen();
    for (const path of ['purchases', 'add-ons', 'cancel', 'resume', 'pay', 'leave']) {
      const answer = await visitor.post(`/wallet/${path}`, { packs: '1', price: '1500' }, headers);
      expect([path, answer.status, headingOf(answer)]).toEqual([path, 403, 'This form came from elsewhere']);
    }
    expect(await seen()).toEqual(before);
    expect((await visitor.get('/wallet')).status).toBe(200);
  });

  test.each([
    ['packs that are no number', { packs: 'x', price: '1500' }],
    ['half a pack', { packs: '1.5', price: '1500' }],
    ['no pack', { packs: '0', price: '1500' }],
    ['more than may be bought at once', { packs: '101', price: '1500' }],
    ['a member that does not exist', { ...BUY, subscription_id: 'sub_other' }],
    ['no key', { ...BUY, key: '' }],
    ['a key no header could carry', { ...BUY, key: 'a\nb' }],
  ])('with %s changes nothing', async (_, fields) => {
    const before = await seen();
    expect((await visitor.post('/wallet/purchases', fields)).status).toBe(400);
    expect(await seen()).toEqual(before);
  });

  test('that is no form changes nothing', async () => {
    const before = await seen();
    const request = new Request('http://localhost/wallet/purchases', {
      method: 'POST',
      body: JSON.stringify({ key: 'k', ...BUY }),
      headers: { 'Content-Type': 'application/json', Cookie: visitor.cookie!, Origin: 'http://localhost' },
    });
    expect((await stack.fetch(request)).status).toBe(400);
    expect(await seen()).toEqual(before);
  });
});

test('an add-on is lowered, and delivered packs stay', async () => {
  await driver.buy(3);
  expect(await visitor.sent('/wallet/add-ons', { packs: '1' })).toContain(
    'The add-on is changed. Credits you have stay.',
  );
  expect(await seen()).toMatchObject({ packs: 1, available: 1_100 });
  const page = textOf((await visitor.get('/wallet/add-ons')).html);
  expect(page).toContain('1 pack, 300 credits for $15.00, with each renewal of your plan, next on Feb 28');
  expect(page).toContain('900 credits of your packs are not used yet. They stay until May 29 at the latest');
});

test('a cancel names the credits that will be lost, and can be undone', async () => {
  await driver.buy(1);
  const asked = textOf((await visitor.get('/wallet/cancel')).html);
  expect(asked).toContain('Your plan goes on until Feb 28');
  expect(asked).toContain('500 credits will be lost then, unless you use them first.');
  expect(asked).toContain('Your add-on of 1 pack is cancelled as well.');

  const cancelled = await visitor.sent('/wallet/cancel');
  expect(await seen()).toMatchObject({ scheduled_change: { kind: 'cancel' }, available: 500 });
  expect(cancelled).toContain('Your plan is cancelled. You can undo that until it ends.');
  expect(cancelled).toContain('Your plan ends on Feb 28. Unused credits, packs included, expire then');
  expect(cancelled).toContain('Nothing more will be charged.');

  expect(await visitor.sent('/wallet/resume')).toContain('Your plan goes on.');
  expect(await seen()).toMatchObject({ scheduled_change: null, available: 500 });
});

describe('who can’t buy is told why, and the way out', () => {
  const addOns = async () => textOf((await visitor.get('/wallet/add-ons')).html);

  test('Free', async () => {
    await driver.post('cancel', { at: 'now' });
    const page = await addOns();
    expect(page).toContain('Your plan ended on Jan 31. Unused credits expired with the plan');
    expect(page).toContain('You must have an active Creator, Pro or Business plan to have an active add-on.');
    expect(page).not.toContain('Buy Now');
  });

  test('Enterprise', async () => {
    driver = await Driver.open(stack, { plan: 'enterprise', allowance: 5_000 });
    visitor = await PageVisitor.enter(stack, driver.id);
    const page = await addOns();
    expect(page).toContain('reach out to their account manager to purchase Premium Credits');
    expect(page).not.toContain('Buy Now');
    expect(textOf((await visitor.get('/wallet')).html)).toContain('Your contract pays for this plan.');
  });

  test('past due, and paying with a card that works goes on', async () => {
    await driver.put('payment_method', { payment_method: 'sandbox_declined' });
    await driver.advance('2026-03-01T12:00:00Z');
    const page = await addOns();
    expect(page).toContain('Your renewal of Feb 28 was declined. It is tried again on Mar 3.');
    expect(page).not.toContain('Buy Now');
    expect(textOf((await visitor.get('/wallet')).html)).toContain('$29.00');
    expect(textOf((await visitor.get('/wallet/cancel')).html)).toContain('so the plan ends at once');
    expect(await visitor.sent('/wallet/pay')).toContain('Thank you: your renewal is paid.');
    expect(await addOns()).toContain('Buy Now');
  });

  test('cancelling', async () => {
    await driver.post('cancel', {});
    const page = await addOns();
    expect(page).toContain('Keep my plan');
    expect(page).toContain('Packs bought now would be lost when the plan ends.');
    expect(page).not.toContain('Buy Now');
  });
});

test('a renewal that is less than seven days away is told before buying', async () => {
  const warning = 'A pack bought now is charged again then, unless you remove it before.';
  await driver.advance('2026-02-20T23:59:59Z');
  expect(textOf((await visitor.get('/wallet/add-ons')).html)).not.toContain(warning);
  await driver.advance('2026-02-21T00:00:01Z');
  expect(textOf((await visitor.get('/wallet/add-ons')).html)).toContain(
    `Your plan renews in 7 days. ${warning}`,
  );
});
