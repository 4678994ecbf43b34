import { deepStrictEqual, ok } from 'node:assert';
import type { Grant } from '../../src/domain/burndown.ts';
import { boundary, type Instant, iso } from '../../src/domain/calendar.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { answered } from '../../src/domain/charge-outcomes.ts';
import type { Command, Start } from '../../src/domain/commands.ts';
import { nextDue, workAt } from '../../src/domain/due.ts';
import { Refusal } from '../../src/domain/errors.ts';
import { balance, book, bookCharge, openGrants, spend } from '../../src/domain/model/book.ts';
import { openHolds } from '../../src/domain/model/holds.ts';
import { type Charge, NO_METHOD, type Outcome } from '../../src/domain/state.ts';
import {
  advanceLife,
  bookDeadlines,
  command,
  forecast,
  type Life,
  moneyBack,
  nextInstant,
  sandboxPayer,
  startLife,
} from '../../src/domain/timeline.ts';
import { catalogFrom, edited } from './catalogs.ts';
import type { History, Op } from './history.ts';
import { type CommandOp, commandOf } from './history-commands.ts';
import { checkPrefix, HoldModel } from './hold-model.ts';
import { type Owed, PlanModel, type Seen } from './plan-model.ts';

/** A step that a life took: the same can be taken by another book. */
export type Taken =
  | { advance: Instant }
  | { command: Command }
  | { spend: number }
  | { refund: string; toMinor: number }
  | { catalog: Catalog };

/**
 * A second reading of the rules, kept beside a life: it knows the paid charges, and so the credits that may be there.
 * It throws at the first step whose book breaks an invariant (I1 to I4, I6, I7) or a rule.
 */
export class Model {
  readonly life: Life;
  readonly start: Start;
  /** The catalogue of the start. */
  readonly catalog: Catalog;
  private readonly holds: HoldModel;
  private readonly history: History;
  private readonly asked: Charge[] = [];
  private readonly plans: PlanModel;
  /** The steps that were taken; refused ones are left out. */
  readonly taken: Taken[] = [];
  private seen = 0;
  private made = 0;
  /** the instant at which late work is found. */
  private booked: Instant | null = null;
  /** The instant of an end that is accounted for. */
  private knownEnd: Instant | null = null;

  constructor(history: History) {
    this.history = history;
    const { at, timeZone, method, movedInMonths } = history;
    const catalog = catalogFrom(history.catalog, history.allowanceTerm);
    const plan = catalog.plans.find(({ id }) => id === history.plan)!;
    const wanted = { plan: plan.id, interval: history.interval, timeZone };
    const allowance = plan.contract ? 500 : null;
    this.plans = new PlanModel(catalog, { ...wanted, method, allowance });
    const anchorAt = movedInMonths === null ? null : boundary(at, timeZone, -movedInMonths) - 1;
    const trial = history.trial === true && plan.trial !== null;
    if (anchorAt !== null) this.plans.moveIn(anchorAt, at);
    else if (trial) this.plans.beginTrial(plan.trial!, at);
    else if (!this.plans.asksForMoney) this.plans.beginUncharged(at);
    this.catalog = catalog;
    this.start = {
      id: 'sub_model',
      customerId: 'customer',
      ...{ ...wanted, allowance, anchorAt, trial },
      paymentMethod: method ?? NO_METHOD,
      testClock: true,
    };
    this.life = startLife(this.start, at, catalog, (charge) => this.pay(charge));
    this.holds = new HoldModel(this.life, () => picture(this.life));
    this.check();
  }

  /** a first payment that is declined at once starts nothing. */
  get isVoid(): boolean {
    return this.life.book.charges.size === 0 && this.life.book.notes.length === 0;
  }

  /** Lives the history; `watch` sees the life after each step. */
  run(watch: (life: Life) => void = () => {}): void {
    if (this.isVoid) return;
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
    this.plans.asked(charge, this.known());
    if (outcome === 'paid') this.paid(charge, charge.attemptAt);
    return outcome;
  }

