import { get, type IncomingMessage } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { getRequestListener } from '@hono/node-server';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { Database } from '../../src/db/client.ts';
import { RawLedger } from '../db/raw-ledger.ts';
import { sized } from '../support/campaign.ts';
import { grow } from '../support/grown.ts';
import { type Listening, listen } from '../support/listen.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { PageVisitor } from './pages.ts';

// The CSV of a whole ledger is read at its reader's pace, from the API and from the wallet.

/** The size of a campaign; in `npm test` enough to tell a stream from a string. */
const ACTS = sized(40_000, 1_000_000);
const ROWS_A_STATEMENT = 500;

let stack: Stack;
let server: Listening;
let api: (request: Request) => Response | Promise<Response>;
let id: string;
let newest: number;
/** Of the wallet's customer. */
let customer: string;
let selects = 0;

/** The database, with the statements counted that read rows. */
const counted = (db: Database): Database =>
  new Proxy(db, {
    get(target, name) {
      if (name === 'select') selects += 1;
      return Reflect.get(target, name);
    },
  });

beforeAll(async () => {
  stack = await startStack({ withWorker: false });
  const app = createApp({ ...stack.deps, longReads: counted(stack.deps.longReads) });
  api = (request) => app.fetch(request);
  server = await listen(getRequestListener(app.fetch));
  id = (await RawLedger.live(stack.db)).id;
  newest = await grow(stack.databaseUrl, id, ACTS);
  customer = (await RawLedger.live(stack.db)).id;
  await grow(stack.databaseUrl, customer, 5_000);
}, 600_000);
afterAll(async () => {
  await server?.close();
  await stack?.stop();
});

const path = (query = '') => `/v1/subscriptions/${id}/entries${query}`;
const headers = () => ({ Authorization: `Bearer ${stack.key}`, Accept: 'text/csv' });
const begun = async (query = '') => {
  const answer = await api(new Request(`http://localhost${path(query)}`, { headers: headers() }));
  expect(answer.status).toBe(200);
  return answer.body!.getReader();
};

/** Counted from here on. */
function count(): () => number {
  const from = selects;
  return () => selects - from;
}

/** The memory that is left after a collection of garbage. */
function held(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

describe('the table', () => {
  test.each([
    ['', (n: number) => newest - n],
    ['?order=asc', (n: number) => n + 1],
  ])(
    'entries%s: every entry once, in the order of the ledger; memory stays flat',
    async (query, seqOf) => {
      const reader = await begun(query);
      const decoder = new TextDecoder();
      let rest = '';
      let lines = -1;
      let least = Number.POSITIVE_INFINITY;
      let most = 0;
      for (let chunks = 0; ; chunks += 1) {
        const { done, value } = await reader.read();
        if (done) break;
        const whole = (rest + decoder.decode(value, { stream: true })).split('\r\n');
        rest = whole.pop()!;
        for (const line of whole) {
          if (lines >= 0 && Number(line.split(',')[1]) !== seqOf(lines))
            throw new Error(`row ${lines}: ${line}`);
          lines += 1;
        }
        if (chunks % 20 !== 0) continue;
        const now = held();
        least = Math.min(least, now);
        most = Math.max(most, now);
      }
      expect([lines, rest]).toEqual([newest, '']);
      const megabytes = (least: number, most: number) => ((most - least) / 2 ** 20).toFixed(1);
      process.stdout.write(
        `  ${lines} rows: between ${megabytes(0, least)} and ${megabytes(0, most)} MB held\n`,
      );
      expect((most - least) / 2 ** 20).toBeLessThan(20);
    },
    600_000,
  );

  test('its first rows are there before the second page is read; nothing is read ahead of the reader', async () => {
    const statements = count();
    const reader = await begun();
    const before = statements();
    await reader.read();
    expect(statements() - before).toBe(0);
    await reader.read();
    expect(statements() - before).toBe(1);
    await reader.read();
    expect(statements() - before).toBe(2);
    await reader.cancel();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(statements() - before).toBe(2);
  });

  test('over a socket: a reader who does not read is not read for, and one who leaves stops it', async () => {
    const statements = count();
    const pages = Math.ceil(newest / ROWS_A_STATEMENT);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${server.url}${path()}`, { headers: headers() }, resolve).on('error', reject);
    });
    const filled = await settled(statements);
    expect(filled).toBeLessThan(pages);
    answer.destroy();
    // The page that was under way is the last.
    expect(await settled(statements)).toBeLessThanOrEqual(filled + 1);
  });

  test('ends with the entry that was newest when it was asked for', async () => {
    const ledger = await RawLedger.live(stack.db);
    await ledger.grant({ credits: 100, to: Date.now() + 1e9 });
    await ledger.spend(1);
    for (const order of ['asc', 'desc']) {
      const from = await everything(ledger.id, order);
      const url = `http://localhost/v1/subscriptions/${ledger.id}/entries?order=${order}`;
      const answer = await api(new Request(url, { headers: headers() }));
      await ledger.spend(1);
      expect(await answer.text(), order).toBe(from);
    }
  });

  test('one that can’t go on breaks off: it must not look whole', async () => {
    const log: string[] = [];
    let isAway = false;
    const longReads = new Proxy(stack.deps.longReads, {
      get(target, name) {
        if (isAway && name === 'select')
          throw Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' });
        return Reflect.get(target, name);
      },
    });
    const app = createApp({ ...stack.deps, longReads, log: (line) => log.push(line) });
    const answer = await app.fetch(new Request(`http://localhost${path()}`, { headers: headers() }));
    const reader = answer.body!.getReader();
    await reader.read();
    await reader.read();
    isAway = true;
    await expect(reader.read()).rejects.toThrow('ends early: database_unavailable');
  });
});

describe('the wallet’s', () => {
  const FILTERS = {
    all: null,
    used: ['debit', 'capture'],
    added: ['grant', 'reversal'],
    held: ['hold', 'release'],
    gone: ['expiry', 'forfeiture', 'revocation'],
  };

  test.each(Object.entries(FILTERS))(
    '%s: the rows of its kinds, as a file, and the same refusals',
    async (show, kinds) => {
      const visitor = await PageVisitor.enter({ ...stack, fetch: api } as Stack, customer);
      const statements = count();
      const answer = await visitor.get(`/wallet/activity.csv?show=${show}`);
      expect(answer.headers.get('Content-Disposition')).toBe('attachment; filename="activity.csv"');
      expect(answer.headers.get('Content-Type')).toBe('text/csv; charset=utf-8');
      const [head, ...lines] = answer.html.trimEnd().split('\r\n');
      expect(head).toBe(
        'id,seq,kind,credits,grant_id,balance_after,effective_at,recorded_at,usage_id,hold_id,feature',
      );
      const rows = await stack.db.execute<{ seq: string; kind: string }>(sql`
      select seq, kind from entries where subscription_id = ${customer} order by seq desc`);
      const wanted = rows.filter(({ kind }) => kinds?.includes(kind) ?? true);
      expect(lines.map((line) => line.split(',').slice(1, 3).join())).toEqual(
        wanted.map(({ seq, kind }) => `${seq},${kind}`),
      );
      expect(statements()).toBeLessThan(wanted.length / ROWS_A_STATEMENT + 15);
    },
  );
});

async function everything(of: string, order: string): Promise<string> {
  const url = `http://localhost/v1/subscriptions/${of}/entries?order=${order}`;
  return (await api(new Request(url, { headers: headers() }))).text();
}

/** The value once it changes no more. */
async function settled(value: () => number): Promise<number> {
  for (let last = -1; ; ) {
    const now = value();
    if (now === last) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
