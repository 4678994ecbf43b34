import type { GrantKind } from '../../src/domain/burndown.ts';
import type { Instant, Interval } from '../../src/domain/calendar.ts';
import type { Step } from './steps.ts';

/** The outcome of a command: `ok`, `pending` or a problem's code, and its details, as the tables write them. */
export interface Answer {
  outcome: string;
  data: Record<string, string>;
}

/** The readable state of the table's subscription; null where there is none (a declined start). */
export interface View {
  balances: Record<GrantKind, number> & { held: number };
  status: string;
  plan: string;
  interval: Interval;
  anchorAt: Instant | null;
  refreshAt: Instant | null;
  renewal: { at: Instant; chargeMinor: number | null } | null;
  packs: number;
  items: { pack: string; quantity: number }[];
  trialEndsAt: Instant | null;
  /** Why the newest automatic top-up was skipped; null where it was not. */
  skipped: string | null;
  scheduled:
    | { kind: 'cancel'; at: Instant }
    | { kind: 'plan'; at: Instant; plan: string; interval: Interval }
    | null;
  endedAt: Instant | null;
  /** By instant, then by making. `expiresAt` is null while no end is known. */
  grants: { kind: GrantKind; credits: number; effectiveAt: Instant; expiresAt: Instant | null }[];
  charges: { kind: string; status: string; amountMinor: number; refundedMinor: number }[];
}

/** One entry of the ledger: its kind and the change of the available credits. */
export interface Booked {
  kind: string;
  credits: number;
}

/** One subscription of one customer, seen from outside: the core itself, or the real stack over HTTP. */
export interface Driver {
  /** Moves the test clock on; only called when there is a subscription. */
  advance(to: Instant): Promise<void>;
  do(step: Step, at: string): Promise<Answer>;
  look(): Promise<View | null>;
  /** Every entry, in the order of booking; only asked where a table names some. */
  entries(): Promise<Booked[]>;
}
