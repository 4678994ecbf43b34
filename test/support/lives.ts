import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { asc, eq } from 'drizzle-orm';
import type { Database } from '../../src/db/client.ts';
import { charges, entries, grants } from '../../src/db/schema.ts';
import type { Interval } from '../../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import type { Start } from '../../src/domain/commands.ts';
import {
  advanceLife,
  chargeFact,
  command,
  entryFact,
  factLine,
  facts,
  type Life,
  sortFacts,
  startLife,
} from '../../src/domain/timeline.ts';
import type { Answer, RequestInit } from './stack.ts';

// The same life twice: over HTTP on real servers, and in the simulator. Their facts are compared line by line.

export interface Requester {
  request(method: string, path: string, init?: RequestInit): Promise<Answer>;
}

export interface Plan {
  plan: string;
  interval: Interval;
  from: string;
}

let customers = 0;

/** Starts a subscription on a test clock; answers its id. */
export async function subscribe(stack: Requester, wanted: Plan, more: object = {}): Promise<string> {
  customers += 1;
  const body = {
    customer_id: `life-${process.pid}-${customers}`,
    plan: wanted.plan,
    interval: wanted.interval,
    test_clock: { now: wanted.from },
    ...more,
  };
  return (expectStatus(await started(stack, body), 201, 202).body as { id: string }).id;
}

const TRIES = 5;

/** A start that is only the way to a test: a machine too busy to answer in time is asked again with the same key. */
export async function started(stack: Requester, body: object): Promise<Answer> {
  const headers = { 'Idempotency-Key': randomUUID() };
  for (let tried = 1; ; tried += 1) {
    const answer = await stack.request('POST', '/v1/subscriptions', { body, headers });
    if (answer.status !== 503 || tried === TRIES) return answer;
    await sleep(1_000);
  }
}

/** A command or a read of one subscription; any other status than those expected is an error that shows the answer. */
export async function ask(
  stack: Requester,
  id: string,
  request: `${'GET' | 'POST' | 'PUT'} ${string}`,
  body?: object,
  key?: string,
): Promise<Answer> {
  const [method = '', path = ''] = request.split(' ');
  const headers: Record<string, string> = key === undefined ? {} : { 'Idempotency-Key': key };
  const init: RequestInit = body === undefined ? { headers } : { headers, body };
  return stack.request(method, `/v1/subscriptions/${id}/${path}`.replace(/\/$/, ''), init);
}

/** Repeated with its key where a busy machine answers 503, as its caller would. */
export async function did(
  ...[stack, id, request, body, key = randomUUID()]: Parameters<typeof ask>
): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    const answer = await ask(stack, id, request, body, key);
    if (answer.status !== 503 || tried === TRIES) return expectStatus(answer, 200, 201, 202);
    await sleep(1_000);
  }
}

export function expectStatus(answer: Answer, ...statuses: number[]): Answer {
  if (!statuses.includes(answer.status))
    throw new Error(`expected ${statuses.join(' or ')}, got ${answer.status}: ${answer.text}`);
  return answer;
}

/** The real facts: grants, expiries, charges and the rest, as the simulator prints them. */
export async function realFacts(db: Database, id: string): Promise<string[]> {
  const chargeRows = await db.select().from(charges).where(eq(charges.subscriptionId, id));
  const entryRows = await db
    .select({ entry: entries, grantKind: grants.kind, expiresAt: grants.expiresAt })
    .from(entries)
    .innerJoin(grants, eq(grants.id, entries.grantId))
    .where(eq(entries.subscriptionId, id))
    .orderBy(asc(entries.seq));
  const money = chargeRows.map((row) => chargeFact({ ...row, at: row.at.getTime() }));
  const credits = entryRows.map(({ entry, grantKind, expiresAt }) =>
    entryFact(
      { ...entry, grantKind, effectiveAt: entry.effectiveAt.getTime() },
      entry.kind === 'grant' ? expiresAt.getTime() : null,
    ),
  );
  return sortFacts(money, credits).map(factLine);
}

/** The simulator's facts of the same life. */
export const simulatedFacts = (life: Life): string[] => facts(life.book).map(factLine);

export function simulate({ plan, interval, from }: Plan, more: Partial<Start> = {}): Life {
  const start: Start = {
    id: 'sub_simulated',
    customerId: 'simulated',
    plan,
    interval,
    timeZone: 'UTC',
    paymentMethod: 'sandbox_ok',
    allowance: null,
    anchorAt: null,
    testClock: true,
    ...more,
  };
  return startLife(start, Date.parse(from), DEFAULT_CATALOG);
}

let purchases = 0;

export function simulateBuy(life: Life, packs: number): void {
  purchases += 1;
  const purchaseId = `pur_simulated${purchases}`;
  command(life, { type: 'buy_packs', purchaseId, packs, interval: null, paymentMethod: null });
}

export function simulateUntil(life: Life, to: string): void {
  advanceLife(life, Date.parse(to));
}
