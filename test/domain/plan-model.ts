import { deepStrictEqual, fail, ok } from 'node:assert';
import { Temporal } from 'temporal-polyfill/implementation';
import { addDays, type Instant, type Interval, iso, NEVER } from '../../src/domain/calendar.ts';
import type { Catalog, Pack, PackTerm, Plan } from '../../src/domain/catalog/catalog.ts';
import type { AddOnItem, Charge, State } from '../../src/domain/state.ts';

/** A plan at an interval. */
export interface PlanId {
  plan: string;
  interval: Interval;
}

/** Credits that must be granted. */
export interface Owed {
  at: Instant;
  credits: number;
  expiresAt: Instant;
}

/** Packs as a charge sold them. */
interface Sold extends AddOnItem {
  credits: number;
  joins: boolean;
  term: PackTerm;
}

/** The contents of a charge, read from the catalogue when it was asked for. */
interface Bill extends PlanId {
  kind: Charge['kind'];
  at: Instant;
  planMinor: number | null;
  allowance: number;
  packs: Sold[];
  lines: number[];
}

/** Boundaries from one payment to the next. */
const STEP: Record<Interval, number> = { week: 1, month: 1, quarter: 3, year: 12 };
const LENGTH: Record<Interval, number> = { week: 7, month: 30, quarter: 91, year: 365 };
const isWeekly = (interval: Interval) => interval === 'week';

/** boundary k by the calendar of a wall, which is read in the zone only at the end. */
function wallBoundary(anchor: Instant, zone: string, k: number, weekly: boolean): Instant {
  const wall = Temporal.Instant.fromEpochMilliseconds(anchor).toZonedDateTimeISO(zone).toPlainDateTime();
  return wall.add(weekly ? { weeks: k } : { months: k }).toZonedDateTime(zone).epochMilliseconds;
}

/** The facts of a life that this model can't know by itself: when it ended, and how late its work is booked. */
export interface Seen {
  endedAt: Instant | null;
  /** the instant at which late work is found; null while nothing is late. */
  booked: Instant | null;
}

/**
 * A second reading of R-08, R-08a, R-09, R-16, R-17, R-20 to: the plan, its price, its add-on,
 * and the credits that are due. It passes the boundaries one after another, beside the life that is checked.
 */
export class PlanModel {
  plan: PlanId;
  catalog: Catalog;
  addOn: AddOnItem[] = [];
  method: string | null;
  anchor: Instant | null = null;
  isTrial = false;
  trialEndsAt: Instant | undefined;
  /** the change at the next renewal. */
  coming: PlanId | 'cancel' | null = null;
  /** the operator's credits for a contract. */
  allowance: number | null;
  /** The allowances and packs that were due so far. */
  readonly allowances: Owed[] = [];
  readonly packs: Owed[] = [];
  private kept: { minor: number; credits: number } | null = null;
  private readonly zone: string;
  /** The numbers of the next boundary and of the next renewal. */
  private next = 0;
  private renewal = 0;
  /** Whether the cycles until the next renewal are paid. */
  private isPaid = false;
  /** The renewal that is asked for and not paid. */
  private open: Bill | null = null;
  private readonly bills = new Map<string, Bill>();
  private readonly boundaries = new Map<string, Instant>();

  constructor(
    catalog: Catalog,
    start: PlanId & { timeZone: string; method: string | null; allowance: number | null },
  ) {
    this.catalog = catalog;
    this.plan = { plan: start.plan, interval: start.interval };
    this.zone = start.timeZone;
    this.method = start.method;
    this.allowance = start.allowance;
  }

  // The catalogue.

  private planOf(id: string): Plan | undefined {
    return this.catalog.plans.find((plan) => plan.id === id);
  }

  /** The price in force; null for a contract, undefined where it is not sold. */
  private listPrice({ plan, interval }: PlanId): number | null | undefined {
    const found = this.planOf(plan);
    return found?.contract ? null : found?.prices[interval];
  }

