import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import type { StepOutcome } from '../../src/db/ledger.ts';
import type { SpendOutcome } from '../../src/db/spend-batches.ts';
import type { Instant } from '../../src/domain/calendar.ts';
import { sized } from '../support/campaign.ts';
import { brokenInvariants } from '../support/invariants.ts';
import { answerOf, DAY, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// I3: an expiry, a grant and a cancel at one instant, and beside them spends, holds, captures and reversals. The
// steps come one after the other, as the workflow's do, each decided a moment before it is booked.

const SEEDS = sized(60, 200);
const AT_ONCE = 8;

type Step = 'expire' | 'grant' | 'end';
interface Ask {
  op: 'usage' | 'hold' | 'capture' | 'reverse';
  credits: number;
  after: number;
}
interface Plan {
  steps: Step[];
  pauses: number[];
  asks: Ask[];
}

const ms = fc.integer({ min: 0, max: 4 });
const plan: fc.Arbitrary<Plan> = fc.record({
  steps: fc.shuffledSubarray<Step>(['expire', 'grant', 'end'], { minLength: 3 }),
  pauses: fc.array(ms, { minLength: 6, maxLength: 6 }),
  asks: fc.array(
    fc.record({
      op: fc.constantFrom<Ask['op'][]>('usage', 'usage', 'usage', 'hold', 'hold', 'capture', 'reverse'),
      credits: fc.integer({ min: 1, max: 12 }),
      after: fc.integer({ min: 0, max: 14 }),
    }),
    { minLength: 6, maxLength: 12 },
  ),
});

const sleep = (forMs: number) => new Promise((resolve) => setTimeout(resolve, forMs));
const reach = async (at: Instant) => {
  while (Date.now() < at) await sleep(1);
};

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.$client.end());

interface Entry {
  seq: number;
  kind: string;
  credits: number;
  at: Instant;
}

/** One life up to the instant, and through it. */
class Life {
  readonly ledger: RawLedger;
  private readonly isLive: boolean;
  /** When the allowance expires; on a test clock also a hold's deadline, the grant and the end. */
  private readonly instant: Instant;
  private allowance = '';
  private usage = '';
  private held = '';

  private constructor(ledger: RawLedger, isLive: boolean) {
    this.ledger = ledger;
    this.isLive = isLive;
    this.instant = isLive ? ledger.now + 60 : T0 + 2_000;
  }

  static async before(isLive: boolean): Promise<Life> {
    const life = new Life(await (isLive ? RawLedger.live(db) : RawLedger.open(db)), isLive);
    const { ledger, instant } = life;
    life.allowance = (await ledger.grant({ kind: 'allowance', credits: 40, to: instant })).id;
    await ledger.grant({ kind: 'pack', credits: 30, to: instant + DAY });
    if (!isLive) await ledger.stand(instant - 1_000);
    life.usage = answerOf(await ledger.spend(9)).id;
    life.held = answerOf(await ledger.hold(7, 1)).id;
    if (isLive) await reach(instant - 5);
    else await ledger.stand(instant - 1);
    return life;
  }

  /** All of a plan at once; answers the outcomes of the spends, and how the end was booked. */
  async through({ steps, pauses, asks }: Plan): Promise<{ served: SpendOutcome[]; ended: StepOutcome }> {
    const asked = asks.map((ask) => this.ask(ask));
    const waits = [...pauses];
    let ended: StepOutcome | null = null;
    // nothing comes after the end.
    for (const step of steps.slice(0, steps.indexOf('end') + 1)) {
      await sleep(waits.pop()!);
      ended = await this.step(step, waits.pop()!);
    }
    return { served: await Promise.all(asked), ended: ended! };
  }

  private async ask({ op, credits, after }: Ask): Promise<SpendOutcome> {
    await sleep(after);
    const { ledger, held, usage } = this;
    if (op === 'usage') return ledger.spend(credits);
    if (op === 'hold') return ledger.hold(credits, 3_600);
    return op === 'capture' ? ledger.give('capture', held) : ledger.give('reverse', usage, 1);
  }

  private async step(what: Step, pause: number): Promise<StepOutcome> {
    const { instant, allowance } = this;
    if (this.isLive && what === 'expire') await reach(instant);
    const at = this.isLive ? Date.now() : instant;
    const asked = { catalogAt: this.isLive ? at : null };
    const state = { now: at };
    await sleep(pause);
    if (what === 'expire')
      return this.ledger.book({ effects: [{ type: 'expire', grantId: allowance, at: instant }], state });
    if (what === 'end')
      return this.ledger.book({
        ...asked,
        effects: [
          { type: 'forfeit', at },
          {
            type: 'note',
            at,
            kind: 'ended',
            rule: 'R-51',
            detail: 'cancelled',
            plan: 'creator',
            interval: 'month',
          },
        ],
        state: { ...state, status: 'ended', endedAt: at },
      });
    const id = `grt_${this.ledger.id.slice(4)}_gift`;
    const gift = {
      type: 'grant',
      id,
      kind: 'adjustment',
      credits: 20,
      chargeId: null,
      reason: null,
    } as const;
    const effect = { ...gift, effectiveAt: at, expiresAt: at + DAY, cause: 'gift' };
    return this.ledger.book({ ...asked, effects: [effect], state });
  }

