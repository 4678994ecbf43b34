import { deepStrictEqual, ok } from 'node:assert';
import type { Grant } from '../../src/domain/burndown.ts';
import { addDays, boundary, type Instant, iso } from '../../src/domain/calendar.ts';
import { type Catalog, findPlan, packsOn } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { answered } from '../../src/domain/charge-outcomes.ts';
import type { Command } from '../../src/domain/commands.ts';
import { nextDue, workAt } from '../../src/domain/due.ts';
import { Refusal } from '../../src/domain/errors.ts';
import { balance, book, bookCharge, openGrants, spend } from '../../src/domain/model/book.ts';
import { openHolds } from '../../src/domain/model/holds.ts';
import type { Charge, Outcome } from '../../src/domain/state.ts';
import {
  advanceLife,
  bookDeadlines,
  command,
  forecast,
  type Life,
  nextInstant,
  sandboxPayer,
  startLife,
} from '../../src/domain/timeline.ts';
import { expiryOf, type History, type Op } from './history.ts';
import { checkPrefix, HoldModel } from './hold-model.ts';

/** The workflow's commands; the other operations move the clock or concern the ledger alone. */
type CommandOp = Extract<
  Op,
  { do: 'buy' | 'add_on' | 'change' | 'cancel' | 'resume' | 'method' | 'grant' | 'revoke' | 'allowance' }
>;

/** The credits that a paid plan charge entitles to: allowances at these boundaries, as far as they are reached. */
interface Term {
  anchor: Instant;
  from: number;
  months: number;
  /** Boundaries from one renewal to the next. */
  step: number;
  credits: number;
}

/**
 * A second reading of the rules, kept beside a life: it knows the paid charges, and so the credits that may be there.
 * It throws at the first step whose book breaks an invariant (I1 to I4, I6, I7) or a rule.
 */
export class Model {
  readonly life: Life;
  private readonly holds: HoldModel;
  private readonly history: History;
  private readonly asked: Charge[] = [];
  private readonly terms: Term[] = [];
  private packsPaid: { credits: number; at: Instant; expiresAt: Instant }[] = [];
  /** Boundaries by anchor and number: computed once. */
  private readonly boundaries = new Map<string, Instant>();
  /** The add-on as the rules have it. */
  private addOn = 0;
  private seen = 0;
  private made = 0;

  constructor(history: History) {
    this.history = history;
    const { movedInMonths } = history;
    const catalog = catalogFor(history);
    this.life = startLife(
      {
        id: 'sub_model',
        customerId: 'customer',
        plan: history.plan,
        interval: history.interval,
        timeZone: history.timeZone,
        paymentMethod: history.method,
        allowance: history.plan === 'enterprise' ? 500 : null,
        anchorAt: movedInMonths === null ? null : boundary(history.at, history.timeZone, -movedInMonths) - 1,
        testClock: true,
      },
      history.at,
      catalog,
      (charge) => this.pay(charge),
    );
    this.holds = new HoldModel(this.life, () => picture(this.life));
    this.noteMoveIn();
    this.check();
  }

  /** Lives the history; `watch` sees the life after each step. */
  run(watch: (life: Life) => void = () => {}): void {
    if (this.life.book.charges.size === 0 && this.life.state.status === 'ended') return;
    for (const [i, op] of this.history.ops.entries()) {
      try {
        this.step(op);
        this.check();
        watch(this.life);
      } catch (error) {
        throw new Error(`step ${i} ${JSON.stringify(op)} at ${iso(this.life.state.now)}: ${String(error)}`);
      }
    }
    this.checkInstants();
  }

  private pay(charge: Charge): Outcome {
    const outcome = sandboxPayer(charge);
    this.asked.push(charge);
    this.checkAmount(charge);
    if (outcome === 'paid') this.paid(charge, charge.attemptAt);
    return outcome;
  }

