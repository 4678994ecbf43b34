import type { Grant } from './burndown.ts';
import { boundary, type Instant, iso, NEVER } from './calendar.ts';
import type { Catalog } from './catalog/catalog.ts';
import { packsIn } from './catalog/packs.ts';
import { answered } from './charge-outcomes.ts';
import { begin, type Command, decide, type Start } from './commands.ts';
import { type Change, changeOf } from './curve.ts';
import { nextDue, workAt } from './due.ts';
import { type Agenda, agendaOf } from './model/agenda.ts';
import { type Book, book, bookCharge, bookOf, emptyBook, type Hold, openGrants } from './model/book.ts';
import { openHolds, releaseDue } from './model/holds.ts';
import { refundCharge, withdrawnPacks } from './model/refunds.ts';
import type { MoneyBack, Refunded } from './refunds.ts';
import type { Charge, Decision, Outcome, State } from './state.ts';
import { withTopUpRefunds } from './top-up.ts';

/** Billing's answer to a charge: the simulator's stand-in for the gateway. */
type Payer = (charge: Charge) => Outcome;

/** The sandbox's answers, by payment method (docs/api.md). They reach every path without a provider. */
export function sandboxPayer(charge: Charge): Outcome {
  if (charge.paymentMethod === 'sandbox_declined') return 'declined';
  return charge.paymentMethod === 'sandbox_pending' ? 'pending' : 'paid';
}

/** A whole subscription without services: its state, its book and its payer. The functions below change it. */
export interface Life {
  state: State;
  book: Book;
  catalog: Catalog;
  payer: Payer;
}

/** Books a decision and, if it asks for money, billing's answer. Answers billing's outcome. */
function carryOut(life: Life, decision: Decision): Outcome | null {
  const outcome = bookDecision(life, decision);
  life.state = { ...life.state, grants: openGrants(life.book) };
  return outcome;
}

function bookDecision(life: Life, decision: Decision): Outcome | null {
  book(life.book, decision.effects);
  life.state = decision.state;
  const { charge } = decision;
  let outcome: Outcome | null = null;
  if (charge) {
    outcome = life.payer(charge);
    bookCharge(life.book, charge, outcome);
    const answer = answered(life.state, charge, outcome, charge.attemptAt, life.catalog);
    book(life.book, answer.effects);
    life.state = answer.state;
  }
  return outcome;
}

/** Starts a life at an instant, as the workflow starts a subscription. */
export function startLife(start: Start, at: Instant, catalog: Catalog, payer: Payer = sandboxPayer): Life {
  const decision = begin(start, at, catalog);
  const life: Life = { state: decision.state, book: emptyBook(), catalog, payer };
  carryOut(life, decision);
  return life;
}

/** The next instant of work: a hold's deadline or the calendar's next due work. */
export function nextInstant({ state, book }: Life): Instant | null {
  return sooner(openHolds(book)[0]?.deadline ?? null, nextDue(state)?.at ?? null);
}

/** releases the holds whose deadline has passed. At one instant deadlines come before all due work. */
export function bookDeadlines(life: Life, until: Instant): void {
  releaseDue(life.book, until);
  life.state = { ...life.state, grants: openGrants(life.book) };
}

/** Works one instant: deadlines, then the due work. */
function workInstant(life: Life, at: Instant): void {
  bookDeadlines(life, at);
  const due = nextDue(life.state);
  if (due !== null && due.at <= at) carryOut(life, workAt(life.state, due.at, due.at, life.catalog));
}

/** works through everything due up to and including an instant, in order. The clock stands there after it. */
export function advanceLife(life: Life, to: Instant): void {
  for (let at = nextInstant(life); at !== null && at <= to; at = nextInstant(life)) workInstant(life, at);
  if (to > life.state.now) life.state = { ...life.state, now: to };
}

/** Carries out a command at the life's now. Throws its `Refusal`; answers billing's outcome if it charged. */
export function command(life: Life, wanted: Command): Outcome | null {
  return carryOut(life, decide(life.state, wanted, life.state.now, life.catalog));
}

