import { hash, randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { publishCatalog } from '../../src/db/catalogs.ts';
import { connect, type Database } from '../../src/db/client.ts';
import { type Booking, bookStep } from '../../src/db/ledger.ts';
import {
  type CreditReturn,
  createSpending,
  type Spend,
  type Spending,
  type SpendOutcome,
} from '../../src/db/spend-batches.ts';
import type { GrantKind } from '../../src/domain/burndown.ts';
import type { Instant } from '../../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { begin } from '../../src/domain/commands.ts';
import type { Charge, Effect, State } from '../../src/domain/state.ts';
import { stem } from '../../src/domain/subscription.ts';
import { newId } from '../../src/ids.ts';
import { createDatabase } from '../support/stack.ts';

// A ledger without a workflow: the verbs of src/db/ledger.ts called by hand, one step after the other.

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
/** Where test clocks of these tests start. */
export const T0: Instant = Date.parse('2026-01-31T00:00:00Z');

/** A database of its own with the page's catalogue in force; or another pool on one that is there. */
export async function openDatabase(url?: string): Promise<Database> {
  const db = connect(url ?? (await createDatabase()), { max: 10 });
  await publishCatalog(db, DEFAULT_CATALOG);
  return db;
}

/** Everything that the ledger knows of a subscription: equal before and after a call that must change nothing. */
export async function everythingOf(db: Database, id: string): Promise<unknown> {
  const [row] = await db.execute(sql`select
    (select to_jsonb(l) from ledgers l where subscription_id = ${id}) as ledger,
    (select to_jsonb(s) from subscriptions s where id = ${id}) as subscription,
    (select jsonb_agg(g order by id) from grants g where subscription_id = ${id}) as grants,
    (select jsonb_agg(e order by seq) from entries e where subscription_id = ${id}) as entries,
    (select jsonb_agg(to_jsonb(u) order by id) from usages u where subscription_id = ${id}) as usages,
    (select jsonb_agg(to_jsonb(h) order by id) from holds h where subscription_id = ${id}) as holds,
    (select jsonb_agg(to_jsonb(r) order by digest) from replies r where subscription_id = ${id}) as replies,
    (select jsonb_agg(c order by id) from charges c where subscription_id = ${id}) as charges,
    (select jsonb_agg(n order by step, line) from notes n where subscription_id = ${id}) as notes,
    (select jsonb_agg(e order by nth) from events e where subscription_id = ${id}) as events`);
  return row;
}

const queues = new WeakMap<Database, Spending>();
/** The ledgers of one database share a queue, as they do in an API process. */
function spendingOf(db: Database): Spending {
  const known = queues.get(db) ?? createSpending(db);
  queues.set(db, known);
  return known;
}

export interface GrantSpec {
  kind?: GrantKind;
  credits: number;
  from?: Instant;
  to: Instant;
  id?: string;
  cause?: string;
}

/** The fingerprint of a body, as the API makes it. */
export const bodyHash = (body: string): string => hash('sha256', body, 'base64url');

/** The input of `book_step` besides the step's number. */
export type Wanted = Partial<Booking> & { state?: Partial<State> };

/** One subscription, moved in a year ago: it has a past, no charge, and only the grants that a test gives it. */
export class RawLedger {
  readonly id = newId('sub');
  step = 0;
  lowBelow = 1;
  private cycles = 0;
  private state: State;
  private readonly db: Database;

  private constructor(db: Database, at: Instant, testClock: boolean) {
    this.db = db;
    this.state = begin(
      {
        id: this.id,
        customerId: `raw-${randomUUID()}`,
        plan: 'creator',
        interval: 'month',
        timeZone: 'UTC',
        paymentMethod: 'sandbox_ok',
        allowance: null,
        anchorAt: at - 366 * DAY,
        testClock,
      },
      at,
      DEFAULT_CATALOG,
    ).state;
  }

  /** On a test clock standing at T0. */
  static async open(db: Database): Promise<RawLedger> {
    return RawLedger.begun(new RawLedger(db, T0, true));
  }

  /** On the database's own clock. */
  static async live(db: Database): Promise<RawLedger> {
    return RawLedger.begun(new RawLedger(db, Date.now(), false));
  }

  private static async begun(ledger: RawLedger): Promise<RawLedger> {
    await ledger.book({ begin: { state: ledger.state, metadata: {} } });
    return ledger;
  }

  private get spending(): Spending {
    return spendingOf(this.db);
  }

  get now(): Instant {
    return this.state.now;
  }

  booking(wanted: Wanted = {}, step = this.step + 1): Booking {
    const { state, ...rest } = wanted;
    const next = { ...this.state, ...state };
    const scheduledEnd = next.scheduled?.kind === 'cancel' ? next.scheduled.at : null;
    return {
      step,
      catalogVersion: DEFAULT_CATALOG.version,
      catalogAt: null,
      command: null,
      begin: null,
      conflict: null,
      effects: [],
      after: {
        state: next,
        endsAt: next.endedAt ?? scheduledEnd,
        blocked: false,
        wakesAt: null,
        lowBelow: this.lowBelow,
        notices: [],
      },
      charge: null,
      outcome: null,
      finish: false,
      refusal: null,
      discard: false,
      ...rest,
    };
  }

  /** The next step; throws when it was not booked. */
  async book(wanted: Wanted = {}) {
    const booking = this.booking(wanted);
    const settled = await bookStep(this.db, this.id, booking);
    if (settled.kind !== 'booked') throw new Error(`the step was ${settled.kind}`);
    this.step = booking.step;
    this.state = booking.after.state;
    return settled;
  }

  /** Grants and answers the effect that did it. */
  async grant({
    kind = 'adjustment',
    credits,
    from = this.now,
    to,
    id,
    cause,
  }: GrantSpec): Promise<Extract<Effect, { type: 'grant' }>> {
    this.cycles += 1;
    const grantId = id ?? (kind === 'allowance' ? `grt_${stem(this.id)}_a${this.cycles}_0` : newId('grt'));
    const charge = kind === 'pack' ? this.purchase(credits, from) : null;
    const effect: Extract<Effect, { type: 'grant' }> = {
      type: 'grant',
      id: grantId,
      kind,
      credits,
      effectiveAt: from,
      expiresAt: to,
      cause: cause ?? stem(grantId),
      chargeId: charge?.id ?? null,
      reason: null,
    };
    await this.book({ effects: [effect], ...(charge ? { charge, outcome: 'paid' } : {}) });
    return effect;
  }

  /** Moves the test clock by a step that has no effects of its own. */
  async stand(at: Instant): Promise<void> {
    await this.book({ state: { now: at } });
  }

  /** The test clock goes on while no worker runs: nothing that is due on the way is booked. */
  async drift(at: Instant): Promise<void> {
    await this.db.execute(
      sql`update ledgers set test_clock = instant(${at}::bigint) where subscription_id = ${this.id}`,
    );
    this.state = { ...this.state, now: at };
  }

  async end(at = this.now): Promise<void> {
    await this.book({ effects: [{ type: 'forfeit', at }], state: { status: 'ended', endedAt: at, now: at } });
  }

  request(credits: number, wanted: Partial<Spend> = {}): Spend {
    const op = wanted.op ?? 'usage';
    return {
      subscriptionId: this.id,
      op,
      id: newId(op === 'hold' ? 'hld' : 'use'),
      key: randomUUID(),
      bodyHash: bodyHash('a body'),
      credits,
      lines: [{ feature: 'generate_look', quantity: credits, credits }],
      via: null,
      reference: null,
      metadata: {},
      catalogVersion: DEFAULT_CATALOG.version,
      seconds: null,
      ...wanted,
    };
  }

  spend(credits: number, wanted: Partial<Spend> = {}): Promise<SpendOutcome> {
    return this.spending.submit(this.request(credits, wanted));
  }

  hold(credits: number, seconds: number, wanted: Partial<Spend> = {}): Promise<SpendOutcome> {
    return this.spend(credits, { op: 'hold', seconds, ...wanted });
  }

  giving(op: CreditReturn['op'], object: string, wanted: Partial<CreditReturn> = {}): CreditReturn {
    return {
      subscriptionId: this.id,
      op,
      object,
      credits: null,
      key: randomUUID(),
      bodyHash: bodyHash('a body'),
      usageId: newId('use'),
      ...wanted,
    };
  }

  give(op: CreditReturn['op'], object: string, credits: number | null = null): Promise<SpendOutcome> {
    return this.spending.submit(this.giving(op, object, { credits }));
  }

  /** A pack of so many credits for 1,500, as the workflow would charge it. */
  purchase(credits: number, at: Instant): Charge {
    const purchaseId = newId('pur');
    const item = { pack: 'pack_300', quantity: 1, credits, renews: true, term: { days_after_renewal: 90 } };
    return {
      id: `chg_${stem(purchaseId)}`,
      kind: 'purchase',
      at,
      attempt: 1,
      attemptAt: at,
      amountMinor: 1_500,
      currency: 'USD',
      lines: [],
      paymentMethod: 'sandbox_ok',
      catalogVersion: DEFAULT_CATALOG.version,
      buys: {
        plan: 'creator',
        interval: 'month',
        allowance: 200,
        packs: 1,
        packCredits: credits,
        items: [item],
      },
      cycle: null,
      purchaseId,
    };
  }
}

export interface Spent {
  id: string;
  credits: number;
  debits: { grant_id: string; kind: GrantKind; credits: number }[];
  balance: { available: number; held: number };
  at: string;
}

/** The stored answer of a spend that succeeded. */
export function answerOf(spent: SpendOutcome): Spent {
  if (!('answer' in spent)) throw new Error(`not spent: ${JSON.stringify(spent)}`);
  return JSON.parse(spent.answer) as Spent;
}

/** The outcome of a request in one word or code. */
export const outcomeOf = (served: SpendOutcome): string => served.kind;