  /** the amount that each kind of charge may have. */
  private checkAmount({ kind, buys, amountMinor }: Charge): void {
    const planPrice = findPlan(DEFAULT_CATALOG, buys.plan, buys.interval)!.price_minor!;
    const packPrice = packsOn(DEFAULT_CATALOG, buys.plan, buys.interval)[0]!.price;
    const isSameInterval = kind === 'renewal' && buys.interval === this.life.state.interval;
    const expected = {
      start: planPrice,
      upgrade: planPrice,
      purchase: packPrice * buys.packs,
      renewal: planPrice + packPrice * (isSameInterval ? this.addOn : 0),
    };
    deepStrictEqual(amountMinor, expected[kind], `${kind} costs`);
  }

  /** A paid charge entitles to its credits, and to nothing else. */
  private paid(charge: Charge, at: Instant): void {
    const { kind, buys } = charge;
    const { allowance, price_minor } = findPlan(DEFAULT_CATALOG, buys.plan, buys.interval)!;
    ok(price_minor !== null && allowance !== null, 'enterprise is never charged (R-36)');
    const before = this.terms.at(-1)?.step;
    const months = buys.interval === 'year' ? 12 : 1;
    const term = { months, step: months, credits: allowance };
    if (kind === 'start' || kind === 'upgrade') this.terms.push({ anchor: at, from: 0, ...term });
    if (kind === 'renewal')
      this.terms.push({ anchor: this.life.state.anchorAt!, from: charge.cycle!, ...term });
    // an add-on of the other interval goes.
    if (kind !== 'purchase' && before !== undefined && before !== months) this.addOn = 0;
    if (kind === 'purchase') this.addOn += buys.packs;
    const packs = kind === 'purchase' ? buys.packs : kind === 'renewal' ? this.addOn : 0;
    const from = kind === 'renewal' ? charge.at : at;
    const credits = packsOn(DEFAULT_CATALOG, buys.plan, buys.interval)[0]!.credits * packs;
    if (packs > 0) this.packsPaid.push({ credits, at: from, expiresAt: this.packExpiry(from) });
  }

  /** ninety days after the first renewal that is later. */
  private packExpiry(at: Instant): Instant {
    const { anchor, from, months, step } = this.terms.at(-1)!;
    let k = from + months;
    while (this.boundary(anchor, k) <= at) k += step;
    return addDays(this.boundary(anchor, k), this.history.timeZone, 90);
  }

  private boundary(anchor: Instant, k: number): Instant {
    const name = `${anchor}+${k}`;
    const at = this.boundaries.get(name) ?? boundary(anchor, this.history.timeZone, k);
    this.boundaries.set(name, at);
    return at;
  }

  /** the term under way when it moved in counts as paid, from the next boundary on. */
  private noteMoveIn(): void {
    const { anchorAt, cycle, interval, plan } = this.life.state;
    if (this.history.movedInMonths === null || anchorAt === null) return;
    const months = interval === 'year' ? 11 - (cycle % 12) : 0;
    const credits = findPlan(DEFAULT_CATALOG, plan, interval)!.allowance;
    const step = interval === 'year' ? 12 : 1;
    if (credits !== null) this.terms.push({ anchor: anchorAt, from: cycle + 1, months, step, credits });
  }

  private step(op: Op): void {
    const { life } = this;
    switch (op.do) {
      case 'to_due':
        return this.advance(Math.max(life.state.now, this.nthDue(op.n) + op.ms));
      case 'days':
        return this.advance(life.state.now + op.n * 86_400_000);
      case 'hours':
        return this.advance(life.state.now + op.n * 3_600_000);
      case 'outage':
        return this.outage(life.state.now + op.days * 86_400_000, op.days % 2 === 1);
      case 'spend_all':
        return this.spend(Math.max(0, balance(life.book, life.state.now).available + op.credits));
      case 'spend':
        return this.spend(op.credits);
      case 'settle':
        return this.settle(op);
      case 'hold':
        return this.holds.hold(op, this.deadlineOf(op));
      case 'capture':
      case 'release':
      case 'reverse':
        return this.returnCredits(op);
      default:
        return this.order(this.commandOf(op));
    }
  }

