import { hash } from 'node:crypto';
import type { Instant } from '../domain/calendar.ts';
import type { Line } from '../domain/rates.ts';
import type { Database } from './client.ts';

// What callers ask of the ledger alone, by the hundred at once. While a call is under way requests pile up; when it returns,
// all that wait go as the next. A second call goes beside it when enough wait. No timer: an idle server adds no delay.

interface KeyedRequest {
  subscriptionId: string;
  key: string;
  /** Of path and body: the same key with another body is refused (R-65). */
  bodyHash: string;
}

/** R-60 to R-65, R-70: takes credits in burn order, all or nothing: spent (`usage`) or set aside (`hold`). */
export interface Spend extends KeyedRequest {
  op: 'usage' | 'hold';
  /** Of the usage or hold that is made. */
  id: string;
  credits: number;
  lines: Line[];
  via: string | null;
  reference: string | null;
  metadata: Record<string, string>;
  catalogVersion: string;
  /** From now to a hold's deadline. */
  seconds: number | null;
}

/** R-71, R-80: settles a hold, or takes back a usage. */
export interface CreditReturn extends KeyedRequest {
  op: 'capture' | 'release' | 'reverse';
  /** The hold or usage. */
  object: string;
  /** null: all that there is. */
  credits: number | null;
  /** Of the usage that a capture makes. */
  usageId: string;
}

export type SpendRequest = Spend | CreditReturn;

/** R-61: what was there when a spend did not fit. */
export interface Shortfall {
  kind: 'insufficient_credits';
  at: Instant;
  available: number;
  held: number;
}

export type SpendOutcome =
  /** `answer` is the JSON that is stored, the same for ever (R-65). */
  | { kind: 'ok' | 'replay'; answer: string }
  | Shortfall
  /** `stale`: another catalogue is in force (R-08): price again with that one. */
  | { kind: 'reused' | 'not_found' | 'stale' | 'subscription_not_active' | 'payment_past_due' }
  | { kind: 'hold_expired' | 'hold_already_settled' }
  /** `available`: what there is to capture or to reverse. */
  | { kind: 'capture_exceeds_hold' | 'reversal_exceeds_usage'; available: number };

export interface Spending {
  /** Answers one request, whatever else travels with it. Rejects when the ledger is away: then nobody knows, and a repeat with the same key tells. */
  submit(request: SpendRequest): Promise<SpendOutcome>;
}

/** Calls under way at once, each on a connection of its own. */
const CALLS = 2;
/** Requests that are worth a call beside one that is under way: fewer wait for it, for a call costs as much as four requests. */
const WORTH_A_CALL = 12;
/** A call under way for longer waits for somebody: nobody waits for it any more. */
const LATE_MS = 5;
/** Requests a call carries at most. */
const MOST = 256;

interface Pending {
  request: SpendRequest;
  /** The digest of subscription, operation and key. */
  slot: string;
  resolve(outcome: SpendOutcome): void;
  reject(error: unknown): void;
}

type BatchOutcome = { rows: OutcomeRow[] } | { error: unknown };

/** One row of the SQL function `spend_batch`. */
interface OutcomeRow {
  ord: number;
  kind: SpendOutcome['kind'];
  answer: string | null;
  at: string | null;
  available: string | null;
  held: string | null;
}

/** The operation a key belongs to (R-65). */
const operationOf = (request: SpendRequest): string =>
  'object' in request ? `${request.op}/${request.object}` : request.op;

const halfHash = (text: string): string => hash('sha256', text, 'hex').slice(0, 32);

/** Half of SHA-256, as PostgreSQL's uuid: what the table of replies is looked up by. */
export const digestOf = (subscriptionId: string, operation: string, key: string): string =>
  halfHash(`${subscriptionId}\n${halfHash(`${operation}\n${key}`)}`);

/** The same of a body's hash, which comes as base64url. */
export const halfOf = (bodyHash: string): string =>
  Buffer.from(bodyHash, 'base64url').toString('hex').slice(0, 32);