  private isCurrent = ({ plan, interval }: PlanId): boolean =>
    plan === this.plan.plan && interval === this.plan.interval;

  /** R-08a: the price and credits for this subscription. */
  private priceOf(plan: PlanId): number | null | undefined {
    return this.keptFor(plan)?.minor ?? this.listPrice(plan);
  }

  private creditsOf(plan: PlanId): number {
    return this.keptFor(plan)?.credits ?? this.planOf(plan.plan)?.credits ?? this.allowance ?? 0;
  }

  private keptFor(plan: PlanId) {
    return this.catalog.policies.existing_prices === 'keep' && this.isCurrent(plan) ? this.kept : null;
  }

  /** the packs sold on a plan. */
  sold({ plan: id, interval }: PlanId): Pack[] {
    const plan = this.planOf(id);
    if (!plan || plan.contract) return [];
    const isNamed = ({ id: pack }: Pack) => plan.packs?.includes(pack) ?? plan.prices[interval] !== 0;
    return this.catalog.packs.filter((pack) => pack.on.includes(interval) && isNamed(pack));
  }

  private isSold = (plan: PlanId, pack: string): boolean => this.sold(plan).some(({ id }) => id === pack);

  /** the packs that renew on a plan. */
  private renewing(plan: PlanId, items: AddOnItem[]): AddOnItem[] {
    return this.priceOf(plan) === 0 ? [] : items.filter(({ pack }) => this.isSold(plan, pack));
  }

  /** whether a start accepts another catalogue while this subscription lives; `lowered`: packs that a won dispute returns. */
  accepts(catalog: Catalog, lowered: AddOnItem[]): boolean {
    const asked = new PlanModel(catalog, {
      ...this.plan,
      timeZone: this.zone,
      method: null,
      allowance: null,
    });
    const plans = [this.plan, ...(this.coming && this.coming !== 'cancel' ? [this.coming] : [])];
    return (
      plans.every((plan) => asked.listPrice(plan) !== undefined) &&
      [...this.addOn, ...lowered].every(({ pack }) => asked.isSold(this.plan, pack))
    );
  }

  // The beginning.

  /** the term under way counts as paid, from the next boundary on. */
  moveIn(anchor: Instant, at: Instant): void {
    this.anchor = anchor;
    while (this.boundary(this.next) <= at) this.next += 1;
    this.renewal = Math.ceil(this.next / this.step) * this.step;
    this.isPaid = true;
  }

  /** */
  beginTrial({ days, credits }: NonNullable<Plan['trial']>, at: Instant): void {
    this.isTrial = true;
    // R-08a: it began with this price.
    this.kept = { minor: this.priceOf(this.plan)!, credits: this.creditsOf(this.plan) };
    this.anchor = this.trialEndsAt = addDays(at, this.zone, days);
    if (credits > 0) this.allowances.push({ at, credits, expiresAt: this.anchor });
  }

  /** a plan that asks for no money begins by itself. */
  beginUncharged(at: Instant): void {
    this.anchor = at;
    this.openTerm(this.plan, at, 0, this.priceOf(this.plan)!, this.creditsOf(this.plan));
  }

  get asksForMoney(): boolean {
    return Boolean(this.priceOf(this.plan));
  }

  // The calendar.

  private get step(): number {
    return STEP[this.plan.interval];
  }

  private boundary(k: number): Instant {
    const weekly = isWeekly(this.plan.interval);
    const name = `${this.anchor}+${k}${weekly}`;
    const at = this.boundaries.get(name) ?? wallBoundary(this.anchor!, this.zone, k, weekly);
    this.boundaries.set(name, at);
    return at;
  }

  /** Passes the boundaries up to and including an instant. */
  passUntil(to: Instant, seen: Seen): void {
    while (this.anchor !== null && this.open === null) {
      const at = this.boundary(this.next);
      if (at > to || (seen.endedAt !== null && seen.endedAt <= at)) return;
      if (this.next === this.renewal) this.passRenewal(at, seen);
      else {
        // a cycle of a paid term. R-08: by the catalogue in force at its boundary.
        if (this.isPaid) this.owe(this.next, at, this.creditsOf(this.plan));
        this.next += 1;
      }
    }
  }

