import { sql } from 'drizzle-orm';
import type { Database } from '../../src/db/client.ts';
import { did, subscribe } from './lives.ts';
import type { Stack } from './stack.ts';

// Many lives in one ledger, by name: a sound book.

const MONTHLY = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
const YEARLY = { plan: 'creator', interval: 'year', from: '2026-01-17T00:00:00.000Z' } as const;
const PENDING = { payment_method: 'sandbox_pending' };

const advance = (stack: Stack, id: string, to: string) =>
  did(stack, id, 'POST advance', { to: `${to}T00:00:00.000Z` });
const buy = (stack: Stack, id: string, packs: number, more: object = {}) =>
  did(stack, id, 'POST purchases', { packs, ...more });

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Settles the newest charge through the inbox, and waits until that changed it. */
async function settle(stack: Stack, id: string, outcome: 'paid' | 'declined'): Promise<void> {
  const before = await newestCharge(stack.db, id);
  await stack.request('POST', `/v1/sandbox/charges/${before.id}/settle`, { body: { outcome } });
  for (const until = Date.now() + 15_000; Date.now() < until; await pause(50)) {
    const { status, refunded } = await newestCharge(stack.db, id);
    if (status !== before.status || refunded !== before.refunded) return;
  }
  throw new Error(`the settlement of ${before.id} was not worked within 15 s`);
}

async function newestCharge(db: Database, id: string) {
  const [row] = await db.execute<{ id: string; status: string; refunded: number }>(
    sql`select id, status, refunded_minor::int as refunded from charges where subscription_id = ${id} order by step desc limit 1`,
  );
  return row!;
}

/** Each answers the id of the subscription it led. */
const LIVES = {
  async monthly(stack) {
    const id = await subscribe(stack, MONTHLY);
    await buy(stack, id, 1);
    await did(stack, id, 'POST usage', { items: [{ feature: 'generate_look', quantity: 5 }] });
    await advance(stack, id, '2026-04-15');
    return id;
  },
  async annual(stack) {
    const id = await subscribe(stack, YEARLY, { time_zone: 'Europe/Berlin' });
    await buy(stack, id, 2);
    await advance(stack, id, '2027-04-20');
    return id;
  },
  async enterprise(stack) {
    const id = await subscribe(stack, { ...MONTHLY, plan: 'enterprise' }, { allowance: 500 });
    const grant = { credits: 100, expires_at: '2026-06-01T00:00:00.000Z', reason: 'goodwill' };
    await did(stack, id, 'POST grants', grant);
    await did(stack, id, 'PUT allowance', { credits: 600 });
    await advance(stack, id, '2026-04-15');
    return id;
  },
  async movedIn(stack) {
    const from = '2026-05-20T00:00:00.000Z';
    const id = await subscribe(stack, { ...YEARLY, from }, { anchor_at: '2025-01-31T00:00:00.000Z' });
    await advance(stack, id, '2027-04-15');
    return id;
  },
  async movedInMonthly(stack) {
    const from = '2026-05-20T00:00:00.000Z';
    const id = await subscribe(stack, { ...MONTHLY, from }, { anchor_at: '2025-01-31T00:00:00.000Z' });
    await advance(stack, id, '2026-08-15');
    return id;
  },
  async upgraded(stack) {
    const id = await subscribe(stack, MONTHLY);
    await buy(stack, id, 1);
    await advance(stack, id, '2026-02-10');
    await did(stack, id, 'POST change', { plan: 'pro', interval: 'month' });
    await advance(stack, id, '2026-03-20');
    await did(stack, id, 'POST change', { plan: 'pro', interval: 'year' });
    await advance(stack, id, '2026-06-25');
    return id;
  },
  async downgraded(stack) {
    const id = await subscribe(stack, YEARLY);
    await did(stack, id, 'POST change', { plan: 'creator', interval: 'month' });
    await advance(stack, id, '2027-03-20');
    return id;
  },
  async pastDue(stack) {
    const id = await subscribe(stack, MONTHLY);
    await did(stack, id, 'PUT payment_method', { payment_method: 'sandbox_declined' });
    await advance(stack, id, '2026-03-02');
    return id;
  },
  async unpaid(stack) {
    const id = await subscribe(stack, MONTHLY);
    await did(stack, id, 'PUT payment_method', { payment_method: 'sandbox_declined' });
    await advance(stack, id, '2026-04-01');
    return id;
  },
  async paidLate(stack) {
    const id = await subscribe(stack, MONTHLY);
    await did(stack, id, 'PUT payment_method', PENDING);
    await advance(stack, id, '2026-03-03');
    await settle(stack, id, 'paid');
    return id;
  },
  async renewalPending(stack) {
    const id = await subscribe(stack, MONTHLY);
    await did(stack, id, 'PUT payment_method', PENDING);
    await advance(stack, id, '2026-03-06');
    return id;
  },
  async ended(stack) {
    const id = await subscribe(stack, MONTHLY);
    await buy(stack, id, 1);
    await did(stack, id, 'POST cancel', {});
    await advance(stack, id, '2026-03-01');
    return id;
  },
  async purchasePending(stack) {
    const id = await subscribe(stack, MONTHLY);
    await buy(stack, id, 1, PENDING);
    return id;
  },
  async purchaseSettled(stack) {
    const id = await subscribe(stack, MONTHLY);
    await buy(stack, id, 1, PENDING);
    await settle(stack, id, 'paid');
    return id;
  },
  async purchaseDeclined(stack) {
    const id = await subscribe(stack, MONTHLY);
    await buy(stack, id, 1, PENDING);
    await settle(stack, id, 'declined');
    return id;
  },
  async givenUpAndPaid(stack) {
    const id = await subscribe(stack, MONTHLY);
    await buy(stack, id, 1, PENDING);
    await advance(stack, id, '2026-02-03');
    await settle(stack, id, 'paid');
    return id;
  },
  async incomplete(stack) {
    return subscribe(stack, MONTHLY, PENDING);
  },
  async startGivenUp(stack) {
    const id = await subscribe(stack, MONTHLY, PENDING);
    await advance(stack, id, '2026-02-03');
    return id;
  },
  async startPaidLate(stack) {
    const id = await subscribe(stack, MONTHLY, PENDING);
    await did(stack, id, 'POST advance', { to: '2026-01-31T15:00:00.000Z' });
    await settle(stack, id, 'paid');
    return id;
  },
} satisfies Record<string, (stack: Stack) => Promise<string>>;

export type LifeName = keyof typeof LIVES;

/** Leads lives, at once, every one unless some are named; answers the id of each. */
export async function leadLives<Name extends LifeName>(
  stack: Stack,
  names = Object.keys(LIVES) as Name[],
): Promise<Record<Name, string>> {
  const led = await Promise.all(names.map(async (name) => [name, await LIVES[name](stack)] as const));
  return Object.fromEntries(led) as Record<Name, string>;
}
