import { hash } from 'node:crypto';
import type { Instant } from '../domain/calendar.ts';
import type { Line } from '../domain/catalog/rates.ts';
import type { Database } from './client.ts';

// Spends, holds and returns: requests to the ledger alone, by the hundred in one call. While a call is under way requests wait;
// when it returns, all of them go in the next. A second call goes beside it when enough wait. There is no timer: an idle server
// adds no delay. No batch waits for a locked ledger: its requests go once more, in a call of their own.

interface KeyedRequest {
  subscriptionId: string;
  key: string;
  /** R-65: the hash of path and body. The same key with another body is refused. */
  bodyHash: string;
}

/** R-60 to R-65, R-70: takes credits in burn order, all or nothing, to spend them (`usage`) or to set them aside (`hold`). */
export interface Spend extends KeyedRequest {
  op: 'usage' | 'hold';
  /** The id of the usage or hold that is made. */
  id: string;
  credits: number;
  lines: Line[];
  via: string | null;
  reference: string | null;
  metadata: Record<string, string>;
  catalogVersion: string;
  /** The term of a hold, in seconds; null for a usage. */
  seconds: number | null;
}

/** R-71, R-80: captures or releases a hold, or reverses a usage. */
export interface CreditReturn extends KeyedRequest {
  op: 'capture' | 'release' | 'reverse';
  /** The id of the hold or usage. */
  object: string;
  /** null: all of it. */
  credits: number | null;
  /** The id of the usage that a capture makes. */
  usageId: string;
}

/** One request to the ledger alone. */
export type SpendRequest = Spend | CreditReturn;

/** R-61: the credits at the instant of a spend that was too large. */
export interface Shortfall {
  kind: 'insufficient_credits';
  at: Instant;
  available: number;
  held: number;
}

/** The answer of the ledger to one request. */
export type SpendOutcome =
  /** R-65: `answer` is the stored JSON, the same for ever. */
  | { kind: 'ok' | 'replay'; answer: string }
  | Shortfall
  /** `stale`: another catalogue is in force (R-08); the request must be priced again with it. */
  | { kind: 'reused' | 'not_found' | 'stale' | 'subscription_not_active' | 'payment_past_due' }
  | { kind: 'hold_expired' | 'hold_already_settled' }
  /** `available`: the credits that can be captured or reversed. */
  | { kind: 'capture_exceeds_hold' | 'reversal_exceeds_usage'; available: number };

/** Sees calls and answers from outside, for metrics. */
export interface SpendWatch {
  /** A call departs, after its first request waited for so many milliseconds. */
  departed(size: number, waitedMs: number): void;
  /** `failed`: the ledger gave no answer. */
  answered(op: SpendRequest['op'], outcome: SpendOutcome['kind'] | 'failed'): void;
}

/** The ledger's entrance for spends, holds and returns. */
export interface Spending {
  /**
   * Answers one request, alone or among others. Rejects when the ledger is away: its effect is then unknown, and a repeat with
   * the same key finds out.
   */
  submit(request: SpendRequest): Promise<SpendOutcome>;
}

/** The most calls under way, each on a connection of its own. */
const CALLS = 2;
/** The requests that are worth a second call. Fewer wait for the first: a call costs as much as four requests. */
const WORTH_A_CALL = 12;
/** Milliseconds after which a call under way is thought to be blocked, so that others no longer wait for it. */
const LATE_MS = 5;
/** A call of so many milliseconds waits for a ledger: the next one goes beside it, however few they are. */
const STUCK_MS = 50;
/** The most calls that wait for a locked ledger. */
const WAITING_CALLS = 4;
/** The most requests of one call. */
const MOST = 256;

interface Pending {
  request: SpendRequest;
  /** The digest by which a repeat finds this request. */
  slot: string;
  /** 0 where nobody watches. */
  joinedAt: number;
  resolve(outcome: SpendOutcome): void;
  reject(error: unknown): void;
}