  private get comingPlan(): PlanId {
    return this.coming === null || this.coming === 'cancel' ? this.plan : this.coming;
  }

  private passRenewal(at: Instant, { booked }: Seen): void {
    if (this.coming === 'cancel') fail(`R-51: it should have ended at ${iso(at)}`);
    const price = this.priceOf(this.comingPlan);
    if (price === undefined) fail('R-08: the catalogue lacks the plan');
    if (!price) {
      this.isTrial = false;
      return this.openTerm(this.comingPlan, at, this.next, price, this.creditsOf(this.comingPlan));
    }
    if (this.isTrial && this.method === null) fail(`R-23: without a payment method it ends at ${iso(at)}`);
    const following = this.next + this.step;
    if (booked === null || this.boundary(following) > booked)
      fail(`nobody charged the renewal of ${iso(at)}`);
    this.isTrial = false;
    this.isPaid = false;
    this.next = this.renewal = following;
  }

  /** */
  private owe(k: number, at: Instant, credits: number): void {
    if (credits === 0) return;
    const term = this.catalog.policies.allowance_term;
    const expiresAt =
      term === 'until_next_refresh' ? this.boundary(k + 1) : addDays(at, this.zone, term.days);
    this.allowances.push({ at, credits, expiresAt });
  }

  private openTerm(plan: PlanId, at: Instant, k: number, minor: number | null, credits: number): void {
    const isNewSeries = isWeekly(plan.interval) !== isWeekly(this.plan.interval);
    this.addOn = this.renewing(plan, this.addOn);
    this.plan = plan;
    if (isNewSeries) this.anchor = at;
    const number = isNewSeries ? 0 : k;
    this.kept = minor === null ? null : { minor, credits };
    if (this.coming !== 'cancel') this.coming = null;
    this.next = number + 1;
    this.renewal = (Math.floor(number / this.step) + 1) * this.step;
    this.isPaid = true;
    this.owe(number, at, credits);
  }

  // Charges.

  /** reads a charge that is asked for, and its price, from the catalogue. */
  asked(charge: Charge, seen: Seen): void {
    const known = this.bills.get(charge.id);
    ok(charge.attempt > 1 === (known !== undefined), 'a charge has its attempts in order');
    // at one instant boundaries come before packs.
    if (!known) this.passUntil(charge.kind === 'renewal' ? charge.at - 1 : charge.attemptAt, seen);
    const bill = known ?? this.billOf(charge);
    if (!known) this.bills.set(charge.id, bill);
    const { plan, interval } = charge.buys;
    deepStrictEqual({ plan, interval }, { plan: bill.plan, interval: bill.interval }, 'the plan of a charge');
    deepStrictEqual(
      charge.lines.map(({ amountMinor }) => amountMinor),
      bill.lines,
      `the lines of a ${charge.kind}`,
    );
    deepStrictEqual(
      charge.amountMinor,
      bill.lines.reduce((sum, line) => sum + line, 0),
      'the sum of the lines',
    );
    ok(charge.amountMinor > 0, 'R-17: a charge of nothing');
    if (charge.kind === 'renewal') this.open = bill;
  }

  private billOf(charge: Charge): Bill {
    const { kind } = charge;
    const wanted = { plan: charge.buys.plan, interval: charge.buys.interval };
    if (kind === 'purchase') return this.purchaseOf(charge);
    if (kind === 'start') return this.termBill(charge, this.plan, []);
    if (kind === 'upgrade') {
      ok(this.isUp(wanted), 'R-54: a downgrade was charged');
      return this.termBill(charge, wanted, []);
    }
    ok(this.coming !== 'cancel', 'R-51: a cancelled subscription was charged');
    deepStrictEqual(
      [charge.cycle, charge.at],
      [this.renewal, this.boundary(this.renewal)],
      'R-10: a renewal',
    );
    ok(this.method !== null, 'R-17: nobody named a payment method');
    this.isTrial = false;
    return this.termBill(charge, this.comingPlan, this.renewing(this.comingPlan, this.addOn));
  }

