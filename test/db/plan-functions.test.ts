import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { packsIn } from '../../src/domain/catalog/packs.ts';
import { nextRenewal } from '../../src/domain/charges.ts';
import { type ChargeRecord, emptyBook } from '../../src/domain/model/book.ts';
import { withdrawnPacks } from '../../src/domain/model/refunds.ts';
import { type LastPrices, noticesOf } from '../../src/domain/notices.ts';
import { withdraw } from '../../src/domain/refunds.ts';
import type { AddOnItem, State } from '../../src/domain/state.ts';
import { edited, editsOf } from '../domain/catalogs.ts';
import { type History, histories } from '../domain/history.ts';
import { Model } from '../domain/model.ts';
import { sized } from '../support/campaign.ts';
import { openDatabase } from './raw-ledger.ts';

// SQL functions that decide as the core does: the packs that refunds withdraw, and the price of the next term (R-08a).
// Both get the same random input and must agree.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.$client.end());

const seed = Date.now() & 0x7fffffff;
const drawn = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number): T[] => {
  process.stderr.write(`  plan functions: seed ${seed}\n`);
  return fc.sample(arbitrary, { seed, numRuns });
};

const PACKS = ['pack_a', 'pack_b', 'pack_c'];
const items: fc.Arbitrary<AddOnItem[]> = fc
  .subarray(PACKS)
  .chain((some) =>
    fc.tuple(
      ...some.map((pack) => fc.record({ pack: fc.constant(pack), quantity: fc.integer({ min: 1, max: 4 }) })),
    ),
  );

test('R-81: the packs of an add-on after refunds, by the ledger and by the core', async () => {
  const cases = drawn(
    fc.record({
      addOn: items,
      known: fc.option(fc.record({ packs: items, lowered: items })),
      refunded: items,
    }),
    sized(500, 5_000),
  );
  const states = cases.map(({ addOn, known }) => ({
    ...{ status: 'active', addOn, now: 0, grants: [], waiting: [] },
    ...(known ? { withdrawn: { ...known, nth: 1 } } : {}),
  })) as unknown as State[];
  const sent = cases.map(({ refunded }, i) => ({ state: states[i], refunded }));
  const rows = await db.execute<{ packs: number }>(sql`
    select packs_after(c->'state', c->'refunded') as packs
    from jsonb_array_elements(${JSON.stringify(sent)}::text::jsonb) with ordinality as t(c, nth) order by nth`);
  const catalog = {} as Catalog;
  const expected = cases.map(({ refunded }, i) =>
    packsIn(withdraw(states[i]!, { packs: refunded, nth: 2 }, 0, catalog).state.addOn),
  );
  expect(rows.map(({ packs }) => packs)).toEqual(expected);
});

interface Sold {
  kind: 'purchase' | 'renewal';
  pack: string;
  packs: number;
  renews: boolean;
  refundedMinor: number;
  isGranted: boolean;
}

const sold: fc.Arbitrary<Sold> = fc.record({
  kind: fc.constantFrom('purchase', 'purchase', 'renewal'),
  pack: fc.constantFrom(...PACKS),
  packs: fc.integer({ min: 1, max: 3 }),
  renews: fc.boolean(),
  refundedMinor: fc.constantFrom(0, 50, 100, 100),
  isGranted: fc.constantFrom(true, true, false),
});

function chargeOf({ kind, pack, packs, renews, refundedMinor, isGranted }: Sold, id: string): ChargeRecord {
  return {
    ...{ id, kind, at: 0, status: 'paid', amountMinor: 100, refundedMinor, currency: 'USD' },
    ...{ returnedMinor: refundedMinor, owedMinor: 0, owedReturnedMinor: 0, disputes: new Map(), packs },
    joined: kind === 'purchase' && renews ? [{ pack, quantity: packs }] : [],
    ...{ credits: 1, grantId: isGranted ? `grt_${id}` : null, revokedCredits: 0 },
  };
}