/** The outcome of a call that carried a batch. */
type CallOutcome<Answers> = { answers: Answers } | { error: unknown };

/** How a batch is sent, and how its answers or its error reach the requests. */
export interface Delivery<Request, Answers> {
  call(batch: Request[]): Promise<Answers>;
  answer(batch: Request[], answers: Answers): void;
  fail(request: Request, error: unknown): void;
}

/** One row of the call's answer. `locked`: nothing was done, because another transaction keeps the ledger locked. */
type OutcomeRow = AnsweredRow | (Omit<AnsweredRow, 'kind'> & { kind: 'locked' });

interface AnsweredRow {
  ord: number;
  kind: SpendOutcome['kind'];
  answer: string | null;
  at: string | null;
  available: string | null;
  held: string | null;
}

/** R-65: the operation that a key belongs to. */
const operationOf = (request: SpendRequest): string =>
  'object' in request ? `${request.op}/${request.object}` : request.op;

const halfHash = (text: string): string => hash('sha256', text, 'hex').slice(0, 32);

/**
 * The key of the table of replies: half of SHA-256, as PostgreSQL's uuid. The digest of operation and key is made first, since
 * older rows had only that digest beside the subscription.
 */
export const digestOf = (subscriptionId: string, operation: string, key: string): string =>
  halfHash(`${subscriptionId}\n${halfHash(`${operation}\n${key}`)}`);

/** The same half of a body's hash, which comes as base64url. */
export const halfOf = (bodyHash: string): string =>
  Buffer.from(bodyHash, 'base64url').toString('hex').slice(0, 32);

