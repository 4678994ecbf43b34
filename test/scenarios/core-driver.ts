import { goneAt } from '../../src/domain/burndown.ts';
import { type Instant, type Interval, NEVER } from '../../src/domain/calendar.ts';
import { type Catalog, isFree, planOf } from '../../src/domain/catalog/catalog.ts';
import { packsIn } from '../../src/domain/catalog/packs.ts';
import { answered } from '../../src/domain/charge-outcomes.ts';
import { nextRenewal } from '../../src/domain/charges.ts';
import { decide } from '../../src/domain/commands.ts';
import { nextDue, workAt } from '../../src/domain/due.ts';
import { isUpgrade } from '../../src/domain/eligibility.ts';
import { Refusal } from '../../src/domain/errors.ts';
import { balance, book, bookCharge, openGrants } from '../../src/domain/model/book.ts';
import { openHolds } from '../../src/domain/model/holds.ts';
import { NO_METHOD } from '../../src/domain/state.ts';
import { allowanceOf, endsAt } from '../../src/domain/subscription.ts';
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
import { refund, sayBack } from './core-refunds.ts';
import {
  type Data,
  quote,
  refreshAt,
  returnUsage,
  said,
  setAside,
  settleHold,
  use,
} from './core-spending.ts';
import type { Answer, Booked, Driver, View } from './driver.ts';
import { moment } from './moment.ts';
import type { Step } from './steps.ts';

type Of<V extends Step['verb']> = Extract<Step, { verb: V }>;

/** The pure core behind the driver: one customer, whose newest life is the one looked at. */
export class CoreDriver implements Driver {
  /** Every subscription the customer had, the newest last. */
  readonly lives: Life[] = [];
  private catalog: Catalog;
  private made = 0;
  private settledLast: string | null = null;

  constructor(catalog: Catalog) {
    this.catalog = catalog;
  }

  get life(): Life {
    const life = this.lives.at(-1);
    if (!life) throw new Error('there is no subscription yet');
    return life;
  }

  advance(to: Instant): Promise<void> {
    advanceLife(this.life, to);
    return Promise.resolve();
  }

  do(step: Step, at: string): Promise<Answer> {
    try {
      const answer = this.carryOut(step, at);
      const life = this.lives.at(-1);
      // a spend may bring a top-up at once.
      if (life?.state.topUp && step.verb !== 'outage') advanceLife(life, life.state.now);
      return Promise.resolve(answer);
    } catch (error) {
      if (error instanceof Refusal) return Promise.resolve(said(error.code, refusalData(error)));
      throw error;
    }
  }

  look(): Promise<View | null> {
    const life = this.lives.at(-1);
    return Promise.resolve(life ? viewOf(life) : null);
  }

  entries(): Promise<Booked[]> {
    return Promise.resolve(this.life.book.entries);
  }

  private carryOut(step: Step, at: string): Answer {
    switch (step.verb) {
      case 'subscribe':
        return this.subscribe(step, at);
      case 'buy':
        return this.buy(step);
      case 'add_on':
        return this.command({ type: 'set_add_on', packs: step.packs, items: step.items ?? null });
      case 'activate':
        return this.activate();
      case 'reprice':
        return this.command({ type: 'reprice' });
      case 'top_up':
        return this.topUp(step);
      case 'use':
        return use(this.life, step);
      case 'quote':
        return quote(this.life, step);
      case 'hold':
        return setAside(this.life, step, this.id('hld'));
      case 'capture':
      case 'release':
        return settleHold(this.life, step, this.id('use'));
      case 'reverse':
        return returnUsage(this.life, step);
      case 'cancel':
        return this.cancel(step);
      case 'resume':
        return this.command({ type: 'resume' });
      case 'change':
      case 'preview':
        return this.change(step);
      case 'method':
        return this.method(step);
      case 'settle':
        return this.settle(step);
      case 'grant':
        return this.command({
          type: 'issue_grant',
          grantId: this.id('grt'),
          credits: step.credits,
          expiresAt: step.until === null ? NEVER : moment(step.until),
          reason: 'scenario',
        });
      case 'refund':
        return refund(this.life, step);
      case 'refunded':
      case 'dispute':
        return sayBack(this.life, step);
      case 'revoke':
        return this.revoke();
      case 'allowance':
        return this.command({ type: 'set_allowance', credits: step.credits });
      case 'look':
        return said('ok');
      case 'foresee':
        return this.foresee(step);
      case 'advance':
        advanceLife(this.life, moment(step.to));
        return said('ok');
      case 'outage':
        return this.outage(moment(at));
      case 'catalogue':
        this.catalog = edited(this.catalog, step);
        for (const life of this.lives) life.catalog = this.catalog;
        return said('ok');
      case 'again':
      case 'send':
        throw new Error(`${step.verb} is for the stack: mark the row`);
    }
  }