  private known(): Seen {
    // While a life starts, there is no state yet.
    return { endedAt: this.life?.state.endedAt ?? null, booked: this.booked };
  }

  private paid(charge: Charge, at: Instant): void {
    this.plans.paid(charge, charge.kind === 'renewal' ? charge.at : at);
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
      case 'refund':
        return this.refund(op);
      case 'catalogue':
        return this.publish(op);
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
    this.made += 1;
    return commandOf(op, this.made, this.life);
  }

  /** I7: a refused command changes nothing. */
  private order(wanted: Command): void {
    const before = picture(this.life);
    const standing = standingOf(this.life);
    const asked = this.asked.length;
    const isEnded = this.life.state.status === 'ended';
    let outcome: Outcome | null;
    try {
      outcome = command(this.life, wanted);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      deepStrictEqual(picture(this.life), before, 'I7: a refusal changed something');
      deepStrictEqual(this.asked.length, asked, 'I7: a refusal charged');
      return;
    }
    ok(!isEnded, 'R-52: an ended subscription took a command');
    const isOrder = ['buy_packs', 'change_plan', 'activate'].includes(wanted.type);
    if (isOrder && outcome !== null && outcome !== 'paid')
      deepStrictEqual(standingOf(this.life), standing, 'R-35: an order that is not paid changed something');
    this.taken.push({ command: wanted });
    this.note(wanted, outcome);
    // a top-up may be due at once.
    if (this.life.state.topUp) this.advance(this.life.state.now);
  }

  /** A command that was accepted. */
  private note(wanted: Command, outcome: Outcome | null): void {
    const { plans } = this;
    const { status, endedAt } = this.life.state;
    switch (wanted.type) {
      case 'set_add_on':
        return plans.setAddOn(wanted.packs, wanted.items ?? null);
      case 'change_plan':
        return outcome === null ? plans.changed(wanted) : undefined;
      case 'activate':
        // the plan of the trial may have become free. It begins by itself.
        if (outcome === null) plans.changed(plans.plan);
        return;
      case 'reprice':
        return plans.reprice();
      case 'cancel':
        if (status !== 'ended') plans.coming = 'cancel';
        this.knownEnd = endedAt;
        return;
      case 'resume':
        plans.coming = null;
        return;
      case 'set_payment_method':
        plans.method = wanted.paymentMethod;
        return;
      case 'set_allowance':
        plans.allowance = wanted.credits;
    }
  }

  /** whether a catalogue may come into force while this life goes on: it lacks nothing in use. */
  accepts(catalog: Catalog): boolean {
    const { status, withdrawn } = this.life.state;
    return status === 'ended' || this.plans.accepts(catalog, withdrawn?.lowered ?? []);
  }

  private publish({ edit }: Extract<Op, { do: 'catalogue' }>): void {
    const catalog = edited(this.life.catalog, edit);
    if (catalog === null || !this.accepts(catalog)) return;
    this.taken.push({ catalog });
    this.life.catalog = catalog;
    this.plans.catalog = catalog;
  }