/** carries out billing's report on a charge's money, with its effect on the add-on. R-52: also after the end. */
export function moneyBack(life: Life, chargeId: string, back: MoneyBack): Refunded {
  bookDeadlines(life, life.state.now);
  const done = refundCharge(life.book, chargeId, back, life.state.now);
  const withdrawal = { packs: withdrawnPacks(life.book), nth: (life.state.withdrawn?.nth ?? 0) + 1 };
  if (packsIn(withdrawal.packs) !== packsIn(life.state.withdrawn?.packs ?? []))
    carryOut(
      life,
      decide(life.state, { type: 'withdraw_packs', ...withdrawal }, life.state.now, life.catalog),
    );
  const state = { ...life.state, grants: openGrants(life.book) };
  life.state = withTopUpRefunds(state, life.book.topUpRefunds);
  return { ...done, packs: packsIn(life.state.addOn) };
}

/** One line of a forecast. */
export interface Happening {
  at: Instant;
  kind: 'refresh' | 'renewal' | 'expiry' | 'end';
  rule: string;
  credits?: number;
  charge?: { amount_minor: number; currency: string };
}

/** A forecast. `changes` are dated when they will show: a late-paid grant arrives late, though its term begins earlier. */
export interface Ahead {
  happenings: Happening[];
  changes: Change[];
  /** The life at the end of the forecast. */
  life: Life;
}

/** The part of an open hold that a forecast needs. */
export type OpenHold = Pick<Hold, 'id' | 'credits' | 'deadline' | 'debits'>;

/** A longer forecast would depend more on today's catalogue than on the future. */
const HORIZON_MONTHS = 120;

/** The last instant of a forecast made at `now`: ten years later. */
export const horizonOf = (now: Instant): Instant => boundary(now, 'UTC', HORIZON_MONTHS);

/**
 * The future of a state if no request comes and every charge is paid: at most `limit` happenings, none after `until`, none
 * after the horizon. `grants` are the ledger's open grants. `holds` are the open holds: each is released at its deadline;
 * without them held credits count as returned from the start. No top-up is foretold: it depends on future spends.
 */
export function forecast(
  state: State,
  grants: readonly Grant[],
  catalog: Catalog,
  bounds: { until?: Instant; limit?: number; holds?: readonly OpenHold[] },
): Ahead {
  const { until = Number.POSITIVE_INFINITY, limit = Number.POSITIVE_INFINITY, holds } = bounds;
  const last = Math.min(until, horizonOf(state.now));
  const from = holds ? heldBook(grants, holds, state.now) : bookOf(grants.map(returned));
  from.endedAt = state.endedAt;
  const { topUp: _, ...calendar } = state;
  // The agenda knows the grants, so the calendar looks at its own dates only.
  const life: Life = { state: { ...calendar, grants: [] }, book: from, catalog, payer: () => 'paid' };
  const agenda = agendaOf(from);
  const happenings: Happening[] = [];
  const changes: Change[] = [];
  let shownAt = state.now;
  let due = nextDue(life.state)?.at ?? null;
  while (happenings.length < limit) {
    const at = sooner(agenda.next(), due);
    if (at === null || at > last) break;
    shownAt = Math.max(shownAt, at);
    const before = from.entries.length;
    for (const happening of happen(life, agenda, at, at === due)) happenings.push(happening);
    for (const entry of from.entries.slice(before)) changes.push(changeOf(entry, shownAt));
    if (at === due) due = nextDue(life.state)?.at ?? null;
  }
  life.state = { ...life.state, grants: openGrants(from) };
  return { happenings: happenings.slice(0, limit), changes, life };
}

const sooner = (a: Instant | null, b: Instant | null): Instant | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);

function heldBook(grants: readonly Grant[], holds: readonly OpenHold[], at: Instant): Book {
  const from = bookOf(grants);
  for (const open of holds) from.holds.set(open.id, { ...open, at, settled: null });
  return from;
}

/** a grant whose held credits came back: they are spendable unless its term or the subscription is over. */
function returned({ taken, ...grant }: Grant): Grant {
  const isOver = taken === 'expired' || taken === 'forfeited';
  return { ...grant, remaining: grant.remaining + (isOver ? 0 : grant.held), held: 0 };
}