  private id(prefix: string): string {
    this.made += 1;
    return `${prefix}_x${this.made}`;
  }

  private command(wanted: Parameters<typeof command>[1], data: Data = {}): Answer {
    const outcome = command(this.life, wanted);
    return said(outcome === 'pending' ? 'pending' : 'ok', data);
  }

  private subscribe(step: Of<'subscribe'>, at: string): Answer {
    const former = this.lives.at(-1);
    if (former && former.state.status !== 'ended') return said('customer_already_subscribed');
    const hasTrial = Boolean(planOf(this.catalog, step.plan)?.trial) && step.anchor === undefined;
    const had = this.lives.some(({ state }) => state.trialEndsAt !== undefined);
    if (step.trial === 'yes' && !hasTrial) return said('invalid_request', { pointer: '/trial' });
    if (step.trial === 'yes' && had) return said('trial_used');
    const trial = hasTrial && !had && step.trial !== 'no';
    const isLater = trial || isFree(this.catalog, step.plan, step.interval);
    const start = {
      id: `sub_s${this.lives.length}`,
      customerId: 'customer',
      plan: step.plan,
      interval: step.interval,
      timeZone: step.zone ?? 'UTC',
      paymentMethod: step.method ?? (isLater ? NO_METHOD : 'sandbox_ok'),
      allowance: step.allowance ?? null,
      anchorAt: step.anchor === undefined ? null : moment(step.anchor),
      testClock: true,
      trial,
    };
    const life = startLife(start, moment(at), this.catalog);
    // a declined start leaves nothing behind.
    if (life.state.status === 'ended') return said('payment_declined');
    this.lives.push(life);
    return said(life.state.status === 'incomplete' ? 'pending' : 'ok');
  }

  /** taken either way; 202 while the open charge is pending. */
  private method(step: Of<'method'>): Answer {
    const answer = this.command({ type: 'set_payment_method', paymentMethod: step.method });
    return this.life.state.unpaid?.pending ? { ...answer, outcome: 'pending' } : answer;
  }

  private buy(step: Of<'buy'>): Answer {
    const outcome = command(this.life, {
      type: 'buy_packs',
      purchaseId: this.id('pur'),
      packs: step.packs,
      pack: step.pack ?? null,
      interval: step.interval ?? null,
      paymentMethod: step.method ?? null,
    });
    return said(outcome === 'declined' ? 'payment_declined' : outcome === 'pending' ? 'pending' : 'ok');
  }

  private topUp({ wish }: Of<'top_up'>): Answer {
    if (wish === null) return this.command({ type: 'set_top_up', wish });
    const { threshold, packs, ceiling, pack = null } = wish;
    const request = { threshold, packs, pack, monthlyCeilingMinor: ceiling };
    return this.command({ type: 'set_top_up', wish: request });
  }

  /** */
  private activate(): Answer {
    const outcome = command(this.life, { type: 'activate', chargeId: this.id('chg') });
    return said(outcome === 'declined' ? 'payment_declined' : (outcome ?? 'ok').replace('paid', 'ok'));
  }

  private change(step: Of<'change' | 'preview'>): Answer {
    const { plan, interval } = step;
    const { state, catalog } = this.life;
    const wanted = { type: 'change_plan' as const, chargeId: this.id('chg'), plan, interval };
    const { charge } = decide(state, wanted, state.now, catalog);
    const effective = isUpgrade(state, catalog, plan, interval) ? 'now' : 'renewal';
    const data = {
      effective,
      price: charge?.amountMinor ?? 0,
      brings: effective === 'now' ? allowanceOf(state, catalog, plan, interval) : 0,
    };
    if (step.verb === 'preview') return said('ok', data);
    const outcome = command(this.life, wanted);
    return said(outcome === 'declined' ? 'payment_declined' : (outcome ?? 'ok').replace('paid', 'ok'), data);
  }

  private cancel(step: Of<'cancel'>): Answer {
    const answer = this.command({ type: 'cancel', at: step.at });
    const { state, book, catalog } = this.life;
    const until = state.scheduled?.at;
    if (until === undefined) return answer;
    const { happenings } = forecast(state, openGrants(book), catalog, { until });
    const end = happenings.find(({ kind }) => kind === 'end');
    return { ...answer, data: { at_risk: String(-(end?.credits ?? 0)) } };
  }