export function createSpending(db: Database): Spending {
  let waiting: Pending[] = [];
  let underWay = 0;
  let departedAt = 0;
  /** Subscriptions of the calls under way: their next requests wait, or they would overtake. */
  const travelling = new Set<string>();
  /** What is on its way, by subscription, operation and key. */
  const slots = new Map<string, { bodyHash: string; outcome: Promise<SpendOutcome> }>();

  /** Copies on their way together share one slot; another body under the same key waits for the first to end. */
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
      join({ request, slot, resolve, reject });
    });
    slots.set(slot, { bodyHash: request.bodyHash, outcome });
    return outcome;
  }

  function join(pending: Pending): void {
    waiting.push(pending);
    // What the same turn of the event loop brings goes along.
    if (waiting.length === 1) setImmediate(depart);
    else if (underWay > 0 && (waiting.length % WORTH_A_CALL === 0 || isLate())) depart();
  }

  /** Sends what waits and may go, unless it is better off on the next call. Two calls share what is worth two. */
  function depart(): void {
    if (underWay === CALLS) return;
    const share = underWay === 0 && waiting.length >= 2 * WORTH_A_CALL ? Math.ceil(waiting.length / 2) : MOST;
    const { batch, rest } = taken(waiting, share, travelling);
    if (batch.length < (underWay === 0 || isLate() ? 1 : WORTH_A_CALL)) return;
    waiting = rest;
    void travel(batch);
    // Nobody would look again before this call returns.
    depart();
  }

  const isLate = () => performance.now() - departedAt > LATE_MS;

  /** The next call is on its way before the answers of this one are passed on: the ledger need not wait for that. */
  async function travel(batch: Pending[]): Promise<void> {
    underWay += 1;
    departedAt = performance.now();
    for (const { request } of batch) travelling.add(request.subscriptionId);
    const outcome = await batchOutcome(batch);
    for (const { request } of batch) travelling.delete(request.subscriptionId);
    underWay -= 1;
    depart();
    await deliver(batch, outcome);
  }

  const batchOutcome = (batch: Pending[]): Promise<BatchOutcome> =>
    callSpendBatch(db, batch).then(
      (rows) => ({ rows }),
      (error: unknown) => ({ error }),
    );

  /** A batch that fails is taken apart until what is wrong fails alone. Nothing is asked again of a ledger that is away. */
  async function deliver(batch: Pending[], outcome: BatchOutcome): Promise<void> {
    if ('rows' in outcome) for (const row of outcome.rows) finish(batch[row.ord]!, outcomeOf(row));
    else if (batch.length === 1 || !isStatements(outcome.error))
      for (const pending of batch) finish(pending, outcome);
    else {
      const middle = batch.length >> 1;
      for (const half of [batch.slice(0, middle), batch.slice(middle)])
        await deliver(half, await batchOutcome(half));
    }
  }

  function finish({ slot, resolve, reject }: Pending, outcome: SpendOutcome | { error: unknown }): void {
    slots.delete(slot);
    if ('error' in outcome) reject(outcome.error);
    else resolve(outcome);
  }

  return { submit };
}

/** The first `share` that are not of the subscriptions `travelling`, and what else is of theirs: it could not go beside them. */
function taken(waiting: Pending[], share: number, travelling: ReadonlySet<string>) {
  const batch: Pending[] = [];
  const rest: Pending[] = [];
  const aboard = new Set<string>();
  for (const pending of waiting) {
    const { subscriptionId } = pending.request;
    const fits = batch.length < MOST && (batch.length < share || aboard.has(subscriptionId));
    const goes = fits && !travelling.has(subscriptionId);
    if (goes) aboard.add(subscriptionId);
    (goes ? batch : rest).push(pending);
  }
  return { batch, rest };
}

/** The statement itself failed, and was rolled back; otherwise the connection did (SQLSTATE classes 08, 53, 57 and the driver's own). */
function isStatements(error: unknown): boolean {
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (name !== 'PostgresError' || typeof code !== 'string') return false;
  return code === '57014' || !/^(08|53|57)/.test(code);
}

function outcomeOf({ kind, answer, at, available, held }: OutcomeRow): SpendOutcome {
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

/** One call of `spend_batch`. It goes to the driver directly: prepared once a connection, and its parameters are three. */
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

/** An array as PostgreSQL writes one: the driver knows no types of arrays (`connect`). */
const arrayOf = (texts: Iterable<string>): string =>
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
    // The answer is written once, here and in the statement: these are its first and its last members.
    head: `{"id":"${id}"${status},"credits":${credits},"lines":${JSON.stringify(lines)},"debits":[`,
    tail: `,"catalog_version":${JSON.stringify(request.catalogVersion)},"at":"`,
    catalog: request.catalogVersion,
    via,
    reference,
    metadata,
    seconds,
  };
}
