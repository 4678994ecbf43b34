import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { connect, type Database } from '../../src/db/client.ts';
import { readTimeline, type TimelinePage } from '../../src/db/console/timeline.ts';
import { TIMELINE_KINDS, type TimelineCursor } from '../../src/db/console/timeline-statement.ts';
import * as schema from '../../src/db/schema.ts';
import { RawLedger } from '../db/raw-ledger.ts';
import { sized } from '../support/campaign.ts';
import { grow } from '../support/grown.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { bodyOf, type Page } from './driver.ts';
import { PageVisitor } from './pages.ts';

// A page of each list reads about as many rows as it shows, in a list of any length.

/** Everything else is a hundredth as long, which is still many pages. */
const ACTS = sized(10_000, 1_000_000);
const LIMIT = 5;
const ACTIVITY_PAGE = 50;
/** Rows that a statement may read for each row of its page: an entry reads its usage and its grant, a month without any reads one. */
const ROWS_A_ROW = 4;
const MONTHS = 24;

/** Tables of this size are sorted faster than read in order; the test asks whether an index has the order. */
const INDEXES_ONLY = { enable_seqscan: 'off', enable_bitmapscan: 'off', enable_sort: 'off' };

let stack: Stack;
let id: string;
interface Asked {
  query: string;
  params: unknown[];
}

beforeAll(async () => {
  stack = await startStack({ withWorker: false });
  ({ id } = await RawLedger.live(stack.db));
  await grow(stack.databaseUrl, id, ACTS);
  // Another's rows, with the same ids of usages and holds.
  const { id: other } = await RawLedger.live(stack.db);
  await grow(stack.databaseUrl, other, 1_000);
  // A million rows are analysed for longer than a pool of the product waits.
  const patient = connect(stack.databaseUrl, { max: 1, statementTimeoutMs: 600_000 }).$client;
  await patient.unsafe(`
    insert into subscriptions select 'sub_' || lpad(k::text, 26, '0'), 'c-' || k % 20, plan, interval, 'ended', state, metadata, created_at
    from subscriptions, generate_series(1, 200) k where id = '${id}';
    insert into ledgers (subscription_id, status) select 'sub_' || lpad(k::text, 26, '0'), 'ended' from generate_series(1, 200) k;
    insert into webhook_endpoints (id, url, secret) select 'whe_' || k, 'https://example.com', 's' from generate_series(1, 200) k;
    insert into api_keys (id, secret_hash, scopes) select 'key_' || k, 'h', '{read}' from generate_series(1, 200) k;
    analyze`);
  await patient.unsafe(`
    insert into grant_batches (id, filter, credits, expires_at, reason, total) select 'gbt_' || k, '{}', 1, '3000-01-01', 'r', 200
    from generate_series(1, 200) k;
    insert into grant_batch_items (batch_id, subscription_id, grant_id, outcome) select 'gbt_7', 'sub_' || k, 'grt_' || k,
      case when k % 2 = 0 then 'granted' else 'pending' end from generate_series(1, 2000) k;
    analyze grant_batches, grant_batch_items`);
  await patient.end();
}, 600_000);
afterAll(() => stack?.stop());

const LISTS: Record<string, () => string> = {
  entries: () => `/v1/subscriptions/${id}/entries`,
  usage: () => `/v1/subscriptions/${id}/usage`,
  holds: () => `/v1/subscriptions/${id}/holds`,
  grants: () => `/v1/subscriptions/${id}/grants`,
  'grants?open=true': () => `/v1/subscriptions/${id}/grants?open=true`,
  'grants?open=false': () => `/v1/subscriptions/${id}/grants?open=false`,
  charges: () => `/v1/subscriptions/${id}/charges`,
  purchases: () => `/v1/subscriptions/${id}/purchases`,
  subscriptions: () => '/v1/subscriptions',
  'subscriptions?status': () => '/v1/subscriptions?status=ended',
  'subscriptions?customer_id': () => '/v1/subscriptions?customer_id=c-7',
  events: () => '/v1/events',
  'events?subscription_id': () => `/v1/events?subscription_id=${id}`,
  'events?type': () => '/v1/events?type=subscription.changed',
  'events?subscription_id&type': () => `/v1/events?subscription_id=${id}&type=subscription.changed`,
  webhook_endpoints: () => '/v1/webhook_endpoints',
  api_keys: () => '/v1/api_keys',
  grant_batches: () => '/v1/grant_batches',
  'grant_batches/items': () => '/v1/grant_batches/gbt_7/items',
  'grant_batches/items?outcome': () => '/v1/grant_batches/gbt_7/items?outcome=granted',
};

/** The statements that a request makes, on a connection with these settings. */
async function statementsOf(
  settings: Record<string, string>,
  ask: (app: ReturnType<typeof createApp>, db: Database) => Promise<unknown>,
): Promise<{ asked: Asked; plan: Node }[]> {
  const pool = postgres(stack.databaseUrl, { max: 1, fetch_types: false, connection: settings });
  const log: Asked[] = [];
  const logger = { logQuery: (query: string, params: unknown[]) => void log.push({ query, params }) };
  try {
    const db = drizzle(pool, { schema, logger }) as Database;
    await ask(createApp({ ...stack.deps, db }), db);
    const asked = log.filter(({ query }) => /^\s*(select|with)/i.test(query));
    return await Promise.all(
      asked.map(async ({ query, params }) => {
        const [row] = await pool.unsafe(`explain (analyze, format json) ${query}`, params as never[]);
        return { asked: { query, params }, plan: (row!['QUERY PLAN'] as { Plan: Node }[])[0]!.Plan };
      }),
    );
  } finally {
    await pool.end();
  }
}