  private termBill({ kind, at }: Charge, plan: PlanId, items: AddOnItem[]): Bill {
    const planMinor = this.priceOf(plan);
    ok(planMinor, 'R-17, R-36: a charge for a plan that asks for no money');
    const packs = items.map((item) => this.soldPack(item, false));
    const lines = [planMinor, ...items.map((item) => this.pack(item.pack).price * item.quantity)];
    return { ...plan, kind, at, planMinor, allowance: this.creditsOf(plan), packs, lines };
  }

  private purchaseOf(charge: Charge): Bill {
    const [{ pack, quantity } = fail('a purchase of nothing')] = charge.buys.items;
    ok(this.isSold(this.plan, pack), 'R-34: a pack that is not sold on the plan');
    ok(!this.isTrial, 'R-23: a pack in a trial');
    ok(quantity <= this.catalog.policies.packs_per_purchase, 'R-03');
    // R-39a: a top-up is a purchase by its id.
    const isTopUp = /_t\d+$/.test(charge.id);
    const packs = [this.soldPack({ pack, quantity }, !isTopUp)];
    const lines = [this.pack(pack).price * quantity];
    return { ...this.plan, kind: 'purchase', at: charge.at, planMinor: null, allowance: 0, packs, lines };
  }

  private pack = (id: string): Pack => this.catalog.packs.find((pack) => pack.id === id)!;

  private soldPack({ pack: id, quantity }: AddOnItem, isOrder: boolean): Sold {
    const { credits, renews, term } = this.pack(id);
    // R-17, R-30a.
    const joins = isOrder && renews && this.priceOf(this.plan) !== 0;
    return { pack: id, quantity, credits, joins, term };
  }

  /** A charge is paid, and takes effect at an instant: a renewal at its boundary. */
  paid(charge: Charge, at: Instant): void {
    const bill = this.bills.get(charge.id)!;
    if (bill.kind === 'purchase') return this.deliver(bill, at);
    const { planMinor, allowance, plan, interval } = bill;
    let k = 0;
    if (bill.kind === 'renewal') {
      this.open = null;
      k = this.renewal;
    } else {
      // a series of its own. R-51: an upgrade clears the scheduled change.
      this.anchor = at;
      this.coming = null;
      this.isTrial = false;
    }
    this.openTerm({ plan, interval }, at, k, planMinor, allowance);
    for (const pack of bill.packs) this.give(pack, at);
  }

  private deliver({ packs }: Bill, at: Instant): void {
    for (const item of packs) {
      ok(this.isSold(this.plan, item.pack), 'R-34, R-42: packs that the plan does not sell');
      this.give(item, at);
      if (item.joins && this.renewing(this.plan, [item]).length > 0) this.join(item.pack, item.quantity);
    }
  }

  private join(pack: string, quantity: number): void {
    const before = this.addOn.find((item) => item.pack === pack);
    if (before)
      this.addOn = this.addOn.map((item) =>
        item === before ? { pack, quantity: item.quantity + quantity } : item,
      );
    else this.addOn = [...this.addOn, { pack, quantity }];
  }

  /** R-31, R-31a: the end of packs that arrive at an instant. */
  private give({ credits, quantity, term }: Sold, at: Instant): void {
    this.packs.push({ at, credits: credits * quantity, expiresAt: this.packEnd(term, at) });
  }

  private packEnd(term: PackTerm, at: Instant): Instant {
    if (term === 'subscription') return NEVER;
    if ('days' in term) return addDays(at, this.zone, term.days);
    return addDays(this.boundary(this.renewal), this.zone, term.days_after_renewal);
  }

  // Commands.

