import type { Debit } from '../../src/domain/burndown.ts';
import { type Instant, RENEWAL_EVERY } from '../../src/domain/calendar.ts';
import { packsOn } from '../../src/domain/catalog/catalog.ts';
import { packExpiry } from '../../src/domain/catalog/packs.ts';
import { price } from '../../src/domain/catalog/rates.ts';
import { endsUnpaid } from '../../src/domain/charges.ts';
import { buyingRefusal } from '../../src/domain/eligibility.ts';
import { balance, openGrants, spend } from '../../src/domain/model/book.ts';
import { capture, hold, holdDeadline, release } from '../../src/domain/model/holds.ts';
import { reverse } from '../../src/domain/model/reversals.ts';
import { boundaryOf, isRunning } from '../../src/domain/subscription.ts';
import { bookDeadlines, forecast, type Life } from '../../src/domain/timeline.ts';
import type { Answer } from './driver.ts';
import { showExpiry, showMoment } from './moment.ts';
import type { Made, Step } from './steps.ts';

// Spends, holds and returns through the core: the ledger's work without the workflow.

type Of<V extends Step['verb']> = Extract<Step, { verb: V }>;
export type Data = Record<string, string | number>;

export const said = (outcome: string, data: Data = {}): Answer => ({
  outcome,
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, String(value)])),
});

export function quote(life: Life, { items }: Of<'quote'>): Answer {
  if (!isLive(life)) return said('subscription_not_active');
  const { credits } = price(life.catalog, items);
  const { available } = balance(life.book, life.state.now);
  return said('ok', {
    credits,
    available,
    ...(available < credits ? offer(life, credits - available) : {}),
  });
}

export function use(life: Life, { items, via }: Of<'use'>): Answer {
  return take(life, items, via, (credits) => ({
    debits: spend(life.book, credits, life.state.now),
    data: {},
  }));
}

/** */
export function setAside(life: Life, { items, via, seconds }: Of<'hold'>, id: string): Answer {
  const { now } = life.state;
  return take(life, items, via, (credits) => {
    const deadline = holdDeadline(now, seconds);
    const debits = hold(life.book, { id, credits, at: now, deadline });
    return { debits, data: { deadline: showMoment(deadline) } };
  });
}

const isLive = ({ state }: Life): boolean => ['trialing', 'active', 'past_due'].includes(state.status);

/** The common part of spends and holds: who may, the price, and the refusal that helps. */
function take(
  life: Life,
  items: Of<'use'>['items'],
  via: string | undefined,
  from: (credits: number) => { debits: Debit[] | null; data: Data },
): Answer {
  const { state, book, catalog } = life;
  if (!isLive(life)) return said('subscription_not_active');
  if (state.status === 'past_due' && catalog.policies.past_due_spending === 'block')
    return said('payment_past_due');
  const { credits } = price(catalog, items);
  const { available, held } = balance(book, state.now);
  const { debits, data } = from(credits);
  if (debits === null) {
    const shortfall = credits - available;
    const short = { needed: credits, available, held, shortfall };
    return said('insufficient_credits', { ...short, ...nextRefresh(life), ...offer(life, shortfall) });
  }
  bookDeadlines(life, state.now);
  const burned = debits.map((debit) => `${debit.kind}:${debit.credits}`).join(',') || 'nothing';
  return said('ok', { credits, burned, ...data, ...(via === undefined ? {} : { via }) });
}

const pick = <T>(made: Iterable<T>, which: Made): T => {
  const all = [...made];
  const found = which === 'oldest' ? all[0] : all.at(-1);
  if (!found) throw new Error(`there is no ${which} one yet`);
  return found;
};

/** also after the end and while past due. */
export function settleHold(life: Life, step: Of<'capture' | 'release'>, usageId: string): Answer {
  const { book, state } = life;
  const { id } = pick(book.holds.values(), step.which);
  const { captured, released } =
    step.verb === 'release'
      ? release(book, id, state.now)
      : capture(book, id, { credits: step.credits ?? null, at: state.now, usageId });
  bookDeadlines(life, state.now);
  return said('ok', { captured, released });
}

/** also after the end and while past due. */
export function returnUsage(life: Life, { which, credits }: Of<'reverse'>): Answer {
  const { book, state } = life;
  const { id } = pick(book.usages.values(), which);
  const given = reverse(book, id, { credits: credits ?? null, at: state.now });
  bookDeadlines(life, state.now);
  const { restored, expired_at_once: expired, forfeited_at_once: forfeited, revoked_at_once } = given;
  return said('ok', { restored, expired, forfeited, revoked_at_once });
}

/** the packs that would cover a shortfall, or why this subscription can't buy; the oracle's own reading. */
function offer({ state, catalog }: Life, shortfall: number): Data {
  const refusal = buyingRefusal(state, catalog);
  if (refusal) return { packs: 'none', contact: refusal.code };
  const sold = packsOn(catalog, state.plan, state.interval);
  if (sold.length === 0) return { packs: 'none' };
  // R-32a: every way to cover it in one purchase, told by its cost; the least of them.
  const ways = sold.flatMap((pack) => {
    const packs = Math.ceil(shortfall / pack.credits);
    const cost = [packs * pack.price, packs * pack.credits, packs].map((n) => String(n).padStart(16, '0'));
    return packs > catalog.policies.packs_per_purchase ? [] : [{ pack, packs, cost: cost.join() }];
  });
  const best = ways.find(({ cost }) => ways.every((way) => cost <= way.cost));
  if (!best) return { packs: 'none', contact: 'pack_limit' };
  const { pack, packs } = best;
  return {
    pack: pack.id,
    packs,
    price: packs * pack.price,
    offer_until: showExpiry(packExpiry(state, pack, state.now, state.cycle)),
  };
}

/** the next refresh and its credits. */
function nextRefresh(life: Life): Data {
  const at = refreshAt(life);
  return { next: at === null ? 'none' : showMoment(at), brings: at === null ? 'none' : grantedAt(life, at) };
}

function grantedAt({ state, book, catalog }: Life, at: Instant): number {
  const { happenings } = forecast(state, openGrants(book), catalog, { until: at });
  return happenings.find((happening) => happening.kind === 'refresh' && happening.at === at)?.credits ?? 0;
}

export function refreshAt({ state, catalog }: Life): Instant | null {
  if (!isRunning(state)) return null;
  const k = state.cycle + 1;
  const at = boundaryOf(state, k);
  // without a payment method nothing comes with a renewal that asks for money.
  if (k % RENEWAL_EVERY[state.interval] === 0 && endsUnpaid(state, catalog)) return null;
  return state.scheduled?.kind === 'cancel' && state.scheduled.at === at ? null : at;
}
