import { deepStrictEqual, ok } from 'node:assert';
import type { Debit, Grant } from '../../src/domain/burndown.ts';
import type { Instant } from '../../src/domain/calendar.ts';
import { Refusal } from '../../src/domain/errors.ts';
import { balance, type Hold, type Usage } from '../../src/domain/model/book.ts';
import { capture, hold, openHolds, release } from '../../src/domain/model/holds.ts';
import { reverse } from '../../src/domain/model/reversals.ts';
import type { ReturnedCredits } from '../../src/domain/refunds.ts';
import { bookDeadlines, type Life, nextInstant } from '../../src/domain/timeline.ts';
import type { Op, Share } from './history.ts';

type Of<D extends Op['do']> = Extract<Op, { do: D }>;
/** The credits at the making of a hold or usage: a smaller one's debits are read from them. */
interface Made {
  grants: Grant[];
  at: Instant;
}

/** `over` is one too many; null where the caller names no number. */
export function shareOf(whole: number, share: Share): number | null {
  const credits = { none: null, one: 1, half: Math.ceil(whole / 2), all: whole, over: whole + 1 }[share];
  return credits === 0 ? null : credits;
}

/** A second reading of beside a life: the outcome follows from the requests. */
export class HoldModel {
  private readonly life: Life;
  private readonly picture: () => string;
  private readonly made = new Map<string, Made>();
  /** The holds that callers ended, with their answers: the deadline ends the others. */
  private readonly asked = new Map<string, { captured: number | null; answer: string }>();
  private readonly back = new Map<string, Map<string, number>>();

  constructor(life: Life, picture: () => string) {
    this.life = life;
    this.picture = picture;
  }

  hold({ credits: share, until }: Of<'hold'>, deadline: Instant): void {
    const { life } = this;
    const { now, status } = life.state;
    const has = balance(life.book, now).available;
    const credits = shareOf(has, share) ?? has;
    if (credits === 0 || !['trialing', 'active', 'past_due'].includes(status)) return;
    const id = `hld_${life.book.holds.size + 1}`;
    const made = this.before();
    const before = this.picture();
    const debits = hold(life.book, { id, credits, at: now, deadline: Math.max(deadline, now + 1) });
    if (debits === null) {
      ok(credits > has, `R-70: refused though it suffices ${JSON.stringify(until)}`);
      return deepStrictEqual(this.picture(), before, 'I7: a refused hold changed something');
    }
    ok(credits <= has, 'R-70: more held than there was');
    deepStrictEqual(balance(life.book, now).available, has - credits, 'R-70: held credits are available');
    checkPrefix(made, debits, credits);
    this.made.set(id, made);
    bookDeadlines(life, now);
  }

  /** The state before a spend, for its reversals; the caller spends. */
  before(): Made {
    return { grants: structuredClone([...this.life.book.grants.values()]), at: this.life.state.now };
  }

  spent(usageId: string, made: Made): void {
    this.made.set(usageId, made);
  }

  capture({ n, credits: share }: Of<'capture'>): void {
    const held = [...this.life.book.holds.values()].at(-1 - n);
    if (!held) return;
    const { now } = this.life.state;
    const credits = shareOf(held.credits, share);
    const captured = credits ?? held.credits;
    const usageId = `use_of_${held.id}`;
    this.settle(held, captured, () => capture(this.life.book, held.id, { credits, at: now, usageId }));
  }

  release({ n }: Of<'release'>): void {
    const held = [...this.life.book.holds.values()].at(-1 - n);
    if (held) this.settle(held, null, () => release(this.life.book, held.id, this.life.state.now));
  }

  /** the outcome depends only on the deadline and on earlier requests. */
  private settle(held: Hold, captured: number | null, act: () => unknown): void {
    const first = this.asked.get(held.id);
    const isPast = this.life.state.now >= held.deadline;
    const before = this.picture();
    const outcome = outcomeOf(act);
    if (first?.captured === captured || (!first && isPast && captured === null)) {
      if (first) deepStrictEqual(outcome, first.answer, 'R-71: a repeat answers as the first');
      return deepStrictEqual(this.picture(), before, 'R-71: a repeat changed something');
    }
    const refusal = first
      ? 'hold_already_settled'
      : isPast
        ? 'hold_expired'
        : (captured ?? 0) > held.credits
          ? 'capture_exceeds_hold'
          : null;
    if (refusal !== null) {
      deepStrictEqual(outcome, refusal, 'R-71, R-72: refused for another reason, or not at all');
      return deepStrictEqual(this.picture(), before, 'I7: a refusal changed something');
    }
    ok(outcome.startsWith('{'), `R-73: refused before its deadline: ${outcome}`);
    this.asked.set(held.id, { captured, answer: outcome });
    bookDeadlines(this.life, this.life.state.now);
    if (captured === null) return;
    const made = this.made.get(held.id)!;
    const usage = this.life.book.usages.get(`use_of_${held.id}`)!;
    checkPrefix(made, usage.debits, captured);
    this.made.set(usage.id, made);
  }

