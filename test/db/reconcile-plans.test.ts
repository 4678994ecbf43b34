import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcile } from '../../src/db/audit/reconcile.ts';
import { CATALOGS } from '../scenarios/catalogs.ts';
import { expectSound } from '../support/invariants.ts';
import { did, type Plan, subscribe } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { AT_REST, BentBooks, type Fault } from './bent-books.ts';

// Trials, several packs, weekly plans and kept prices: sound books are explained whole, and a bent row is named.

const FROM = '2026-03-01T00:00:00.000Z';
const TO = '2026-04-03T00:00:00.000Z';

const LIVES = {
  trial: { plan: 'plus', interval: 'month' },
  packs: { plan: 'plus', interval: 'month' },
  weekly: { plan: 'lite', interval: 'week' },
  quarterly: { plan: 'max', interval: 'quarter' },
  free: { plan: 'free', interval: 'quarter' },
} as const;
type Name = keyof typeof LIVES;

async function lead(stack: Stack, name: Name): Promise<string> {
  const wanted: Plan = { ...LIVES[name], from: FROM };
  const id = await subscribe(stack, wanted, {
    payment_method: 'sandbox_ok',
    ...(name === 'packs' ? { trial: false } : {}),
  });
  if (name === 'packs')
    for (const pack of ['small', 'big']) await did(stack, id, 'POST purchases', { packs: 1, pack });
  await did(stack, id, 'POST advance', { to: TO });
  return id;
}

let books: BentBooks<Name>;
beforeAll(async () => {
  const stack = await startStack({ catalog: CATALOGS['kept']! });
  const names = Object.keys(LIVES) as Name[];
  const led = await Promise.all(names.map(async (name) => [name, await lead(stack, name)] as const));
  books = new BentBooks(stack, Object.fromEntries(led) as Record<Name, string>);
});
afterAll(() => books?.stack.stop());

test('all of it has its reason', async () => {
  const { all, unexplained } = await reconcile(books.stack.db, AT_REST);
  expect(unexplained).toEqual([]);
  expect(all.explained).toBe(all.total);
  await expectSound(books.stack.db);
});

test.each<Fault>([
  [
    'a trial with other credits',
    () => sql`update grants set amount = 151 where id = ${books.grant('trial', 'trial')}`,
    'R-23',
    () => `The allowance of 151 credits of ${FROM} is what no catalogue gives for a trial.`,
  ],
  [
    'a trial of a customer who had none',
    () => sql`update grants set cause = ${'forged_trial'} where id = ${books.grant('weekly', 'a0_0')}`,
    'R-23',
    () => `The allowance of 100 credits of ${FROM} is of a trial that its subscription never had.`,
  ],
  [
    'one of the packs of a renewal, not granted',
    () => sql`delete from grants where id = ${books.grant('packs', 'p0_1_1')}`,
    'R-40',
    () =>
      'The renewal of USD 47.00 of 2026-04-01T00:00:00.000Z is paid, and credits that it brings were not granted: 1000 of packs.',
  ],
  [
    'a kept price that no catalogue had',
    () => sql`update charges set amount_minor = 1800, lines = jsonb_set(lines, '{0,amountMinor}', '1800')
      where id = ${books.charge('trial', 'r0_0')}`,
    'R-07',
    () => 'The renewal of USD 18.00 of 2026-03-08T00:00:00.000Z should be USD 19.00 by its catalogue kept.',
  ],
  [
    'a weekly allowance off its boundary',
    () =>
      sql`update grants set effective_at = effective_at + interval '3 days' where id = ${books.grant('weekly', 'a0_2')}`,
    'R-10',
    () =>
      'The allowance of 100 credits of 2026-03-18T00:00:00.000Z is of cycle 2, which begins 2026-03-15T00:00:00.000Z.',
  ],
  [
    'a refresh of a quarter, of another amount',
    () => sql`update grants set amount = 1001 where id = ${books.grant('quarterly', 'a0_1')}`,
    'R-01',
    () =>
      'The allowance of 1001 credits of 2026-04-01T00:00:00.000Z is what no catalogue gives to max by the quarter.',
  ],
  [
    'a refresh of a free plan, of another amount',
    () => sql`update grants set amount = 51 where id = ${books.grant('free', 'a0_1')}`,
    'R-01',
    () => 'The allowance of 51 credits of 2026-04-01T00:00:00.000Z is what no catalogue gives.',
  ],
])('%s', (_, bend, rule, problem) => books.expectNamed(bend(), rule, problem()));
