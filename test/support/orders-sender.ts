import type { Instant } from '../../src/domain/calendar.ts';
import { isAwaited, isEarly, type Settlement, withEarly } from '../../src/domain/charge-outcomes.ts';
import type { Command } from '../../src/domain/commands.ts';
import { Refusal } from '../../src/domain/errors.ts';
import type { MoneyBack } from '../../src/domain/refunds.ts';
import type { State } from '../../src/domain/state.ts';
import { stem } from '../../src/domain/subscription.ts';
import {
  AMOUNTS,
  type Case,
  type Event,
  type HowMuch,
  LIFE,
  linesOf,
  MOMENTS,
  type Order,
  type Stand,
  TWICE,
  type When,
} from './orders.ts';

// The six events given to the core's decisions, with either book behind them: the core's own, or the ledger's.

/** A subscription whose every charge is pending. */
export interface Books {
  state(): State;
  /** Throws its `Refusal`. */
  command(wanted: Command): Promise<void>;
  /** Works towards an instant; false when billing was asked on the way, so that there is more to do. */
  advance(to: Instant): Promise<boolean>;
  /** False: the charge is pending, and nothing was booked. */
  returnCredits(chargeId: string, back: MoneyBack): Promise<boolean>;
  stand(): Promise<Stand>;
}

export const START = {
  plan: 'creator',
  interval: 'month',
  timeZone: 'UTC',
  paymentMethod: 'theirs',
  allowance: null,
  anchorAt: LIFE.anchorAt,
  testClock: true,
} as const;

interface Reported {
  books: Books;
  when: When;
  howMuch: HowMuch;
  pending: string;
  /** settlements of a charge that is still to come. */
  early: Settlement[];
  /** reports on a charge that is still pending. */
  waiting: Event[];
  /** commands that were answered; a refused one runs when it comes again. */
  answered: Set<Event>;
}

async function begin(books: Books, when: When, howMuch: HowMuch): Promise<Reported> {
  const own = stem(books.state().id);
  const reported: Reported = {
    ...{ books, when, howMuch, pending: `chg_${own}b` },
    ...{ early: [], waiting: [], answered: new Set<Event>() },
  };
  const buy = (purchaseId: string, packs: number) =>
    books.command({ type: 'buy_packs', purchaseId, packs, interval: null, paymentMethod: null });
  await buy(`pur_${own}a`, LIFE.packs);
  await settle(reported, `chg_${own}a`, LIFE.from);
  await buy(`pur_${own}b`, LIFE.pending);
  await advance(reported, MOMENTS[when].reported);
  return reported;
}

/** A settlement as the workflow gets it. */
async function settle(reported: Reported, chargeId: string, at: Instant): Promise<void> {
  const { books } = reported;
  // Billing says how much where the charge may not exist yet: the bill of the renewal, which nothing here changes before it.
  const money = chargeId.endsWith('_r0_1') ? { amountMinor: 5_900, currency: 'USD' } : {};
  const settlement = { chargeId, outcome: 'paid', at, ...money } as const;
  if (isAwaited(books.state(), settlement)) await books.command({ type: 'payment_settled', ...settlement });
  else if (isEarly(books.state(), settlement)) reported.early = withEarly(reported.early, settlement)!;
}

async function advance(reported: Reported, to: Instant): Promise<void> {
  for (let isThere = false; !isThere; ) {
    isThere = await reported.books.advance(to);
    const due = reported.early.filter((settlement) => isAwaited(reported.books.state(), settlement));
    for (const { chargeId, at } of due) await settle(reported, chargeId, at);
  }
}

async function ask(reported: Reported, event: Event, wanted: Command): Promise<void> {
  if (reported.answered.has(event)) return;
  try {
    await reported.books.command(wanted);
    reported.answered.add(event);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

async function send(reported: Reported, event: Event): Promise<void> {
  const { books, when, howMuch, pending } = reported;
  const { refund: toMinor, dispute: amountMinor } = AMOUNTS[howMuch];
  const sayBack = async (back: MoneyBack) => {
    if (!(await books.returnCredits(pending, back))) reported.waiting.push(event);
  };
  switch (event) {
    case 'renewal paid':
      return settle(reported, `chg_${stem(books.state().id)}_r0_1`, MOMENTS[when].renewal);
    case 'purchase paid':
      await settle(reported, pending, MOMENTS[when].purchase);
      for (const late of reported.waiting.splice(0)) await send(reported, late);
      return;
    case 'add-on lowered':
      return ask(reported, event, { type: 'set_add_on', packs: LIFE.lowered });
    case 'cancel at renewal':
      return ask(reported, event, { type: 'cancel', at: 'renewal' });
    case 'refund':
      return sayBack({ kind: 'refund', toMinor });
    case 'dispute':
      return sayBack({ kind: 'dispute', id: 'd', amountMinor, status: 'open' });
  }
}

/** The ledger once all six came twice, and weeks later. */
export async function live(
  books: Books,
  order: Order,
  wanted: Case,
): Promise<Record<'reported' | 'end', string>> {
  const reported = await begin(books, wanted.when, wanted.howMuch);
  for (const event of TWICE[wanted.twice](order)) await send(reported, event);
  const atOnce = linesOf(await books.stand()).join('\n');
  await advance(reported, LIFE.end);
  return { reported: atOnce, end: linesOf(await books.stand()).join('\n') };
}