  /** whether a change works at once. */
  isUp(to: PlanId): boolean {
    const [price, now] = [this.priceOf(to) ?? 0, this.priceOf(this.plan) ?? 0];
    if (price === 0) return false;
    if (now === 0 || this.isCurrent(to)) return true;
    if (to.interval !== this.plan.interval) return LENGTH[to.interval] > LENGTH[this.plan.interval];
    return price > now;
  }

  /** A change that was accepted. */
  changed(to: PlanId): void {
    ok(this.isTrial || !this.isCurrent(to), 'R-55: a change to the same plan');
    ok(this.listPrice(to) !== undefined, 'R-09: a change to a plan that is not sold');
    ok(this.listPrice(to) !== null && this.listPrice(this.plan) !== null, 'R-55: a change of a contract');
    const { plan, interval } = to;
    if (!this.isUp(to)) this.coming = { plan, interval };
  }

  /** R-33, R-32a: the add-on was set. */
  setAddOn(packs: number, items: AddOnItem[] | null): void {
    const to = items ?? (packs === 0 ? [] : [{ pack: this.addOn[0]?.pack ?? '', quantity: packs }]);
    const before = this.addOn;
    this.addOn = before
      .map(({ pack }) => ({ pack, quantity: to.find((item) => item.pack === pack)?.quantity ?? 0 }))
      .filter(({ quantity }) => quantity > 0);
    for (const { pack, quantity } of this.addOn)
      ok(quantity <= before.find((item) => item.pack === pack)!.quantity, 'R-33: only lowered');
  }

  /** a purchase is refunded in whole. */
  refunded(charge: { id: string }): void {
    for (const { pack, quantity, joins } of this.bills.get(charge.id)!.packs)
      if (joins)
        this.addOn = this.addOn
          .map((item) =>
            item.pack === pack ? { pack, quantity: Math.max(0, item.quantity - quantity) } : item,
          )
          .filter((item) => item.quantity > 0);
  }

  /** R-08a. */
  reprice(): void {
    this.kept = null;
  }

  // The life beside it.

  /** The state is that of this model, as far as it knows it. */
  check(state: State): void {
    if (state.status === 'ended') return deepStrictEqual(state.addOn, [], 'R-50: the add-on goes');
    const { plan, interval, addOn, anchorAt, trialEndsAt } = state;
    const mine = { ...this.plan, addOn: this.addOn, anchorAt: this.anchor, trialEndsAt: this.trialEndsAt };
    deepStrictEqual({ plan, interval, addOn, anchorAt, trialEndsAt }, mine, 'the plan of the subscription');
    deepStrictEqual(state.status === 'trialing', this.isTrial, 'R-23: in its trial');
    deepStrictEqual(state.status === 'past_due', this.open !== null, 'R-41: past due');
    const scheduled =
      state.scheduled?.kind === 'plan'
        ? { plan: state.scheduled.plan, interval: state.scheduled.interval }
        : null;
    deepStrictEqual(
      state.scheduled?.kind === 'cancel' ? 'cancel' : scheduled,
      this.coming,
      'R-51: scheduled',
    );
    if (state.scheduled && this.open === null)
      deepStrictEqual(state.scheduled.at, this.boundary(this.renewal), 'R-51: at the renewal');
    if (this.open) {
      // no retry comes later, and a pending renewal ends at the last.
      const most = isWeekly(this.open.interval) ? 7 : 28;
      ok(state.now < addDays(this.open.at, this.zone, most), 'R-41, R-42: past due for ever');
    }
    const isSold = this.addOn.every(({ pack }) => this.isSold(this.plan, pack));
    ok(isSold || this.open !== null, 'R-34: an add-on that is not sold');
  }

  /** nothing but these ends it by itself. */
  checkEnd(endedAt: Instant): void {
    if (this.anchor === null || this.open !== null) return;
    deepStrictEqual(endedAt, this.boundary(this.renewal), 'it ended at no renewal');
    const isPaidFor = this.method !== null || !this.priceOf(this.comingPlan);
    ok(this.coming === 'cancel' || !isPaidFor, 'R-50: it ended without a reason');
  }
}