/** works deadlines and terms, then the calendar's work if `isDue`. Answers the happenings. */
function happen(life: Life, agenda: Agenda, at: Instant, isDue: boolean): Happening[] {
  const before = life.book.entries.length;
  const wasEnded = life.state.status === 'ended';
  agenda.passUntil(at);
  const decision = isDue ? workAt(life.state, at, at, life.catalog) : null;
  if (decision) {
    bookDecision(life, decision);
    life.state = { ...life.state, grants: [] };
  }
  const made = life.book.entries.slice(before);
  for (const entry of made) if (entry.kind === 'grant') agenda.add(life.book.grants.get(entry.grantId)!);
  const sum = (kind: string, of: 'allowance' | 'pack' | null) =>
    made.reduce((n, e) => n + (e.kind === kind && (of === null || e.grantKind === of) ? e.credits : 0), 0);
  const happenings: Happening[] = made
    .filter((entry) => entry.kind === 'expiry')
    .map((entry) => ({
      at,
      kind: 'expiry',
      credits: entry.credits,
      rule: entry.grantKind === 'allowance' ? 'R-21' : 'R-31',
    }));
  // A payment given up after the end is no second end.
  if (life.state.status === 'ended' && !wasEnded)
    happenings.push({ at, kind: 'end', credits: sum('forfeiture', null), rule: 'R-50' });
  if (decision?.charge) {
    const { amountMinor, currency } = decision.charge;
    const packs = sum('grant', 'pack');
    const charge = { amount_minor: amountMinor, currency };
    happenings.push({ at, kind: 'renewal', rule: 'R-32', charge, ...(packs > 0 ? { credits: packs } : {}) });
  }
  const refreshed = sum('grant', 'allowance');
  if (refreshed > 0) happenings.push({ at, kind: 'refresh', credits: refreshed, rule: 'R-20' });
  return happenings;
}

/** One booked fact as a line. A simulated life and a real one print the same lines. */
export interface Fact {
  at: Instant;
  what: string;
  amount: string;
  note: string;
}

/** The facts of a book, its charges and entries, by instant; money comes before the credits it brought. */
export function facts(target: Book): Fact[] {
  const charges = [...target.charges.values()].map((charge) => chargeFact(charge));
  const entries = target.entries.map((entry) => {
    const expiresAt = entry.kind === 'grant' ? target.grants.get(entry.grantId)!.expiresAt : null;
    return entryFact(entry, expiresAt);
  });
  return sortFacts(charges, entries);
}

/** The fact of a charge. */
export function chargeFact(charge: {
  kind: string;
  at: Instant;
  status: string;
  amountMinor: number;
  currency: string;
}): Fact {
  const amount = `${charge.currency} ${(charge.amountMinor / 100).toFixed(2)}`;
  return { at: charge.at, what: `charge ${charge.kind}`, amount, note: charge.status };
}

/** The fact of an entry of the ledger. `expiresAt` is that of a new grant, else null. */
export function entryFact(
  entry: { kind: string; grantKind: string; credits: number; effectiveAt: Instant },
  expiresAt: Instant | null,
): Fact {
  const amount = `${entry.credits > 0 ? '+' : ''}${entry.credits}`;
  //
  const until = expiresAt === NEVER ? 'the subscription ends' : expiresAt !== null && iso(expiresAt);
  const note = until === false ? '' : `until ${until}`;
  return { at: entry.effectiveAt, what: `${entry.kind} ${entry.grantKind}`, amount, note };
}

/** R-14 at one instant: charges come before their grants, a spend or hold before its return. */
const FACT_ORDER = [
  ...['release', 'expiry', 'revocation', 'forfeiture'],
  ...['charge start', 'charge renewal', 'charge upgrade', 'charge purchase'],
  ...['grant', 'debit', 'hold', 'capture', 'reversal'],
];
const rank = ({ what }: Fact): number => FACT_ORDER.findIndex((kind) => what.startsWith(kind));

/** Charges and entries as one list, by instant and then in R-14's order. */
export function sortFacts(charges: Fact[], entries: Fact[]): Fact[] {
  const byText = (a: Fact, b: Fact) => (a.what + a.note < b.what + b.note ? -1 : 1);
  return [...charges, ...entries].sort((a, b) => a.at - b.at || rank(a) - rank(b) || byText(a, b));
}

/** A fact as one line of text, for the simulator's output and the tests. */
export function factLine(fact: Fact): string {
  return `${iso(fact.at)}  ${fact.what.padEnd(20)} ${fact.amount.padStart(12)}  ${fact.note}`.trimEnd();
}
