import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { catalogNow, stateNow } from '../../src/workflows/older.ts';

// Rows of before packs had ids, as a recorded workflow of that time carried them. The migration and older.ts, which reads such
// workflows, must agree on what they are now.

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The input of a run that was recorded before: its catalogue, and the state that it carried. */
const recorded = (() => {
  const history = JSON.parse(readFileSync(join(root, 'test/histories/monthly-with-pack-2.json'), 'utf8'));
  const [payload] = history.events[0].workflowExecutionStartedEventAttributes.input.payloads;
  return JSON.parse(Buffer.from(payload.data, 'base64').toString());
})();
const catalog = recorded.catalog;

const charge = (id: string, kind: string, packs: number) => ({
  ...{
    id,
    kind,
    at: 1_000,
    attempt: 1,
    attemptAt: 1_000,
    amountMinor: 2_900 + packs * 1_500,
    currency: 'USD',
  },
  lines: [
    { description: 'creator monthly plan', quantity: 1, amountMinor: 2_900 },
    ...(packs > 0
      ? [{ description: 'pack of 300 credits', quantity: packs, amountMinor: packs * 1_500 }]
      : []),
  ],
  ...{ paymentMethod: 'sandbox_pending', catalogVersion: catalog.version, cycle: null, purchaseId: null },
  buys: { plan: 'creator', interval: 'month', allowance: 200, packs, packCredits: packs * 300 },
});

const base = { ...recorded.carried.state, grants: [] };
const STATES: Record<string, object> = {
  plain: base,
  'without an add-on': { ...base, packs: 0 },
  'of the year': { ...base, interval: 'year', packs: 2, packsSetAt: 12 },
  withdrawn: { ...base, packs: 1, withdrawn: { packs: 2, lowered: 1, nth: 3 } },
  'topped up': {
    ...base,
    topUp: {
      ...{
        wish: { threshold: 50, packs: 2, monthlyCeilingMinor: 9_000 },
        bought: 1,
        month: 5,
        spentMinor: 3_000,
      },
      ...{ declines: 0, notBefore: 0, skipped: null },
    },
  },
  'a wish switched off': {
    ...base,
    topUp: { wish: null, bought: 1, month: 5, spentMinor: 0, declines: 0, notBefore: 0, skipped: null },
  },
  unpaid: {
    ...base,
    unpaid: { charge: charge('chg_x_r0_12', 'renewal', 1), pending: false, retries: 1, retryAt: [5, 6] },
  },
  waiting: {
    ...base,
    waiting: [
      { charge: charge('chg_x', 'purchase', 3) },
      { charge: charge('chg_x_t4', 'purchase', 1) },
      { charge: charge('chg_y', 'upgrade', 0) },
    ],
  },
};

let client: postgres.Sql;
beforeAll(async () => {
  const server = inject('databaseUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  await admin.end();
  const url = server.replace(/[^/]*$/, name);
  await before(url);
  client = postgres(url, { max: 1, onnotice: () => {} });
  await client`insert into catalogs (version, content, in_force_from) values (${catalog.version}, ${client.json(catalog)}, now())`;
  for (const [id, state] of Object.entries(STATES)) {
    const { plan, interval, status } = state as typeof base;
    await client`insert into subscriptions (id, customer_id, plan, interval, status, state, metadata, created_at)
      values (${id}, ${id}, ${plan}, ${interval}, ${status}, ${client.json(state as never)}, '{}', now())`;
  }
  for (const [kind, id, packs] of [
    ['purchase', 'chg_a', 2],
    ['purchase', 'chg_a_t1', 1],
    ['renewal', 'chg_a_r0_1', 1],
    ['upgrade', 'chg_b', 1],
  ] as const)
    await client`insert into charges (subscription_id, id, kind, at, status, amount_minor, currency, lines, attempts, catalog_version, step,
        packs, credits)
      values ('plain', ${id}, ${kind}, now(), 'paid', 1, 'USD', ${client.json(charge(id, kind, packs).lines)}, '[]', ${catalog.version},
        1, ${packs}, ${packs * 300})`;
  await client`insert into inbox (provider, event_id, subscription_id, kind, payload)
    values ('ledger', 'w1', 'plain', 'packsWithdrawn', ${client.json({ packs: 2, nth: 1 })})`;
  await migrate(url);
});
afterAll(() => client?.end());

/** The schema of before: the baseline alone. */
async function before(url: string): Promise<void> {
  // Drizzle changes how its connection writes JSON, so it has one of its own.
  const own = postgres(url, { max: 1, onnotice: () => {} });
  const folder = mkdtempSync(join(tmpdir(), 'drawdown-baseline-'));
  try {
    cpSync(join(root, 'src/db/migrations'), folder, { recursive: true });
    const journal = JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8'));
    journal.entries = journal.entries.slice(0, 1);
    writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify(journal));
    await applyMigrations(drizzle(own), { migrationsFolder: folder });
  } finally {
    await own.end();
    rmSync(folder, { recursive: true });
  }
}

test('a catalogue', async () => {
  const [row] = await client`select content from catalogs`;
  const now = catalogNow(catalog);
  expect(row!['content']).toEqual(now);
  expect(now.packs.map(({ id }) => id)).toEqual(['pack_300', 'pack_3600']);
  expect(catalogNow(now)).toBe(now);
});

test.each(Object.entries(STATES))('a state %s', async (id, state) => {
  const [row] = await client`select state from subscriptions where id = ${id}`;
  const now = stateNow(state as never, catalogNow(catalog));
  expect(row!['state']).toEqual(now);
  expect(stateNow(now, catalogNow(catalog))).toBe(now);
});

test('charges, by the lines and the pack that they sold', async () => {
  const rows = await client`select id, pack, renews, packs, credits::int, lines from charges order by id`;
  const plan = {
    description: 'creator monthly plan',
    quantity: 1,
    amountMinor: 2_900,
    plan: 'creator',
    interval: 'month',
  };
  const pack = (quantity: number) => ({
    ...{ description: 'pack of 300 credits', quantity, amountMinor: quantity * 1_500, pack: 'pack_300' },
  });
  expect([...rows]).toEqual([
    { id: 'chg_a', pack: 'pack_300', renews: true, packs: 2, credits: 600, lines: [plan, pack(2)] },
    { id: 'chg_a_r0_1', pack: null, renews: null, packs: 1, credits: 300, lines: [plan, pack(1)] },
    { id: 'chg_a_t1', pack: 'pack_300', renews: false, packs: 1, credits: 300, lines: [plan, pack(1)] },
    { id: 'chg_b', pack: null, renews: null, packs: 0, credits: 0, lines: [plan, pack(1)] },
  ]);
});

test('a message about withdrawn packs', async () => {
  const [row] = await client`select payload from inbox`;
  expect(row!['payload']).toEqual({ packs: [{ pack: 'pack_300', quantity: 2 }], nth: 1 });
});