  private deadlineOf({ until }: Extract<Op, { do: 'hold' }>): Instant {
    if ('minutes' in until) return this.life.state.now + until.minutes * 60_000;
    return this.nthDue(until.n) + until.ms;
  }

  private commandOf(op: CommandOp): Command {
    const { state, book } = this.life;
    this.made += 1;
    switch (op.do) {
      case 'buy':
        return {
          type: 'buy_packs',
          purchaseId: `pur_${this.made}`,
          packs: op.packs,
          interval: op.interval,
          paymentMethod: op.method,
        };
      case 'add_on':
        return { type: 'set_add_on', packs: op.packs };
      case 'change':
        return { type: 'change_plan', chargeId: `chg_${this.made}`, plan: op.plan, interval: op.interval };
      case 'cancel':
        return { type: 'cancel', at: op.at };
      case 'resume':
        return { type: 'resume' };
      case 'method':
        return { type: 'set_payment_method', paymentMethod: op.method };
      case 'grant':
        return {
          type: 'issue_grant',
          grantId: `grt_${this.made}`,
          credits: op.credits,
          expiresAt: expiryOf(state.now, state.timeZone, op),
          reason: 'model',
        };
      case 'revoke':
        return {
          type: 'revoke_grant',
          grantId: [...book.grants.keys()].at(op.n) ?? 'grt_none',
          reason: 'model',
        };
      case 'allowance':
        return { type: 'set_allowance', credits: op.credits };
    }
  }

  /** I7: a refused command changes nothing. */
  private order(wanted: Command): void {
    const before = picture(this.life);
    const isEnded = this.life.state.status === 'ended';
    try {
      command(this.life, wanted);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      deepStrictEqual(picture(this.life), before, 'I7: a refusal changed something');
      return;
    }
    ok(!isEnded, 'R-52: an ended subscription took a command');
    if (wanted.type === 'set_add_on') this.addOn = wanted.packs;
  }

  private settle({ n, outcome }: Extract<Op, { do: 'settle' }>): void {
    const { life } = this;
    const charge = [...life.book.charges.values()].at(-1 - n);
    if (!charge) return;
    // a renewal that was declined is open while the subscription is past due.
    const newest = [...life.book.charges.values()].findLast(({ kind }) => kind === 'renewal');
    const isOpenAgain = outcome === 'paid' && life.state.status === 'past_due' && charge === newest;
    const wasOpen = charge.status === 'pending' || (charge.status === 'declined' && isOpenAgain);
    const isTooLate =
      ['given_up', 'declined'].includes(charge.status) &&
      outcome === 'paid' &&
      charge.refundedMinor === 0 &&
      ['purchase', 'upgrade'].includes(charge.kind);
    const before = isTooLate ? pictureWithout(life, charge.id) : picture(life);
    const signal = { type: 'payment_settled', chargeId: charge.id, outcome, at: life.state.now } as const;
    const asked = this.asked.findLast(({ id }) => id === charge.id)!;
    const { status } = life.state;
    command(life, signal);
    const record = life.book.charges.get(charge.id)!;
    if (isTooLate) {
      deepStrictEqual(
        record.refundedMinor,
        record.amountMinor,
        'R-42: given up or declined, paid after all, and not refunded',
      );
      deepStrictEqual(record.status, 'refunded', 'R-42: a charge whose money went back');
      return deepStrictEqual(pictureWithout(life, charge.id), before, 'R-42: more than a refund happened');
    }
    if (!wasOpen) return deepStrictEqual(picture(life), before, 'R-42: a late settlement changed something');
    // a payment that the subscription could no longer take goes back.
    const isBack =
      ['purchase', 'upgrade'].includes(charge.kind) && record.refundedMinor === record.amountMinor;
    deepStrictEqual(record.status, isBack ? 'refunded' : outcome, 'a settled charge');
    if (status === 'ended') deepStrictEqual(life.state.status, 'ended', 'R-52');
    if (outcome === 'paid' && record.refundedMinor === 0) this.paid(asked, life.state.now);
  }

