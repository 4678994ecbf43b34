import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcile } from '../../src/db/audit/reconcile.ts';
import { Driver } from '../api/driver.ts';
import type { LifeName } from '../support/books.ts';
import { expectInvariants } from '../support/invariants.ts';
import { AT_REST, BentBooks } from './bent-books.ts';

// The reconciler on the sound books of many lives. Bent books: reconcile-charges, -grants and -inbox.

let books: BentBooks<LifeName>;
beforeAll(async () => {
  books = await BentBooks.open();
});
afterAll(() => books?.stack.stop());

test('a clean book of many lives is explained whole: 1.0', async () => {
  const { db } = books.stack;
  const { all, charges, grants, inbox, unexplained } = await reconcile(db, AT_REST);
  expect(unexplained).toEqual([]);
  for (const counted of [all, charges, grants, inbox]) {
    expect(counted.total).toBeGreaterThan(0);
    expect(counted.explained).toBe(counted.total);
  }
  expect(all.total).toBe(charges.total + grants.total + inbox.total);
  await expectInvariants(db);
});

test('a zone that JavaScript knows and PostgreSQL does not fails nobody’s reconciliation', async () => {
  const { db } = books.stack;
  const zone = 'US/Pacific-New';
  await expect(db.execute(sql`select now() at time zone ${zone}`)).rejects.toThrow();
  const driver = await Driver.open(books.stack, { time_zone: zone });
  await driver.advance('2026-03-15T00:00:00Z');
  const wanted = { ...AT_REST, subscriptionIds: [driver.id] };
  expect(await reconcile(db, wanted)).toMatchObject({ all: { total: 4, explained: 4 }, unexplained: [] });
});

test('only the subscriptions that are asked for are looked at, and those that are not here are named', async () => {
  const subscriptionIds = [books.ids.ended, 'sub_nobody'];
  expect(await reconcile(books.stack.db, { ...AT_REST, subscriptionIds })).toMatchObject({
    all: { total: 4, explained: 4 },
    charges: { total: 2, explained: 2 },
    grants: { total: 2, explained: 2 },
    inbox: { total: 0, explained: 0 },
    not_here: ['sub_nobody'],
    unexplained: [],
  });
});
