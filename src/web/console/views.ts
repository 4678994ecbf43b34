import type { Instant } from '../../domain/calendar.ts';
import type { Verdict } from '../../domain/explain.ts';

/** The path of the console. */
export const CONSOLE = '/console';

/** The page of a subscription. */
export const placeOf = (id: string): string => `${CONSOLE}/subscriptions/${encodeURIComponent(id)}`;

// The data of the console's pages.

/** A rule on a page. */
export interface RuleView {
  id: string;
  /** The rule in a few words; null for an id without a text. */
  words: string | null;
}

/** One line of the timeline. */
export interface LineView {
  at: Instant;
  /** The instant of its writing, where that is another moment. */
  recorded: Instant | null;
  /** The family of its kind. */
  mark: 'plus' | 'minus' | 'money' | 'message' | 'note' | 'request';
  title: string;
  /** More facts, one a text. */
  says: string[];
  /** Change of the available credits, and the balance after it; null where no credits moved. */
  credits: number | null;
  balance: number | null;
  rule: RuleView | null;
  /** Its parts, where it has several: entries on several grants, lines of a bill. */
  parts: { text: string; amount: string; rule: RuleView | null }[];
  /** Objects with lines of their own. */
  about: { id: string; label: string }[];
}

/** The three sums of I1 and I8, and the verdict on them. */
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

/** The facts of a subscription. */
export interface SubscriptionFacts {
  id: string;
  customerId: string;
  /** Name and id of the plan, and its interval. */
  plan: string;
  status: string;
  timeZone: string;
  now: Instant;
  isTestClock: boolean;
  anchorAt: Instant | null;
  period: { start: Instant; end: Instant } | null;
  nextRenewal: { at: Instant; charge: { amount_minor: number; currency: string } | null } | null;
  /** the end of the trial, while it runs. */
  trialEndsAt: Instant | null;
  packs: number;
  /** R-32a: the packs by id, where the add-on has several. */
  items: { pack: string; quantity: number }[];
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

/** The coming events. */
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