  private settle({ outcome, which }: Of<'settle'>): Answer {
    const life = which === 'former' ? this.lives.at(-2) : this.life;
    const charges = [...(life?.book.charges.values() ?? [])];
    const pending = charges.filter(({ status }) => status === 'pending');
    const named = {
      newest: pending.at(-1)?.id,
      oldest: pending.at(0)?.id,
      last: charges.at(-1)?.id,
      again: this.settledLast,
      former: charges.at(-1)?.id,
    }[which];
    if (!life || !named) throw new Error(`no charge to settle: ${which}`);
    this.settledLast = named;
    command(life, { type: 'payment_settled', chargeId: named, outcome, at: life.state.now });
    return said('ok');
  }

  private revoke(): Answer {
    const { book } = this.life;
    const last = [...book.grants.values()].filter(({ kind }) => kind === 'adjustment').at(-1);
    if (!last) throw new Error('no adjustment to revoke');
    const revoked = last.remaining;
    return this.command({ type: 'revoke_grant', grantId: last.id, reason: 'scenario' }, { revoked });
  }

  private foresee(step: Of<'foresee'>): Answer {
    const { state, book, catalog } = this.life;
    const until = moment(step.at);
    const { life } = forecast(state, openGrants(book), catalog, { until, holds: openHolds(book) });
    const { available, by_kind } = balance(life.book, until);
    return said('ok', { available, ...by_kind });
  }

  /** the work due during an outage, done now, instant by instant. */
  private outage(booked: Instant): Answer {
    const { life } = this;
    for (let at = nextInstant(life); at !== null && at <= booked; at = nextInstant(life)) {
      bookDeadlines(life, at);
      const due = nextDue(life.state);
      if (due === null || due.at > at) continue;
      const decision = workAt(life.state, due.at, booked, life.catalog);
      book(life.book, decision.effects);
      life.state = decision.state;
      if (decision.charge) {
        const outcome = sandboxPayer(decision.charge);
        bookCharge(life.book, decision.charge, outcome);
        const answer = answered(life.state, decision.charge, outcome, booked, life.catalog);
        book(life.book, answer.effects);
        life.state = answer.state;
      }
      life.state = { ...life.state, grants: openGrants(life.book) };
    }
    life.state = { ...life.state, now: booked };
    return said('ok', { skipped: life.book.notes.filter(({ kind }) => kind === 'renewal_skipped').length });
  }
}

function viewOf(life: Life): View {
  const { state, book, catalog } = life;
  const { by_kind, held } = balance(book, state.now);
  const renewal = nextRenewal(state, catalog);
  const grants = [...book.grants.values()].sort((a, b) => a.effectiveAt - b.effectiveAt || a.made - b.made);
  return {
    balances: { ...by_kind, held },
    status: state.status,
    plan: state.plan,
    interval: state.interval,
    anchorAt: state.anchorAt,
    refreshAt: refreshAt(life),
    renewal: renewal && { at: renewal.at, chargeMinor: renewal.charge?.amountMinor ?? null },
    packs: packsIn(state.addOn),
    items: state.addOn,
    trialEndsAt: state.trialEndsAt ?? null,
    skipped: state.topUp?.wish ? state.topUp.skipped : null,
    scheduled: state.scheduled,
    endedAt: state.endedAt,
    grants: grants.map((grant) => ({
      kind: grant.kind,
      credits: grant.amount,
      effectiveAt: grant.effectiveAt,
      expiresAt: goneAt(grant, endsAt(state)),
    })),
    charges: [...book.charges.values()].sort((a, b) => a.at - b.at),
  };
}

function refusalData(refusal: Refusal): Data {
  const errors = refusal.data['errors'] as { pointer: string }[] | undefined;
  return errors?.[0] ? { pointer: errors[0].pointer } : {};
}

/** Another catalogue with one value changed: `creator/month price 3500`, `avatar_iv credits 2`. */
function edited(catalog: Catalog, { path: [name = '', member = ''], value }: Of<'catalogue'>): Catalog {
  const copy = structuredClone(catalog);
  copy.version = `${catalog.version}'`;
  const [id = '', interval = ''] = name.split('/');
  const plan = copy.plans.find((each) => each.id === id);
  const pack = copy.packs.find((each) => id === 'pack' && each.on.includes(interval as Interval));
  const feature = copy.features.find((each) => each.id === name);
  const target = (plan && member === 'price' ? plan.prices : (plan ?? pack ?? feature)) as
    | Record<string, unknown>
    | undefined;
  const key = target === plan?.prices ? interval : member === 'allowance' ? 'credits' : member;
  if (!target || !(key in target)) throw new Error(`the catalogue has no ${name} ${member}`);
  target[key] = value;
  return copy;
}