/** Makes the ledger's entrance for one process. It groups requests and keeps the order within a subscription. */
export function createSpending(db: Database, watch?: SpendWatch): Spending {
  let waiting: Pending[] = [];
  let underWay = 0;
  let isDeparting = false;
  let isLookingLater = false;
  let departedAt = 0;
  /** Subscriptions of the calls under way. Their next requests wait, so that none overtakes another. */
  const travelling = new Set<string>();
  /** The requests of each locked ledger that were not sent again yet. */
  const locked: Pending[][] = [];
  /** The subscriptions of locked ledgers, until their own call returns. Their next requests wait too. */
  const busy = new Set<string>();
  let waitingCalls = 0;
  /** The requests under way, by their digest. */
  const slots = new Map<string, { bodyHash: string; outcome: Promise<SpendOutcome> }>();

  /** Copies of a request under way share its outcome. Another body under the same key waits for the first to end. */
  async function submit(request: SpendRequest): Promise<SpendOutcome> {
    const slot = digestOf(request.subscriptionId, operationOf(request), request.key);
    for (let other = slots.get(slot); other; other = slots.get(slot)) {
      const outcome = await other.outcome.catch((error: unknown) => {
        if (other?.bodyHash === request.bodyHash) throw error;
      });
      if (other.bodyHash === request.bodyHash && outcome)
        return outcome.kind === 'ok' ? { ...outcome, kind: 'replay' } : outcome;
    }
    const outcome = new Promise<SpendOutcome>((resolve, reject) => {
      join({ request, slot, joinedAt: watch ? performance.now() : 0, resolve, reject });
    });
    slots.set(slot, { bodyHash: request.bodyHash, outcome });
    return outcome;
  }

  function join(pending: Pending): void {
    waiting.push(pending);
    // Requests of the same turn of the event loop go together. Others may wait for a locked ledger: they start no call.
    if (waiting.length === 1 || underWay === 0) departSoon();
    else if (underWay > 0 && (waiting.length % WORTH_A_CALL === 0 || isLate())) depart();
  }

  function departSoon(): void {
    if (isDeparting) return;
    isDeparting = true;
    setImmediate(() => {
      isDeparting = false;
      depart();
    });
  }

  /** The call under way may wait for a locked ledger, and no other request may come. */
  function departLater(): void {
    if (isLookingLater) return;
    isLookingLater = true;
    setTimeout(() => {
      isLookingLater = false;
      depart();
    }, STUCK_MS).unref();
  }

  /** Sends the waiting requests that may go, unless the next call is cheaper. Enough requests for two calls are divided. */
  function depart(): void {
    if (underWay === CALLS) return;
    const share = underWay === 0 && waiting.length >= 2 * WORTH_A_CALL ? Math.ceil(waiting.length / 2) : MOST;
    const { batch, rest } = taken(waiting, share, (id) => travelling.has(id) || busy.has(id));
    if (batch.length < (underWay === 0 || isLate() ? 1 : WORTH_A_CALL)) {
      if (batch.length > 0) departLater();
      return;
    }
    waiting = rest;
    void travel(batch);
    // Nothing would check the rest again before this call returns.
    depart();
  }

  const isLate = () => performance.now() - departedAt > LATE_MS;

  /** Sends the next call before it passes on the answers of this one, so that the ledger does not wait. */
  async function travel(batch: Pending[]): Promise<void> {
    underWay += 1;
    departedAt = performance.now();
    watch?.departed(batch.length, departedAt - batch[0]!.joinedAt);
    for (const { request } of batch) travelling.add(request.subscriptionId);
    const outcome = await outcomeOfCall(delivery.call(batch));
    for (const { request } of batch) travelling.delete(request.subscriptionId);
    underWay -= 1;
    depart();
    await passOn(batch, outcome, delivery);
  }

  /** Sends the requests of locked ledgers again, each ledger in a call of its own, which waits for the lock. */
  function sendLocked(): void {
    while (locked.length > 0 && waitingCalls < WAITING_CALLS) void travelAlone(locked.shift()!);
  }

  async function travelAlone(batch: Pending[]): Promise<void> {
    waitingCalls += 1;
    const outcome = await outcomeOfCall(delivery.call(batch));
    busy.delete(batch[0]!.request.subscriptionId);
    waitingCalls -= 1;
    sendLocked();
    depart();
    await passOn(batch, outcome, delivery);
  }

  /** Calls the ledger, and keeps the requests that found theirs locked. */
  async function call(batch: Pending[]): Promise<OutcomeRow[]> {
    const rows = await callSpendBatch(db, batch);
    const groups = new Map<string, Pending[]>();
    for (const { ord } of rows.filter(({ kind }) => kind === 'locked')) {
      const pending = batch[ord]!;
      const { subscriptionId } = pending.request;
      groups.set(subscriptionId, [...(groups.get(subscriptionId) ?? []), pending]);
      busy.add(subscriptionId);
    }
    locked.push(...groups.values());
    sendLocked();
    return rows;
  }

  const delivery: Delivery<Pending, OutcomeRow[]> = {
    call,
    answer: (batch, rows) => {
      for (const row of rows) if (row.kind !== 'locked') finish(batch[row.ord]!, outcomeOf(row));
    },
    fail: (pending, error) => finish(pending, { error }),
  };

  function finish(
    { request, slot, resolve, reject }: Pending,
    outcome: SpendOutcome | { error: unknown },
  ): void {
    slots.delete(slot);
    watch?.answered(request.op, 'error' in outcome ? 'failed' : outcome.kind);
    if ('error' in outcome) reject(outcome.error);
    else resolve(outcome);
  }

  return { submit };
}

/** The first `share` requests of subscriptions that are not away, with the others of the same subscriptions; and the rest. */
function taken(waiting: Pending[], share: number, isAway: (subscriptionId: string) => boolean) {
  const batch: Pending[] = [];
  const rest: Pending[] = [];
  const aboard = new Set<string>();
  for (const pending of waiting) {
    const { subscriptionId } = pending.request;
    const fits = batch.length < MOST && (batch.length < share || aboard.has(subscriptionId));
    const goes = fits && !isAway(subscriptionId);
    if (goes) aboard.add(subscriptionId);
    (goes ? batch : rest).push(pending);
  }
  return { batch, rest };
}