  /** money of a paid charge goes back, with the unused credits of a purchase. */
  private refund({ n, part }: Extract<Op, { do: 'refund' }>): void {
    const { life } = this;
    const charge = [...life.book.charges.values()].at(-1 - n);
    if (charge?.status !== 'paid') return;
    const { amountMinor, refundedMinor } = charge;
    const toMinor = part === 'all' ? amountMinor : Math.max(refundedMinor, Math.floor(amountMinor / 2));
    const grant = life.book.grants.get(charge.grantId ?? '');
    const has = grant ? { ...grant } : null;
    const due = Math.floor((charge.credits * toMinor) / amountMinor) - charge.revokedCredits;
    const before = balance(life.book, life.state.now).available;
    this.taken.push({ refund: charge.id, toMinor });
    const done = moneyBack(life, charge.id, { kind: 'refund', toMinor });
    const isLive = has !== null && life.state.status !== 'ended' && life.state.now < has.expiresAt;
    const taken = isLive && toMinor > refundedMinor ? Math.min(due, has.remaining) : 0;
    deepStrictEqual(done.revoked, taken, 'R-81: revoked');
    deepStrictEqual(before - balance(life.book, life.state.now).available, taken, 'R-81: taken');
    if (charge.kind === 'purchase' && toMinor === amountMinor && refundedMinor < amountMinor)
      this.plans.refunded(charge);
    if (life.state.topUp) this.advance(life.state.now);
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
    this.taken.push({ command: signal });
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
    const { paymentMethod, topUp } = life.state;
    // no top-up is foretold. R-81: nor are credits of a hold that go to a refund.
    const isForetold =
      [NO_METHOD, 'sandbox_ok'].includes(paymentMethod) && !topUp?.wish && !this.isHeldForRefund();
    const foreseen = isForetold ? this.foresee(to) : null;
    this.taken.push({ advance: to });
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
    this.booked = booked;
    if (isFoundLast) {
      this.workLate(booked, booked);
      bookDeadlines(life, booked);
    }
    for (let at = nextInstant(life); at !== null && at <= booked; at = nextInstant(life)) {
      bookDeadlines(life, at);
      this.workLate(at, booked);
    }
    life.state = { ...life.state, now: booked };
    this.passUntil(booked);
    this.booked = null;
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
    const { status, now } = life.state;
    // the policy may block it.
    const isBlocked = status === 'past_due' && life.catalog.policies.past_due_spending === 'block';
    if (!['trialing', 'active', 'past_due'].includes(status) || isBlocked) return;
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
    this.taken.push({ spend: credits });
    this.holds.spent(usageId, before);
    life.state = { ...life.state, grants: openGrants(life.book) };
    if (life.state.topUp) this.advance(now);
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

  /** The plan's boundaries up to now; and the reason for an end. */
  private passUntil(to: Instant): void {
    this.plans.passUntil(to, this.known());
    const { endedAt } = this.life.state;
    if (endedAt !== null && endedAt !== this.knownEnd) this.plans.checkEnd(endedAt);
    this.knownEnd = endedAt;
  }

  private check(): void {
    this.passUntil(this.life.state.now);
    this.plans.check(this.life.state);
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
      if (entry.kind === 'revocation')
        ok(grant.kind === 'adjustment' || this.isRefunded(grant.id), 'R-81, R-82: revoked');
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

  private isHeldForRefund = (): boolean =>
    [...this.life.book.grants.values()].some(({ id, held }) => held > 0 && this.isRefunded(id));

  private isRefunded = (grantId: string): boolean =>
    [...this.life.book.charges.values()].some((c) => c.grantId === grantId && c.refundedMinor > 0);

  /** I4, R-56: the grants of plans and packs are exactly those that the rules owe. */
  private checkEntitlement(): void {
    const allowances = [...this.plans.allowances];
    const packs = [...this.plans.packs];
    for (const grant of this.life.book.grants.values()) {
      if (grant.kind === 'pack') takeOut(packs, grant, 'a pack nobody paid for');
      if (grant.kind === 'allowance') takeOut(allowances, grant, 'an allowance nobody paid for');
    }
    deepStrictEqual(packs, [], 'packs paid and not delivered');
    deepStrictEqual(allowances, [], 'allowances paid and not delivered');
  }
}

/** A grant's entries: their sum, the number of its grants, its spent and its held credits. */
interface Sums {
  all: number;
  made: number;
  spent: number;
  held: number;
}

function takeOut(from: Owed[], { effectiveAt, amount, expiresAt }: Grant, message: string): void {
  const i = from.findIndex(
    (paid) => paid.at === effectiveAt && paid.credits === amount && paid.expiresAt === expiresAt,
  );
  ok(i >= 0, `I4, R-56: ${message}: ${amount} from ${iso(effectiveAt)} to ${iso(expiresAt)}`);
  from.splice(i, 1);
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

/** A life without its charges, and the list of those that were written off. */
const standingOf = ({ state: { givenUp: _, waiting: __, topUp: ___, ...state }, book }: Life) =>
  JSON.stringify([state, book.entries, book.notes]);

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
