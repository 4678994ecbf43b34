import type { Instant } from '../../domain/calendar.ts';
import type { Verdict } from '../../domain/explain.ts';

export const CONSOLE = '/console';

/** Where a subscription is shown. */
export const placeOf = (id: string): string => `${CONSOLE}/subscriptions/${encodeURIComponent(id)}`;

// What the console's pages are drawn from.

export interface RuleView {
  id: string;
  /** The rule in a few words; null for one that is told elsewhere. */
  words: string | null;
}

/** One line of the timeline. */
export interface LineView {
  at: Instant;
  /** When it was written down, where that is another moment. */
  recorded: Instant | null;
  /** The family of lines it is shown among. */
  mark: 'plus' | 'minus' | 'money' | 'message' | 'note' | 'request';
  title: string;
  /** What there is to say besides. */
  says: string[];
  /** Change of what is available, and what there was after; null where no credits moved. */
  credits: number | null;
  balance: number | null;
  rule: RuleView | null;
  /** What it is made of, where it is made of several: entries on several grants, lines of a bill. */
  parts: { text: string; amount: string; rule: RuleView | null }[];
  /** Objects whose story can be shown alone. */
  about: { id: string; label: string }[];
}

export interface SumsView {
  grants: number;
  entries: number;
  version: number;
  due: number;
  held: number;
  openGrants: number;
  workflow: { available: number; version: number } | null;
  verdict: Verdict;
}

export interface SubscriptionFacts {
  id: string;
  customerId: string;
  plan: string;
  interval: string;
  status: string;
  timeZone: string;
  now: Instant;
  isTestClock: boolean;
  anchorAt: Instant | null;
  period: { start: Instant; end: Instant } | null;
  nextRenewal: { at: Instant; charge: { amount_minor: number; currency: string } | null } | null;
  packs: number;
  scheduled: { kind: string; at: Instant; to: string | null } | null;
  unpaid: {
    since: Instant;
    amount_minor: number;
    currency: string;
    pending: boolean;
    nextTry: Instant | null;
  } | null;
  endedAt: Instant | null;
  paymentMethod: string;
  metadata: Record<string, string>;
}

export interface ComingView {
  due: { at: Instant; kind: string } | null;
  workflowDue: { at: Instant; kind: string } | null | undefined;
  isForecast: boolean;
  list: {
    at: Instant;
    kind: string;
    credits: number | null;
    charge: { amount_minor: number; currency: string } | null;
    rule: RuleView;
  }[];
}
