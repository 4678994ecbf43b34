import { expect } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { advanceEnded, releaseOverdue } from '../../src/db/ledger.ts';
import { refundCharge } from '../../src/db/refunds.ts';
import type { SpendOutcome } from '../../src/db/spend-batches.ts';
import type { GrantKind } from '../../src/domain/burndown.ts';
import { type Instant, iso, NEVER } from '../../src/domain/calendar.ts';
import { Refusal } from '../../src/domain/errors.ts';
import {
  type Book,
  balance,
  book,
  type ChargeRecord,
  emptyBook,
  spend,
} from '../../src/domain/model/book.ts';
import { capture, hold, release, releaseDue } from '../../src/domain/model/holds.ts';
import { refundCharge as refundInCore } from '../../src/domain/model/refunds.ts';
import { reverse } from '../../src/domain/model/reversals.ts';
import type { MoneyBack } from '../../src/domain/refunds.ts';
import type { Effect } from '../../src/domain/state.ts';
import { expectEqual } from './at-rest.ts';
import { RawLedger } from './raw-ledger.ts';

// A subscription of the ledger and its double in the core. Both live one history, a second a tick, and must agree in every
// answer on the way; at rest in every entry, every grant and every past balance.

const SECOND = 1_000;

/** The requested part of a hold or usage: no number, or so many credits. */
export type Part = null | 'one' | 'all' | 'over' | number;

export type Op =
  | { do: 'grant'; kind: GrantKind; credits: number; from: number; for: number | null }
  /** More than is there by `over`: 0 takes all of it, 1 is short by one. */
  | { do: 'spend'; credits: number; over: number | null }
  | { do: 'hold'; credits: number; over: number | null; seconds: number }
  | { do: 'capture'; which: number; part: Part }
  | { do: 'release'; which: number }
  | { do: 'reverse'; which: number; part: Part }
  /** Billing's report on the money of a pack, of which 1,500 were paid. */
  | { do: 'money back'; which: number; back: MoneyBack }
  /** Asleep, no worker runs: work due on the way is booked later, or never. */
  | { do: 'stand'; seconds: number; asleep: boolean }
  | { do: 'expire' | 'revoke' | 'grant again'; which: number }
  | { do: 'schedule end'; seconds: number }
  | { do: 'end' };
type Of<D extends Op['do']> = Extract<Op, { do: D }>;

const jsonOf = (served: SpendOutcome): Record<string, unknown> => {
  if (!('answer' in served)) throw new Error(`not served: ${JSON.stringify(served)}`);
  return JSON.parse(served.answer);
};

/** `over` is one too many; all of nothing is not said. */
function creditsOf(part: Part, whole: number): number | null {
  if (part === null || typeof part === 'number') return part;
  return { one: 1, all: whole || null, over: whole + 1 }[part];
}

/** The charge of a pack, as RawLedger makes it. */
const paidFor = ({ chargeId, credits, effectiveAt }: Extract<Effect, { type: 'grant' }>): ChargeRecord => ({
  id: chargeId!,
  kind: 'purchase',
  at: effectiveAt,
  status: 'paid',
  amountMinor: 1_500,
  refundedMinor: 0,
  currency: 'USD',
  returnedMinor: 0,
  owedMinor: 0,
  owedReturnedMinor: 0,
  disputes: new Map(),
  packs: 1,
  joined: [{ pack: 'pack_300', quantity: 1 }],
  credits,
  grantId: null,
  revokedCredits: 0,
});

export class Twins {
  private readonly core: Book = emptyBook();
  private readonly granted: Extract<Effect, { type: 'grant' }>[] = [];
  /** The answers to callers about the ends of their holds. */
  private readonly settled = new Map<string, unknown>();
  private ended = false;
  /** booked or scheduled. */
  private endsAt: Instant | null = null;
  private readonly db: Database;
  private readonly ledger: RawLedger;

  private constructor(db: Database, ledger: RawLedger) {
    this.db = db;
    this.ledger = ledger;
  }

  static async live(db: Database, history: readonly Op[]): Promise<void> {
    const twins = new Twins(db, await RawLedger.open(db));
    for (const op of history) await twins.do(op);
    await twins.rest();
  }

  private get now(): Instant {
    return this.ledger.now;
  }

  private do(op: Op): Promise<void> | void {
    switch (op.do) {
      case 'spend':
        return this.spend(op);
      case 'hold':
        return this.hold(op);
      case 'capture':
        return this.capture(op);
      case 'release':
        return this.release(op);
      case 'reverse':
        return this.reverse(op);
      case 'money back':
        return this.moneyBack(op);
      case 'stand':
        return this.stand(op);
      default:
        return this.work(op);
    }
  }

  // The workflow's work, step by step.

  private async work(
    op: Exclude<Op, Of<'spend' | 'hold' | 'capture' | 'release' | 'reverse' | 'money back' | 'stand'>>,
  ) {
    if (this.endsAt !== null && this.endsAt <= this.now) await this.end(this.endsAt);
    // nothing of this comes to an ended subscription.
    if (this.ended) return;
    if (op.do === 'grant') return this.grant(op);
    if (op.do === 'end') return this.end(this.now);
    if (op.do === 'schedule end') return this.scheduleEnd(this.now + op.seconds * SECOND);
    return this.again(op.do, op.which);
  }

