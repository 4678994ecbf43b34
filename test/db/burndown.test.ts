import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { balanceAt } from '../../src/db/ledger.ts';
import { type Book, balance, book, emptyBook, spend } from '../../src/domain/book.ts';
import type { GrantKind } from '../../src/domain/burndown.ts';
import type { Instant } from '../../src/domain/calendar.ts';
import type { Effect } from '../../src/domain/state.ts';
import { expectPromises } from '../support/promises.ts';
import { answerOf, openDatabase, outcomeOf, RawLedger, T0 } from './raw-ledger.ts';

// the SQL of the ledger and the core's book live the same random histories and must agree in every
// debit, every entry and every past balance. Instants and credits are small, so that ties and edges are common.

const HISTORIES_A_BATCH = 25;
const BATCHES = 40;

type Op =
  | { do: 'grant'; kind: GrantKind; credits: number; from: number; days: number }
  /** More than is there by `over`: 0 spends all of it, 1 is short by one. */
  | { do: 'spend'; credits: number; over: number | null }
  | { do: 'stand'; hours: number }
  /** Books what has expired by now: late, or never. */
  | { do: 'expire' | 'revoke' | 'grant again'; which: number }
  | { do: 'end' };

const whole = (min: number, max: number) => fc.integer({ min, max });
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      kind: fc.constantFrom('allowance', 'pack', 'adjustment'),
      credits: whole(1, 9),
      from: whole(-3, 3),
      days: whole(1, 6),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('spend' as const),
      credits: whole(0, 15),
      over: fc.option(whole(-1, 1), { freq: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('stand' as const), hours: whole(0, 3) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('expire', 'revoke', 'grant again'), which: whole(0, 5) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const) }) },
);
const history = fc.array(op, { minLength: 4, maxLength: 16, size: 'max' });

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.$client.end());

/** A subscription of the ledger and its double in the core. */
class Twins {
  readonly core: Book = emptyBook();
  readonly granted: Extract<Effect, { type: 'grant' }>[] = [];
  private endedAt: Instant | null = null;
  private readonly ledger: RawLedger;

  private constructor(ledger: RawLedger) {
    this.ledger = ledger;
  }

  static async open(): Promise<Twins> {
    return new Twins(await RawLedger.open(db));
  }

  async live(ops: Op[]): Promise<void> {
    for (const wanted of ops) await this.do(wanted);
    expect(await this.entries()).toEqual(this.coreEntries());
    const last = this.ledger.now + 2;
    for (let at = T0 - 4; at <= last; at += 1)
      expect(await this.available(at), `available at ${at - T0}`).toBe(this.coreAvailable(at));
  }

  private async do(wanted: Op): Promise<void> {
    // nothing but a spend, which is refused, comes to an ended subscription.
    if (this.endedAt !== null && wanted.do !== 'spend') return;
    switch (wanted.do) {
      case 'grant':
        return this.grant(wanted);
      case 'spend':
        return this.spend(wanted);
      case 'stand':
        return this.ledger.stand(this.ledger.now + wanted.hours);
      case 'end':
        return this.end();
      default:
        return this.again(wanted.do, wanted.which);
    }
  }

  private async grant({ kind, credits, from, days }: Extract<Op, { do: 'grant' }>): Promise<void> {
    const effectiveAt = this.ledger.now + from;
    const effect = await this.ledger.grant({ kind, credits, from: effectiveAt, to: effectiveAt + days });
    this.granted.push(effect);
    book(this.core, [effect]);
  }

  /** As the workflow does it: what has expired is booked before the end. */
  private async end(): Promise<void> {
    const at = this.ledger.now;
    // Nothing is dated before its grant.
    if (this.granted.some(({ effectiveAt }) => effectiveAt > at)) return;
    const effects: Effect[] = this.granted
      .filter(({ expiresAt }) => expiresAt <= at)
      .map((grant) => ({ type: 'expire', grantId: grant.id, at: grant.expiresAt }));
    effects.push({ type: 'forfeit', at });
    this.endedAt = at;
    book(this.core, effects);
    await this.ledger.book({ effects, state: { status: 'ended', endedAt: at } });
  }

  private async again(what: 'expire' | 'revoke' | 'grant again', which: number): Promise<void> {
    const grant = this.granted[which];
    const at = this.ledger.now;
    if (!grant || (what === 'expire' && grant.expiresAt > at)) return;
    // Nothing is dated before its grant.
    if (what === 'revoke' && grant.effectiveAt > at) return;
    const effects: Record<typeof what, Effect> = {
      expire: { type: 'expire', grantId: grant.id, at: grant.expiresAt },
      revoke: { type: 'revoke', grantId: grant.id, at, reason: 'r' },
      'grant again': grant,
    };
    await this.ledger.book({ effects: [effects[what]] });
    book(this.core, [effects[what]]);
  }

  private async spend({ credits, over }: Extract<Op, { do: 'spend' }>): Promise<void> {
    const at = this.ledger.now;
    const { available } = balance(this.core, at);
    const wanted = over === null ? credits : Math.max(0, available + over);
    const spent = await this.ledger.spend(wanted);
    if (this.endedAt !== null) return expect(outcomeOf(spent)).toBe('subscription_not_active');
    const debits = spend(this.core, wanted, at);
    if (debits === null) return expect(spent).toMatchObject({ available, held: 0 });
    const answer = answerOf(spent);
    expect(answer.debits).toEqual(debits);
    expect(answer.balance).toEqual({ available: available - wanted, held: 0 });
  }

  private async entries(): Promise<unknown[]> {
    const rows = await db.execute(sql`
      select e.seq::int, e.kind, e.credits::int, e.grant_id as "grantId", g.kind as "grantKind",
        e.balance_after::int as "balanceAfter", ms(e.effective_at)::float8 as "effectiveAt"
      from entries e join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
      where e.subscription_id = ${this.ledger.id} order by e.seq`);
    return [...rows];
  }

  private coreEntries(): unknown[] {
    return this.core.entries.map((entry) => ({ ...entry }));
  }

  private async available(at: Instant): Promise<number> {
    const found = await balanceAt(db, this.ledger.id, at);
    return found!.grants.reduce((sum, grant) => sum + grant.remaining, 0);
  }

  /** I13, told in another way than the SQL does: the entries up to then of the grants usable then. */
  private coreAvailable(at: Instant): number {
    if (this.endedAt !== null && at >= this.endedAt) return 0;
    return this.core.entries
      .filter(({ effectiveAt, grantId }) => {
        const grant = this.core.grants.get(grantId)!;
        return effectiveAt <= at && grant.effectiveAt <= at && at < grant.expiresAt;
      })
      .reduce((sum, { credits }) => sum + credits, 0);
  }
}

test(`${HISTORIES_A_BATCH * BATCHES} random histories: SQL and core agree`, async () => {
  const batch = fc.array(history, { minLength: HISTORIES_A_BATCH, maxLength: HISTORIES_A_BATCH });
  const seed = Date.now() & 0x7fffffff;
  process.stderr.write(`  burndown: seed ${seed}\n`);
  await fc.assert(
    fc.asyncProperty(batch, async (histories) => {
      await Promise.all(
        histories.map(async (ops) => {
          const twins = await Twins.open();
          await twins.live(ops).catch((error: unknown) => {
            throw new Error(`${(error as Error).message}\nin ${JSON.stringify(ops)}`, { cause: error });
          });
        }),
      );
    }),
    { seed, numRuns: BATCHES, interruptAfterTimeLimit: 90_000, markInterruptAsFailure: true },
  );
  await expectPromises(db);
});