test('R-81: the packs that are refunded in whole, by the ledger and by the core', async () => {
  const books = drawn(fc.array(sold, { maxLength: 6 }), sized(100, 1_000));
  const rows = books.flatMap((book, i) =>
    book.map((one, n) => ({ ...one, sub: `sub_${i}`, id: `chg_${n}` })),
  );
  await db
    .transaction(async (tx) => {
      await tx.execute(sql`set local session_replication_role = replica`);
      await tx.execute(sql`
        insert into charges (subscription_id, id, kind, at, status, amount_minor, refunded_minor, currency, lines, attempts,
          catalog_version, step, pack, renews, packs, credits)
        select c->>'sub', c->>'id', c->>'kind', now(), 'paid', 100, (c->>'refundedMinor')::int, 'USD', '[]', '[]', 'v', 1, c->>'pack',
          (c->>'renews')::boolean, (c->>'packs')::int, 1
        from jsonb_array_elements(${JSON.stringify(rows)}::text::jsonb) c`);
      await tx.execute(sql`
        insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, charge_id)
        select c->>'sub', 'grt_' || (c->>'id'), 'pack', 1, 1, now(), now() + interval '1 day', 1, c->>'id', c->>'id'
        from jsonb_array_elements(${JSON.stringify(rows)}::text::jsonb) c where (c->>'isGranted')::boolean`);
      const found = await tx.execute<{ packs: AddOnItem[] }>(sql`
        select packs_refunded('sub_' || i) as packs from generate_series(0, ${books.length - 1}::int) i order by i`);
      const expected = books.map((book) => {
        const charges = new Map(book.map((one, n) => [`chg_${n}`, chargeOf(one, `chg_${n}`)]));
        const packs = withdrawnPacks({ ...emptyBook(), charges });
        return packs.sort((a, b) => (a.pack < b.pack ? -1 : 1));
      });
      expect(found.map(({ packs }) => packs)).toEqual(expected);
      throw new Error('roll back');
    })
    .catch((error: Error) => {
      if (error.message !== 'roll back') throw error;
    });
});

/** A running life that keeps a price, and a catalogue that may come into force while it lives. */
interface Priced {
  state: State;
  before: Catalog;
  after: Catalog;
}

function pricedOf([history, editSeed]: [History, number]): Priced[] {
  const found: Priced[] = [];
  const model = new Model(history);
  model.run(({ state, catalog }) => {
    const edits = fc.sample(editsOf(catalog), { seed: editSeed, numRuns: 4 });
    for (const after of [catalog, ...edits.map((edit) => edited(catalog, edit))])
      if (after !== null && model.accepts(after)) found.push({ state, before: catalog, after });
  });
  return found;
}

test('R-08a: the price of the next renewal, by the ledger’s notice and by the charge', async () => {
  const lives = drawn(fc.tuple(histories, fc.nat()), sized(150, 1_500));
  const cases = lives.flatMap(pricedOf).flatMap(({ state, before, after }) => {
    const renewal = nextRenewal(state, after);
    const isKnown = state.status === 'active' && state.kept !== undefined && state.scheduled === null;
    // A subscription that moved in may have bought packs before its first term here.
    const isPriced = state.addOn.every(({ pack }) => state.kept?.packs?.[pack] !== undefined);
    if (renewal === null || !isKnown || !isPriced) return [];
    const [notice] = noticesOf(state, before);
    return [{ state, after, notice, minor: renewal.charge?.amountMinor ?? 0 }];
  });
  // A catalogue that comes into force sends no message, so the notice is there before.
  expect(cases.filter(({ notice }) => notice?.kind !== 'price_changing')).toEqual([]);
  const last = cases.map(({ notice }) => (notice as { last: LastPrices }).last);
  const sent = cases.map(({ after: { plans, packs, policies } }, i) => ({
    catalog: { plans, packs, policies },
    last: last[i],
  }));
  const rows = await db.execute<{ minor: string }>(sql`
    select price_by(c->'catalog', c->'last')::text as minor
    from jsonb_array_elements(${JSON.stringify(sent)}::text::jsonb) with ordinality as t(c, nth) order by nth`);
  expect(cases.length).toBeGreaterThan(100);
  rows.forEach(({ minor }, i) => {
    const { state, after } = cases[i]!;
    const { plan, interval, addOn, kept } = state;
    expect(
      Number(minor),
      JSON.stringify([plan, interval, addOn, kept, after.plans, after.packs, after.policies]),
    ).toBe(cases[i]!.minor);
  });
});