  /** R-90: two advances equal one; if all is paid, R-61's forecast comes true. */
  private advance(to: Instant): void {
    const { life } = this;
    const from = life.state.now;
    const twice: Life = { ...life, book: structuredClone(life.book), payer: sandboxPayer };
    const foreseen = life.state.paymentMethod === 'sandbox_ok' ? this.foresee(to) : null;
    advanceLife(life, to);
    advanceLife(twice, from + Math.floor((to - from) / 2));
    advanceLife(twice, to);
    deepStrictEqual(picture(life), picture(twice), 'R-90: two advances differ from one');
    if (foreseen) deepStrictEqual(foreseen, outlook(life), 'the forecast differs from what happened');
    this.checkSettled();
  }

  private foresee(to: Instant): unknown {
    const { state, book, catalog } = this.life;
    const { life } = forecast(state, openGrants(book), catalog, { until: to, holds: openHolds(book) });
    return outlook({ ...life, state: { ...life.state, now: to } });
  }

  private nthDue(n: number): Instant {
    const { life } = this;
    const ahead: Life = { ...life, book: structuredClone(life.book), payer: sandboxPayer };
    let at = life.state.now;
    for (let i = 0; i < n; i += 1) {
      const next = nextInstant(ahead);
      if (next === null) return at;
      at = Math.max(at, next);
      advanceLife(ahead, at);
    }
    return at;
  }

  /** Nothing ran. The deadlines that passed are found instant by instant, or only after all the rest. */
  private outage(booked: Instant, isFoundLast: boolean): void {
    const { life } = this;
    const askedBefore = this.asked.length;
    if (isFoundLast) {
      this.workLate(booked, booked);
      bookDeadlines(life, booked);
    }
    for (let at = nextInstant(life); at !== null && at <= booked; at = nextInstant(life)) {
      bookDeadlines(life, at);
      this.workLate(at, booked);
    }
    life.state = { ...life.state, now: booked };
    const retries = this.asked.slice(askedBefore).filter(({ attempt }) => attempt > 1);
    deepStrictEqual(
      new Set(retries.map(({ id }) => id)).size,
      retries.length,
      'R-13: missed retries count as one',
    );
    this.checkSettled();
  }

  /** The workflow that wakes late: each due instant in turn, all booked now. */
  private workLate(until: Instant, booked: Instant): void {
    const { life } = this;
    for (let due = nextDue(life.state); due !== null && due.at <= until; due = nextDue(life.state)) {
      const decision = workAt(life.state, due.at, booked, life.catalog);
      book(life.book, decision.effects);
      life.state = decision.state;
      if (decision.charge) {
        const outcome = life.payer(decision.charge);
        bookCharge(life.book, decision.charge, outcome);
        const answer = answered(life.state, decision.charge, outcome, booked, life.catalog);
        book(life.book, answer.effects);
        life.state = answer.state;
      }
      life.state = { ...life.state, grants: openGrants(life.book) };
    }
  }

  /** I3, I6, I7. */
  private spend(credits: number): void {
    const { life } = this;
    if (!['active', 'past_due'].includes(life.state.status)) return;
    const { now } = life.state;
    const before = this.holds.before();
    const picturedBefore = picture(life);
    const has = balance(life.book, now).available;
    const usageId = `use_${life.book.usages.size + 1}`;
    const debits = spend(life.book, credits, now, usageId);
    if (debits === null) {
      ok(has < credits, 'R-61: refused though it suffices');
      deepStrictEqual(picture(life), picturedBefore, 'I7: a refused spend changed something');
      return;
    }
    ok(has >= credits, 'R-61: more spent than there was');
    checkPrefix(before, debits, credits);
    this.holds.spent(usageId, before);
    life.state = { ...life.state, grants: openGrants(life.book) };
  }

  /** credits that can no longer be spent do not return to stay. */
  private returnCredits(op: Extract<Op, { do: 'capture' | 'release' | 'reverse' }>): void {
    const before = this.unspendable();
    if (op.do === 'capture') this.holds.capture(op);
    else if (op.do === 'release') this.holds.release(op);
    else this.holds.reverse(op);
    deepStrictEqual(this.unspendable(), before, 'R-73, R-80: credits came back that no one can spend');
  }