  async entries(): Promise<Entry[]> {
    const rows = await db.execute<Entry & Record<string, unknown>>(sql`
      select seq::int, kind, credits::int, ms(effective_at)::float8 as at from entries
      where subscription_id = ${this.ledger.id} order by seq`);
    return [...rows];
  }

  /** The end, in each table. */
  async ends(): Promise<unknown> {
    const [row] = await db.execute(sql`
      select ms(l.ends_at)::float8 as ledger, (s.state->>'endedAt')::float8 as state, ms(n.at)::float8 as note
      from ledgers l join subscriptions s on s.id = l.subscription_id
      join notes n on n.subscription_id = s.id and n.kind = 'ended' where s.id = ${this.ledger.id}`);
    return row;
  }
}

const ASKED = ['debit', 'hold', 'capture', 'reversal'];
const OUTCOMES = [
  'ok',
  'insufficient_credits',
  'subscription_not_active',
  'hold_expired',
  'hold_already_settled',
];
const sum = (numbers: number[]) => numbers.reduce((total, credits) => total + credits, 0);

/** How often each thing came about that the seeds are for. */
const seen = new Map<string, number>();
const see = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);

async function runSeed(isLive: boolean, wanted: Plan): Promise<void> {
  const life = await Life.before(isLive);
  const { served, ended } = await life.through(wanted);
  if (ended.kind !== 'booked' || !ended.endedAt) throw new Error('the end was not booked');
  const { endedAt, version } = ended;
  const entries = await life.entries();
  expect(await brokenInvariants(db, [life.ledger.id])).toEqual([]);
  expect(await life.ends()).toEqual({ ledger: endedAt, state: endedAt, note: endedAt });

  for (const { kind } of served) expect(OUTCOMES).toContain(kind);
  const taken = entries.filter(({ kind }) => kind === 'debit' || kind === 'hold');
  for (const { seq, at } of taken) {
    expect(at, `seq ${seq} is dated after the end`).toBeLessThanOrEqual(endedAt);
    expect(seq, 'booked after the end').toBeLessThanOrEqual(version);
  }
  expect((await life.ledger.spend(0)).kind).toBe('subscription_not_active');

  // The answers to callers equal the entries: 9 and 7 before the instant, and each served spend.
  const reported = served.flatMap((one) => ('answer' in one ? (answerOf(one).debits ?? []) : []));
  expect(-sum(taken.map(({ credits }) => credits))).toBe(9 + 7 + sum(reported.map(({ credits }) => credits)));
  const asked = entries.filter(({ kind }) => ASKED.includes(kind));
  asked.forEach(({ seq, at }, i) => {
    expect(at, `seq ${seq} goes back in time`).toBeGreaterThanOrEqual(asked[i - 1]?.at ?? 0);
  });

  if (taken.at(-1)!.at === endedAt) see('taken at the very instant of the end');
  if (served.some(({ kind }) => kind === 'subscription_not_active')) see('refused after the end');
  if (taken.length > 2 && served.some(({ kind }) => kind === 'ok')) see('taken before the end');
  for (const { kind } of entries) see(kind);
}

test.each([
  ['a test clock', false],
  ['the database’s clock', true],
])('spend ‖ expiry ‖ grant ‖ cancel at one instant on %s', async (_, isLive) => {
  const seed = Date.now() & 0x7fffffff;
  process.stderr.write(`  instant: seed ${seed}\n`);
  const plans = fc.sample(plan, { seed, numRuns: SEEDS });
  for (let from = 0; from < plans.length; from += AT_ONCE)
    await Promise.all(
      plans.slice(from, from + AT_ONCE).map((wanted) =>
        runSeed(isLive, wanted).catch((error: Error) => {
          throw new Error(`seed ${seed}: ${error.message}\nin ${JSON.stringify(wanted)}`, { cause: error });
        }),
      ),
    );
  // The seeds are worth something: each of these came about, and often.
  const often = [
    'taken before the end',
    'refused after the end',
    'expiry',
    'forfeiture',
    'reversal',
    'capture',
  ];
  if (!isLive) often.push('taken at the very instant of the end');
  for (const what of often) expect(seen.get(what) ?? 0, what).toBeGreaterThan(SEEDS / 20);
  seen.clear();
});