interface Node {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: Node[];
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

const GREAT = /^(entries_|usages|holds)/;

/** In the first hours of a month its entries are few, and quicker read in whole than by an index. */
const YOUNG_MONTH = 2_000;

/** Rows that were looked at in tables of these names. */
const rowsRead = (plan: Node, tables = /./): number =>
  nodesOf(plan)
    .filter((node) => tables.test(node['Relation Name'] ?? ''))
    .reduce((sum, node) => {
      const each =
        node['Actual Rows'] +
        (node['Rows Removed by Filter'] ?? 0) +
        (node['Rows Removed by Index Recheck'] ?? 0);
      const rows = Math.ceil(each * node['Actual Loops']);
      const isYoung = node['Node Type'] === 'Seq Scan' && /^entries_/.test(node['Relation Name'] ?? '');
      return isYoung && rows < YOUNG_MONTH ? sum : sum + rows;
    }, 0);

function expectBounded(statements: { asked: Asked; plan: Node }[], limit: number, tables = /./): void {
  expect(statements.length).toBeGreaterThan(0);
  for (const { asked, plan } of statements)
    expect(rowsRead(plan, tables), `${asked.query}\n${JSON.stringify(plan, null, 1)}`).toBeLessThanOrEqual(
      ROWS_A_ROW * (limit + 1) + MONTHS,
    );
}

const asks =
  (path: string, pages = 1) =>
  async (app: ReturnType<typeof createApp>) => {
    for (let cursor: string | null = '', page = 0; cursor !== null && page < pages; page += 1) {
      const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const answer = await app.request(`${path}${path.includes('?') ? '&' : '?'}limit=${LIMIT}${at}`, {
        headers: { Authorization: `Bearer ${stack.key}` },
      });
      expect(answer.status).toBe(200);
      cursor = ((await answer.json()) as Page).next_cursor;
    }
  };

describe('a page reads about as many rows as it shows', () => {
  test.each(Object.keys(LISTS))('%s', async (name) => {
    for (const order of ['desc', 'asc']) {
      const path = `${LISTS[name]!()}${LISTS[name]!().includes('?') ? '&' : '?'}order=${order}`;
      expectBounded(await statementsOf(INDEXES_ONLY, asks(path, 3)), LIMIT);
    }
  });

  test.each(['entries', 'usage', 'holds'])('%s, as the planner likes', async (name) => {
    for (const order of ['desc', 'asc'])
      expectBounded(await statementsOf({}, asks(`${LISTS[name]!()}?order=${order}`, 3)), LIMIT, GREAT);
  });

  // Spends have no index, so at most this many entries are searched.
  test.each([
    ['all', 0],
    ['added', 0],
    ['held', 0],
    ['gone', 0],
    ['used', 10_000],
  ])('the wallet’s activity: %s', async (show, through) => {
    const { cookie } = await PageVisitor.enter(stack, id);
    const statements = await statementsOf({}, async (app) => {
      for (const before of ['', `&before=ent_${id.slice('sub_'.length)}_${ACTS / 2}`]) {
        const answer = await app.request(`/wallet/activity?show=${show}${before}`, {
          headers: { Cookie: cookie! },
        });
        expect(answer.status).toBe(200);
      }
    });
    expectBounded(statements, ACTIVITY_PAGE + through, GREAT);
  });

  test('the console’s timeline, for every request', async () => {
    for (const kind of [null, ...TIMELINE_KINDS]) {
      const pages: TimelinePage[] = [];
      const statements = await statementsOf({}, async (_, db) => {
        for (let after: TimelineCursor | null = null, page = 0; page < 3; page += 1) {
          pages.push(await readTimeline(db, id, { limit: LIMIT, after, kind, about: null }));
          after = pages.at(-1)!.next;
          if (after === null) break;
        }
      });
      expect(pages[0]!.rows.length, `${kind}`).toBeGreaterThan(0);
      // A thousand entries of callers, and all of the rarer rows, which are a hundredth.
      for (const { plan } of statements) expect(rowsRead(plan, GREAT), `${kind}`).toBeLessThan(ACTS / 4);
    }
  });
});

test('a customer reads the last ended subscriptions, however many others ended', async () => {
  const statements = await statementsOf(INDEXES_ONLY, async (app) => {
    const headers = { Authorization: `Bearer ${stack.key}` };
    const answer = await app.request('/v1/customers/c-7', { headers });
    expect(((await answer.json()) as { ended: unknown[] }).ended).toHaveLength(10);
  });
  const ofCustomer = statements.filter(({ asked }) => asked.query.includes('balance_at'));
  expect(ofCustomer).toHaveLength(1);
  // Each subscription and its ledger.
  expect(rowsRead(ofCustomer[0]!.plan)).toBeLessThanOrEqual(2 * 10);
});

test('the lists that are measured are all there are', async () => {
  const { paths } = bodyOf<{ paths: Record<string, { get?: { responses: Record<string, unknown> } }> }>(
    await stack.request('GET', '/openapi.json'),
  );
  const lists = Object.keys(paths).filter((path) =>
    JSON.stringify(paths[path]!.get ?? {}).includes('next_cursor'),
  );
  const measured = new Set(
    Object.values(LISTS).map((path) =>
      path().replace(id, '{id}').replace('gbt_7', '{id}').replace(/\?.*/, ''),
    ),
  );
  expect([...measured].sort()).toEqual(lists.sort());
});