  /** After work is done nothing that is not usable is left. */
  private checkSettled(): void {
    deepStrictEqual(this.unspendable(), 0, 'credits left that no one can spend');
  }

  private unspendable(): number {
    const { book, state } = this.life;
    const left = [...book.grants.values()].reduce((sum, grant) => sum + grant.remaining, 0);
    return state.status === 'ended' ? left : left - balance(book, state.now).available;
  }

  private check(): void {
    this.checkEntries();
    this.checkGrants();
    this.checkEntitlement();
    this.holds.check();
    this.seen = this.life.book.entries.length;
  }

  /** I1, I3: the entries add up, no spend or hold lies outside its grant's term, and all are dated as the rules say. */
  private checkEntries(): void {
    const { entries, grants } = this.life.book;
    const { endedAt } = this.life.state;
    entries.slice(this.seen).forEach((entry, i) => {
      const last = entries[this.seen + i - 1];
      deepStrictEqual(entry.seq, (last?.seq ?? 0) + 1, 'seq');
      deepStrictEqual(entry.balanceAfter, (last?.balanceAfter ?? 0) + entry.credits, 'balance after');
      ok(Number.isSafeInteger(entry.credits) && entry.credits !== 0, 'I2: whole credits');
      ok(entry.balanceAfter >= 0, 'R-63: never negative');
      ok(['grant', 'release', 'reversal'].includes(entry.kind) === entry.credits > 0, 'the sign of an entry');
      const grant = grants.get(entry.grantId)!;
      ok(entry.kind !== 'revocation' || grant.kind === 'adjustment', 'R-82: only adjustments are revoked');
      ok(entry.kind !== 'expiry' || entry.effectiveAt >= grant.expiresAt, 'R-12: expired before its time');
      if (entry.kind === 'forfeiture')
        ok(endedAt !== null && endedAt <= entry.effectiveAt && endedAt < grant.expiresAt, 'R-50: forfeited');
      if (entry.kind !== 'debit' && entry.kind !== 'hold') return;
      ok(
        grant.effectiveAt <= entry.effectiveAt && entry.effectiveAt < grant.expiresAt,
        'I3: outside its term',
      );
      ok(endedAt === null || entry.effectiveAt <= endedAt, 'I3: after the end');
    });
  }

  /** I1, I2: for every grant, granted = spent + held + expired + forfeited + revoked + remaining. */
  private checkGrants(): void {
    const { entries, grants, usages } = this.life.book;
    const sums = new Map<string, Sums>();
    for (const { grantId, credits, kind } of entries) {
      const of = sums.get(grantId) ?? { all: 0, made: 0, spent: 0, held: 0 };
      of.all += credits;
      of.made += kind === 'grant' ? 1 : 0;
      of.spent -= ['debit', 'capture', 'reversal'].includes(kind) ? credits : 0;
      of.held -= ['hold', 'release'].includes(kind) ? credits : 0;
      sums.set(grantId, of);
    }
    let spent = 0;
    for (const grant of grants.values()) {
      const of = sums.get(grant.id)!;
      deepStrictEqual([grant.remaining, grant.held], [of.all, of.held], 'I1: remaining, held');
      deepStrictEqual(of.made, 1, 'I4: granted once');
      ok(Math.min(grant.remaining, grant.held, of.spent) >= 0, 'I2: negative');
      ok(grant.remaining + grant.held + of.spent <= grant.amount, 'I2: more than granted');
      spent += of.spent;
    }
    const used = [...usages.values()].reduce((sum, usage) => sum + usage.credits - usage.reversed, 0);
    deepStrictEqual(spent, used, 'I1: spent is what usages kept');
  }