  reverse({ n, credits: share }: Of<'reverse'>): void {
    const { book, state } = this.life;
    const usage = [...book.usages.values()].at(-1 - n);
    if (!usage) return;
    const left = usage.credits - usage.reversed;
    const credits = shareOf(left, share);
    const before = this.picture();
    const has = balance(book, state.now).available;
    const seen = book.entries.length;
    const outcome = outcomeOf(() => reverse(book, usage.id, { credits, at: state.now }));
    if ((credits ?? left) > left || (left === 0 && usage.credits > 0)) {
      deepStrictEqual(outcome, 'reversal_exceeds_usage', 'R-80: more than was spent');
      return deepStrictEqual(this.picture(), before, 'I7: a refusal changed something');
    }
    const given: ReturnedCredits = JSON.parse(outcome);
    const { restored, expired_at_once, forfeited_at_once, revoked_at_once } = given;
    deepStrictEqual(
      restored + expired_at_once + forfeited_at_once + revoked_at_once,
      credits ?? left,
      'R-80: the four add up',
    );
    deepStrictEqual(balance(book, state.now).available - has, restored, 'R-80: restored');
    ok(state.status === 'ended' ? restored === 0 : forfeited_at_once === 0, 'R-80: after the end');
    for (const { kind, grantId, credits: back } of book.entries.slice(seen))
      if (kind === 'reversal') this.noteBack(usage, grantId, back);
    this.checkReversed(usage);
    bookDeadlines(this.life, state.now);
  }

  private noteBack({ id }: Usage, grantId: string, credits: number): void {
    const of = this.back.get(id) ?? new Map<string, number>();
    of.set(grantId, (of.get(grantId) ?? 0) + credits);
    this.back.set(id, of);
  }

  /** the rest of a usage equals the debits that a smaller one would have had. */
  private checkReversed(usage: Usage): void {
    const back = this.back.get(usage.id);
    const net = usage.debits
      .map((debit) => ({ ...debit, credits: debit.credits - (back?.get(debit.grant_id) ?? 0) }))
      .filter(({ credits }) => credits > 0);
    checkPrefix(this.made.get(usage.id)!, net, usage.credits - usage.reversed);
  }

  /** I1, I2, R-72: the held credits of grants equal the debits of open holds, and none is open past its deadline. */
  check(): void {
    const { book, state } = this.life;
    const sums = new Map<string, number>();
    for (const { deadline, debits } of openHolds(book)) {
      ok(deadline > state.now, 'R-72: a hold outlived its deadline');
      for (const { grant_id, credits } of debits) sums.set(grant_id, (sums.get(grant_id) ?? 0) + credits);
    }
    for (const { id, held, remaining, taken } of book.grants.values()) {
      deepStrictEqual(held, sums.get(id) ?? 0, 'I1: held');
      ok(taken === undefined || (held > 0 && remaining === 0), 'R-73: taken while nothing is held');
    }
    for (const { id, settled, deadline } of book.holds.values()) {
      const first = this.asked.get(id);
      if (first) deepStrictEqual(JSON.stringify(settled), first.answer, 'R-71: settled twice');
      else if (settled) deepStrictEqual(settled.at, deadline, 'R-72: released at another instant');
    }
    ok(nextInstant(this.life) === null || state.status !== 'ended' || noneDue(this.life), 'R-52: still due');
  }
}

/** After the end nothing is due but deadlines, and payments that were pending. */
const noneDue = ({ state, book }: Life): boolean => openHolds(book).length > 0 || state.waiting.length > 0;

function outcomeOf(act: () => unknown): string {
  try {
    return JSON.stringify(act());
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

/** I6: the debits are the prefix of the open grants, read here a second time from R-60. */
export function checkPrefix({ grants, at }: Made, debits: Debit[], credits: number): void {
  const usable = grants.filter((g) => g.remaining > 0 && g.effectiveAt <= at && at < g.expiresAt);
  usable.sort(
    (a, b) =>
      Number(a.kind !== 'allowance') - Number(b.kind !== 'allowance') ||
      a.expiresAt - b.expiresAt ||
      a.effectiveAt - b.effectiveAt ||
      a.made - b.made,
  );
  let left = credits;
  const expected: [string, number][] = [];
  for (const grant of usable) {
    if (left === 0) break;
    const taken = Math.min(left, grant.remaining);
    expected.push([grant.id, taken]);
    left -= taken;
  }
  deepStrictEqual(
    debits.map((debit) => [debit.grant_id, debit.credits]),
    expected,
    'I6, R-74: not the prefix',
  );
}