  /** before an effect, and at the end of its step, deadlines and then expiries. */
  private pass(until: Instant): void {
    releaseDue(this.core, until);
    const over = [...this.core.grants.values()].filter(
      ({ expiresAt, remaining, held, taken }) => expiresAt <= until && remaining + held > 0 && !taken,
    );
    for (const { id, expiresAt } of over.sort((a, b) => a.expiresAt - b.expiresAt || a.made - b.made))
      book(this.core, [{ type: 'expire', grantId: id, at: expiresAt }]);
  }

  private step(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.pass('effectiveAt' in effect ? effect.effectiveAt : 'at' in effect ? effect.at : this.now);
      book(this.core, [effect]);
    }
    this.pass(this.now);
  }

  private async grant({ kind, credits, from, for: seconds }: Of<'grant'>): Promise<void> {
    const effectiveAt = this.now + from * SECOND;
    if (this.isAhead(effectiveAt)) return;
    const to = seconds === null ? NEVER : effectiveAt + seconds * SECOND;
    const effect = await this.ledger.grant({ kind, credits, from: effectiveAt, to });
    this.granted.push(effect);
    if (effect.chargeId !== null) this.core.charges.set(effect.chargeId, paidFor(effect));
    this.step([effect]);
  }

  /** The product grants nothing ahead of its instant. Here it may, where nothing else is due by then. */
  private isAhead(instant: Instant): boolean {
    const due = [
      ...(this.endsAt === null ? [] : [this.endsAt]),
      ...[...this.core.holds.values()].map(({ deadline }) => deadline),
      ...this.granted.map(({ expiresAt }) => expiresAt),
    ];
    return due.some((at) => at > this.now && at <= instant);
  }

  /** Nothing is dated before its grant. */
  private isBefore = (at: Instant): boolean => this.granted.some(({ effectiveAt }) => effectiveAt > at);

  private async scheduleEnd(at: Instant): Promise<void> {
    if (this.isBefore(at)) return;
    this.endsAt = at;
    await this.ledger.book({ state: { scheduled: { kind: 'cancel', at } } });
    this.step([]);
    if (at <= this.now) await this.end(at);
  }

  private async end(at: Instant): Promise<void> {
    if (this.isBefore(at)) return;
    const effects: Effect[] = this.granted
      .filter(({ expiresAt }) => expiresAt <= at)
      .map((grant) => ({ type: 'expire', grantId: grant.id, at: grant.expiresAt }));
    effects.push({ type: 'forfeit', at });
    await this.ledger.book({ effects, state: { status: 'ended', endedAt: at } });
    this.endsAt = at;
    this.ended = true;
    this.step(effects);
  }

  private async again(what: 'expire' | 'revoke' | 'grant again', which: number): Promise<void> {
    const grant = this.granted[which];
    const at = this.now;
    if (!grant || (what === 'expire' && grant.expiresAt > at)) return;
    if (what === 'revoke' ? grant.effectiveAt > at : this.isAhead(grant.effectiveAt)) return;
    const effects: Record<typeof what, Effect> = {
      expire: { type: 'expire', grantId: grant.id, at: grant.expiresAt },
      revoke: { type: 'revoke', grantId: grant.id, at, reason: 'r' },
      'grant again': grant,
    };
    await this.ledger.book({ effects: [effects[what]] });
    this.step([effects[what]]);
  }

  private async stand({ seconds, asleep }: Of<'stand'>): Promise<void> {
    const to = this.now + seconds * SECOND;
    if (asleep) return this.ledger.drift(to);
    if (this.ended) {
      await advanceEnded(this.db, this.ledger.id, to);
      await this.ledger.drift(to);
      return this.pass(to);
    }
    if (this.endsAt !== null && this.endsAt <= to) {
      await this.ledger.drift(to);
      return this.end(this.endsAt);
    }
    await this.ledger.stand(to);
    this.step([]);
  }

  // Callers' requests, beside the workflow.

  /** a deadline and a scheduled end count at once, though nothing was booked. */
  private look(): void {
    const { endsAt, now } = this;
    releaseDue(this.core, Math.min(now, endsAt ?? now));
    if (endsAt !== null && endsAt < now) this.core.endedAt = endsAt;
    releaseDue(this.core, now);
  }

  private get balance(): { available: number; held: number } {
    const { available, held } = balance(this.core, this.now);
    return { available: this.isOver ? 0 : available, held };
  }

  private get isOver(): boolean {
    return this.endsAt !== null && this.endsAt <= this.now;
  }

  private async spend(op: Of<'spend'>): Promise<void> {
    const wanted = this.wantedOf(op, 0);
    const served = await this.ledger.spend(wanted, { id: `use_${this.core.usages.size}` });
    this.expectTaken(served, (id) => spend(this.core, wanted, this.now, id));
  }

  private async hold(op: Of<'hold'>): Promise<void> {
    const wanted = this.wantedOf(op, 1);
    // In the order of their making, also within one millisecond.
    const id = `hld_${String(this.core.holds.size).padStart(3, '0')}`;
    const served = await this.ledger.hold(wanted, op.seconds, { id });
    const deadline = this.now + op.seconds * SECOND;
    this.expectTaken(served, () => hold(this.core, { id, credits: wanted, at: this.now, deadline }));
    if ('answer' in served) expect(jsonOf(served)).toMatchObject({ status: 'held', deadline: iso(deadline) });
  }

  private wantedOf({ credits, over }: Of<'spend' | 'hold'>, least: number): number {
    this.look();
    return Math.max(least, over === null ? credits : this.balance.available + over);
  }

  /** */
  private expectTaken(served: SpendOutcome, take: (id: string) => unknown): void {
    if (this.isOver) return expect(served).toEqual({ kind: 'subscription_not_active' });
    const before = this.balance;
    const debits = take('answer' in served ? String(jsonOf(served)['id']) : 'none');
    if (debits === null)
      return expect(served).toEqual({ kind: 'insufficient_credits', at: this.now, ...before });
    expect(jsonOf(served)).toMatchObject({ debits, balance: this.balance, at: iso(this.now) });
  }

  private async capture({ which, part }: Of<'capture'>): Promise<void> {
    const held = [...this.core.holds.values()].at(-1 - which);
    if (!held) return;
    const credits = creditsOf(part, held.credits);
    this.look();
    const served = await this.ledger.give('capture', held.id, credits);
    const usageId = 'answer' in served ? String(jsonOf(served)['usage_id']) : 'none';
    this.expectSettled(served, held, () => capture(this.core, held.id, { credits, at: this.now, usageId }));
  }

  private async release({ which }: Of<'release'>): Promise<void> {
    const held = [...this.core.holds.values()].at(-1 - which);
    if (!held) return;
    this.look();
    const served = await this.ledger.give('release', held.id);
    this.expectSettled(served, held, () => release(this.core, held.id, this.now));
  }

  /** */
  private expectSettled(
    served: SpendOutcome,
    { id, credits, settled }: { id: string; credits: number; settled: unknown },
    act: () => { status: string; captured: number; released: number; usageId: string | null },
  ): void {
    const isFirst = settled === null;
    const answer = this.answerOr(served, credits, act);
    if (answer === null) return;
    const { status, captured, released, usageId: usage_id } = answer;
    const reported = jsonOf(served);
    expect(reported).toMatchObject({ id, status, captured, released, usage_id });
    if (isFirst) expect(reported['balance']).toEqual(this.balance);
    // A repeat answers as the first; a release by the deadline answers as of then.
    if (this.settled.has(id)) expect(reported).toEqual(this.settled.get(id));
    this.settled.set(id, reported);
  }

  /** */
  private async reverse({ which, part }: Of<'reverse'>): Promise<void> {
    const usage = [...this.core.usages.values()].at(-1 - which);
    if (!usage) return;
    const left = usage.credits - usage.reversed;
    const credits = creditsOf(part, left);
    this.look();
    const served = await this.ledger.give('reverse', usage.id, credits);
    const given = this.answerOr(served, left, () => reverse(this.core, usage.id, { credits, at: this.now }));
    if (given) expect(jsonOf(served)).toEqual({ ...given, balance: this.balance });
  }

  /** also after the end. */
  private async moneyBack({ which, back }: Of<'money back'>): Promise<void> {
    const { now, endsAt, core } = this;
    const grant = this.granted.filter(({ chargeId }) => chargeId !== null).at(-1 - which);
    if (!grant || grant.effectiveAt > now || (endsAt === now && !this.ended)) return;
    this.pass(Math.min(now, endsAt ?? now));
    if (endsAt !== null && endsAt < now) core.endedAt = endsAt;
    const chargeId = grant.chargeId!;
    const named = back.kind === 'dispute' ? { ...back, id: `${back.id} of ${chargeId}` } : back;
    const booked = await refundCharge(this.db, this.ledger.id, { chargeId, ...named });
    const done = refundInCore(core, chargeId, named, now);
    expect(booked).toMatchObject({ kind: 'ok', answer: done });
  }

  /** The core's answer; null where it refuses, with the same code and the same number. */
  private answerOr<T>(served: SpendOutcome, most: number, act: () => T): T | null {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const exceeds = error.code.includes('_exceeds_');
      expect(served).toEqual({ kind: error.code, ...(exceeds ? { available: most } : {}) });
      return null;
    }
  }

  private async rest(): Promise<void> {
    await releaseOverdue(this.db, this.ledger.id);
    this.look();
    await expectEqual(this.db, this.ledger, this.core, this.endsAt);
    if (this.ended || this.endsAt === null || this.endsAt > this.now) return;
    // The workers come back, and book the end that was due.
    await this.end(this.endsAt);
    await expectEqual(this.db, this.ledger, this.core, this.endsAt);
  }
}
