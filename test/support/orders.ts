import { type Instant, iso } from '../../src/domain/calendar.ts';

// Six events of one subscription, in every order, and the ledger after them, as lines of text.

export const EVENTS = [
  'renewal paid',
  'purchase paid',
  'add-on lowered',
  'cancel at renewal',
  'refund',
  'dispute',
] as const;
export type Event = (typeof EVENTS)[number];
export type Order = readonly Event[];

/** All 720. */
export const ORDERS: readonly Order[] = permutations(EVENTS);

function permutations(events: readonly Event[]): Event[][] {
  if (events.length === 0) return [[]];
  return events.flatMap((first) =>
    permutations(events.filter((event) => event !== first)).map((rest) => [first, ...rest]),
  );
}

/** Every event comes twice: its copy at once, or after all the others. */
export const TWICE = {
  'at once': (order: Order): Event[] => order.flatMap((event) => [event, event]),
  'after all others': (order: Order): Event[] => [...order, ...order],
} as const;
export type Twice = keyof typeof TWICE;

const on = (text: string): Instant => Date.parse(`2026-${text}:00Z`);

/** A monthly creator that moved in: it pays for the plan at each 17th. Two packs are bought and paid, one more is pending. */
export const LIFE = {
  anchorAt: on('01-17T00:00'),
  from: on('02-16T21:00'),
  packs: 2,
  pending: 1,
  lowered: 1,
  end: on('04-01T00:00'),
} as const;

/** The instants of the two payments at their provider, and the one at which the clock stands while all six come. */
export const MOMENTS = {
  'before the renewal': {
    reported: on('02-16T23:00'),
    purchase: on('02-16T22:30'),
    renewal: on('02-16T22:45'),
  },
  'after the renewal': {
    reported: on('02-17T06:00'),
    purchase: on('02-16T22:30'),
    renewal: on('02-17T05:00'),
  },
} as const;
export type When = keyof typeof MOMENTS;

/** Of the pending pack's 1,500: together less than it, or more. */
export const AMOUNTS = {
  'in part': { refund: 500, dispute: 400 },
  'in whole': { refund: 1_000, dispute: 800 },
} as const;
export type HowMuch = keyof typeof AMOUNTS;

export interface Case {
  when: When;
  howMuch: HowMuch;
  twice: Twice;
}

/** With the renewal open nothing new comes of the whole: it ends, or the add-on is as it is before the renewal. */
export const CASES: readonly Case[] = (['at once', 'after all others'] as const).flatMap((twice) => [
  { when: 'before the renewal', howMuch: 'in part', twice },
  { when: 'before the renewal', howMuch: 'in whole', twice },
  { when: 'after the renewal', howMuch: 'in part', twice },
]);

/** The compared part of the ledger. */
export interface Stand {
  status: string;
  /** When it ended, or will by a cancel. */
  endsAt: Instant | null;
  packs: number;
  charges: { kind: string; at: Instant; status: string; amountMinor: number; refundedMinor: number }[];
  grants: {
    id: string;
    kind: string;
    effectiveAt: Instant;
    expiresAt: Instant;
    amount: number;
    remaining: number;
  }[];
  entries: { grantId: string; kind: string; credits: number; effectiveAt: Instant }[];
}

const short = (instant: Instant): string => iso(instant).slice(5, 16).replace('T00:00', '');
const dollars = (minor: number): string => (minor / 100).toFixed(2);

/** Everything but the order of booking. Credits of one grant, one kind and one instant are one sum. */
export function linesOf({ status, endsAt, packs, charges, grants, entries }: Stand): string[] {
  const money = charges.map(({ kind, at: owed, status: stands, amountMinor, refundedMinor }) =>
    [kind, short(owed), dollars(amountMinor), stands, refundedMinor > 0 && `${dollars(refundedMinor)} back`]
      .filter(Boolean)
      .join(' '),
  );
  const credits = grants.map((grant) => {
    const { id, kind, effectiveAt, expiresAt, amount, remaining } = grant;
    const history = historyOf(entries.filter(({ grantId }) => grantId === id));
    return `${kind} ${amount} ${short(effectiveAt)} to ${short(expiresAt)}: ${history}; ${remaining} left`;
  });
  const end = endsAt === null ? '' : `${status === 'ended' ? '' : ' until'} ${short(endsAt)}`;
  return [`${status}${end}, add-on ${packs}`, ...money.sort(), ...credits.sort()];
}

function historyOf(entries: Stand['entries']): string {
  const sums = new Map<string, { at: Instant; credits: number }>();
  for (const { kind, credits, effectiveAt } of entries) {
    const what = `${kind} ${short(effectiveAt)}`;
    sums.set(what, { at: effectiveAt, credits: (sums.get(what)?.credits ?? 0) + credits });
  }
  const inOrder = [...sums].sort(([a, one], [b, other]) => one.at - other.at || (a < b ? -1 : 1));
  return inOrder.map(([what, { credits }]) => `${what} ${credits}`).join(', ');
}

/** Whether the first comes before the second. */
export const comes = (order: Order, first: Event, second: Event): boolean =>
  order.indexOf(first) < order.indexOf(second);