/** A call that never rejects. */
export const outcomeOfCall = <Answers>(call: Promise<Answers>): Promise<CallOutcome<Answers>> =>
  call.then(
    (answers) => ({ answers }),
    (error: unknown) => ({ error }),
  );

/**
 * Passes the outcome of a call on to its requests. A failed batch is divided until the faulty request fails alone. A ledger that
 * is away is not asked again.
 */
export async function passOn<Request, Answers>(
  batch: Request[],
  outcome: CallOutcome<Answers>,
  delivery: Delivery<Request, Answers>,
): Promise<void> {
  if ('answers' in outcome) delivery.answer(batch, outcome.answers);
  else if (batch.length === 1 || !isStatements(outcome.error))
    for (const request of batch) delivery.fail(request, outcome.error);
  else {
    const middle = batch.length >> 1;
    for (const half of [batch.slice(0, middle), batch.slice(middle)])
      await passOn(half, await outcomeOfCall(delivery.call(half)), delivery);
  }
}

/**
 * Whether the statement itself failed and was rolled back. Otherwise the connection failed (SQLSTATE classes 08, 53, 57, and
 * the driver's own codes), or a lock was not to be had (55P03), which no half of a batch gets sooner.
 */
function isStatements(error: unknown): boolean {
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (name !== 'PostgresError' || typeof code !== 'string') return false;
  return code === '57014' || !/^(08|53|57|55P03)/.test(code);
}

function outcomeOf({ kind, answer, at, available, held }: AnsweredRow): SpendOutcome {
  switch (kind) {
    case 'ok':
    case 'replay':
      return { kind, answer: answer! };
    case 'insufficient_credits':
      return { kind, at: Number(at), available: Number(available), held: Number(held) };
    case 'capture_exceeds_hold':
    case 'reversal_exceeds_usage':
      return { kind, available: Number(available) };
    default:
      return { kind };
  }
}

/** One call of the SQL function. The driver is used directly: it prepares the call once a connection, with three parameters. */
async function callSpendBatch(db: Database, batch: Pending[]): Promise<OutcomeRow[]> {
  const subs = new Set<string>();
  const returns: unknown[] = [];
  const spends: unknown[] = [];
  batch.forEach(({ request, slot }, ord) => {
    subs.add(request.subscriptionId);
    if ('object' in request) returns.push(returnRow(request, ord, slot));
    else spends.push(spendRow(request, ord, slot));
  });
  const rows = await db.$client<OutcomeRow[]>`
    select * from spend_batch(${arrayOf(subs)}::text[], ${jsonOf(returns)}::json, ${jsonOf(spends)}::json)`.execute();
  if (rows.length !== batch.length) throw new Error(`${rows.length} answers to ${batch.length} requests`);
  return rows;
}

/** An array in PostgreSQL's notation: the driver knows no array types (`connect`). */
export const arrayOf = (texts: Iterable<string>): string =>
  `{${Array.from(texts, (text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;

const jsonOf = (rows: unknown[]): string | null => (rows.length === 0 ? null : JSON.stringify(rows));

function returnRow(
  { op, subscriptionId, object, credits, usageId, bodyHash }: CreditReturn,
  ord: number,
  digest: string,
) {
  return { ord, sub: subscriptionId, op, object, credits, id: usageId, digest, body: halfOf(bodyHash) };
}

function spendRow(request: Spend, ord: number, digest: string) {
  const { op, subscriptionId, id, credits, lines, via, reference, metadata, seconds } = request;
  const status = op === 'hold' ? ',"status":"held"' : '';
  return {
    ord,
    sub: subscriptionId,
    op,
    credits,
    id,
    digest,
    body: halfOf(request.bodyHash),
    // The first and the last members of the answer. The statement adds the others, so that the answer is written once.
    head: `{"id":"${id}"${status},"credits":${credits},"lines":${JSON.stringify(lines)},"debits":[`,
    tail: `,"catalog_version":${JSON.stringify(request.catalogVersion)},"at":"`,
    catalog: request.catalogVersion,
    via,
    reference,
    metadata,
    seconds,
  };
}