  /** I2 by instant instead of by booking: a late booking belongs to its instant. */
  private checkInstants(): void {
    const { entries, grants } = this.life.book;
    const left = new Map<string, number>();
    for (const { grantId, credits } of [...entries].sort((a, b) => a.effectiveAt - b.effectiveAt)) {
      const then = (left.get(grantId) ?? 0) + credits;
      ok(then >= 0 && then <= grants.get(grantId)!.amount, `I2: ${grantId} had ${then} at an instant`);
      left.set(grantId, then);
    }
  }

  /** I4, R-56: every allowance and pack belongs to one paid charge, and the credits of each paid charge have come. */
  private checkEntitlement(): void {
    const grants = [...this.life.book.grants.values()];
    const { state } = this.life;
    const due = this.terms.flatMap((term, i) => {
      const next = this.terms.slice(i + 1).find(({ from }) => from === 0);
      const until = Math.min(next?.anchor ?? Number.POSITIVE_INFINITY, state.endedAt ?? state.now);
      return Array.from({ length: term.months }, (_, n) => {
        const at = this.boundary(term.anchor, term.from + n);
        const expiresAt =
          this.history.allowanceTerm === 'until_next_refresh'
            ? this.boundary(term.anchor, term.from + n + 1)
            : addDays(at, state.timeZone, this.history.allowanceTerm);
        return { at, expiresAt, credits: term.credits, until };
      });
    });
    const packs = [...this.packsPaid];
    for (const grant of grants) {
      if (grant.kind === 'pack') takeOut(packs, grant, 'a pack nobody paid for');
      if (grant.kind !== 'allowance' || this.history.plan === 'enterprise') continue;
      takeOut(due, grant, 'an allowance nobody paid for');
    }
    deepStrictEqual(packs, [], 'packs paid and not delivered');
    // At the instant of an upgrade or end the boundary may have come first or not at all.
    const owed = due.filter(
      ({ at, until }) => at < until || (at === state.now && state.endedAt === null && at <= until),
    );
    deepStrictEqual(owed, [], 'allowances paid and not delivered');
  }
}

/** A grant's entries: their sum, the number of its grants, its spent and its held credits. */
interface Sums {
  all: number;
  made: number;
  spent: number;
  held: number;
}

function takeOut(
  from: { at: Instant; credits: number; expiresAt: Instant }[],
  { effectiveAt, amount, expiresAt }: Grant,
  message: string,
): void {
  const i = from.findIndex(
    (paid) => paid.at === effectiveAt && paid.credits === amount && paid.expiresAt === expiresAt,
  );
  ok(i >= 0, `I4, R-56: ${message}: ${amount} from ${iso(effectiveAt)} to ${iso(expiresAt)}`);
  from.splice(i, 1);
}

function catalogFor({ allowanceTerm }: History): Catalog {
  const term = allowanceTerm === 'until_next_refresh' ? allowanceTerm : { days: allowanceTerm };
  return { ...DEFAULT_CATALOG, policies: { ...DEFAULT_CATALOG.policies, allowance_term: term } };
}

/** All that a life is, comparable. */
const picture = ({ state, book }: Life) =>
  JSON.stringify([
    state,
    book.entries,
    [...book.grants.values()],
    [...book.charges.values()],
    book.notes,
    [...book.usages.values()],
    [...book.holds.values()],
  ]);

/** The whole life without the parts that the refund of one charge changes. */
function pictureWithout({ state, book }: Life, chargeId: string): string {
  const charges = [...book.charges.values()].map((charge) =>
    charge.id === chargeId ? { ...charge, status: '', refundedMinor: 0, returnedMinor: 0 } : charge,
  );
  const givenUp = state.givenUp.filter((id) => id !== chargeId);
  return JSON.stringify([
    { ...state, givenUp },
    book.entries,
    [...book.grants.values()],
    charges,
    book.notes,
  ]);
}

/** A forecast's promises: the spendable credits, the coming state, and the parts of it that the next renewal depends on. */
function outlook({ state, book }: Life): unknown {
  const { status, plan, interval, addOn, cycle, endedAt, anchorAt } = state;
  return { ...balance(book, state.now), status, plan, interval, addOn, cycle, endedAt, anchorAt };
}
