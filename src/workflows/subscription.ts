import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, Branch } from '../activities/index.ts';
import type { CommandRef, Settled, Snapshot } from '../db/ledger.ts';
import { type Instant, iso } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog.ts';
import { answered, isAwaited, isEarly, type Settlement, withEarly } from '../domain/charge-outcomes.ts';
import { begin, type Command, decide } from '../domain/commands.ts';
import { nextDue, workAt, workThrough } from '../domain/due.ts';
import { GIVEN_UP, invalid, type ProblemCode, Refusal, type RefusalRecord } from '../domain/errors.ts';
import { isNewer, type Withdrawal } from '../domain/refunds.ts';
import type { Decision, Outcome, State } from '../domain/state.ts';
import { topUpAt, withTopUpRefunds } from '../domain/top-up.ts';
import {
  ABANDONED,
  ADVANCE_CLOCK,
  type AdvanceAnswer,
  type AdvanceRequest,
  type AskedBefore,
  type BalanceAnswer,
  type Cancelled,
  HANDING_OVER,
  type LedgerAdvanced,
  type PaymentSettled,
  type PlanChanged,
  QUERY,
  type Request,
  type ScheduleAnswer,
  SIGNAL,
  STARTED,
  type SubscriptionAnswer,
  type SubscriptionInput,
  UPDATE_OF,
} from './messages.ts';
import { isNews, makesSense, requireAdvance, requireCommand } from './signals.ts';
import {
  afterOf,
  balanceOf,
  describe,
  scheduleOf,
  searchAttributesOf,
  subscriptionOf,
  summaryOf,
} from './views.ts';

// One subscription, from its first payment to its end: it sleeps until something is due or somebody asks, decides
// with the pure core, has the decision booked, and sleeps again. Everything it may forget is in the ledger.

/** A run hands over after a year of boundaries or a few thousand events, so that replay stays short. */
const BOUNDARIES_A_RUN = 12;
const EVENTS_A_RUN = 3_000;

const retry = { initialInterval: '200ms', maximumInterval: '10s' } as const;
const activities = proxyActivities<Activities>({ startToCloseTimeout: '5s', retry });
/**
 * What asks billing takes as long as its calls: a first charge makes up to six, and gives each of them 20 s. One attempt at a time,
 * so it ends before the next begins; a worker that is gone is missed by its heartbeats.
 */
const billing = proxyActivities<Activities>({ startToCloseTimeout: '150s', heartbeatTimeout: '10s', retry });

/** What is due and could not be booked is tried again after a minute, and twice as long each time, up to an hour. */
const HELD_UP_MS = 60_000;
const LONGEST_HELD_UP_MS = 60 * 60_000;

/** A command that waits for the loop. `failure` tells its caller why nothing was done. */
interface Queued {
  command: Command;
  ref: CommandRef | null;
  done: boolean;
  failure: ApplicationFailure | null;
}

interface Step {
  ref?: CommandRef;
  /** The command ends with this step. */
  finish?: boolean;
  begin?: NonNullable<SubscriptionInput['begin']>;
  /** What a declined charge tells the caller; null where a decline is no refusal. */
  declined?: RefusalRecord | null;
}

/** `reached`: a command of several steps ends with this one. */
type Decided = Decision & { reached?: boolean };
type Carried =
  | { kind: 'booked'; outcome: Outcome | null; finished: boolean }
  | { kind: 'abandoned' }
  | { kind: 'refused' }
  | { kind: 'given_up' };

const failureOf = (refusal: RefusalRecord): ApplicationFailure =>
  ApplicationFailure.create({
    type: refusal.code,
    message: refusal.detail,
    details: [refusal.data],
    nonRetryable: true,
  });
const abandoned = (): ApplicationFailure =>
  ApplicationFailure.create({ type: ABANDONED, message: 'The command row decides.', nonRetryable: true });
const earlier = (now: Instant): Refusal =>
  invalid({ pointer: '/to', detail: `must not lie before the clock's now, ${iso(now)}` });
const handingOver = (): ApplicationFailure =>
  ApplicationFailure.create({ type: HANDING_OVER, message: 'The next run takes it.', nonRetryable: true });
const unasked = (command: Command): Queued => ({ command, ref: null, done: false, failure: null });
const recalled = (settlement: Settlement): Command => ({ ...settlement, type: 'payment_settled' });
/** Only a run that kept a settlement knows that it came ahead. */
const settling = ({ isAhead: _, ...settlement }: Settlement): Command => recalled(settlement);
const recordOf = ({ code, message, data }: Refusal): RefusalRecord => ({ code, detail: message, data });
const DECLINED: RefusalRecord = { code: 'payment_declined', detail: 'The payment was declined.', data: {} };
/** Refusals that no other catalogue would lift: the one in force is known only to the ledger. */
const PLAIN: readonly ProblemCode[] = [
  'subscription_not_active',
  'payment_past_due',
  'cancellation_scheduled',
  'contact_account_manager',
];
/** A check whose refusal is the failure of an update. */
const refusing =
  <Asked>(check: (asked: Asked) => void) =>
  (asked: Asked): void => {
    try {
      check(asked);
    } catch (error) {
      throw error instanceof Refusal ? failureOf(recordOf(error)) : error;
    }
  };
const sameCommand = (a: CommandRef, b: CommandRef): boolean =>
  a.operation === b.operation && a.key === b.key && a.attempt === b.attempt;

export async function subscription(input: SubscriptionInput): Promise<void> {
  let catalog: Catalog = input.catalog;
  let state: State | null = input.carried?.state ?? null;
  let step = input.carried?.step ?? 0;
  let known: Pick<Snapshot, 'version' | 'grants'> = {
    version: input.carried?.version ?? 0,
    grants: state?.grants ?? [],
  };
  let advance: AdvanceRequest | null = input.carried?.advance ?? null;
  let advanced: { ref: CommandRef; failure: ApplicationFailure | null } | null = null;
  let started = input.carried !== null;
  let startFailure: ApplicationFailure | null = null;
  let boundaries = 0;
  /** Since what is due can't be booked: when it is tried again, and how often it was. */
  let heldUp: { until: Instant; tries: number } | null = null;
  /** A step is being booked: what is known here may be older than what the ledger says already. */
  let isBooking = false;
  /** settlements of what is still to be asked for. */
  let early: Settlement[] = [];
  const queue: Queued[] = (input.carried?.signals ?? []).map(unasked);

  // --- messages: every handler is one line; the loop does the work ---

  setHandler(defineUpdate<void>(STARTED), awaitStart);
  for (const name of Object.values(UPDATE_OF))
    setHandler(defineUpdate<void, [Request]>(name), request, { validator: refuse });
  setHandler(defineUpdate<AdvanceAnswer, [AdvanceRequest]>(ADVANCE_CLOCK), advanceClock, {
    validator: refusing(requireAdvance),
  });
  setHandler(defineSignal<[PaymentSettled]>(SIGNAL.paymentSettled), (settlement) =>
    heard(settling(settlement)),
  );
  setHandler(defineSignal<[Cancelled]>(SIGNAL.cancelled), (cancel) => heard({ ...cancel, type: 'cancel' }));
  setHandler(defineSignal<[PlanChanged]>(SIGNAL.planChanged), (change) =>
    heard({ type: 'change_plan', ...change }),
  );
  setHandler(defineSignal<[Withdrawal]>(SIGNAL.packsWithdrawn), (withdrawal) =>
    heard({ type: 'withdraw_packs', ...withdrawal }),
  );
  setHandler(defineSignal<[LedgerAdvanced]>(SIGNAL.ledgerAdvanced), learn);
  setHandler(
    defineQuery<BalanceAnswer | null>(QUERY.balance),
    () => state && balanceOf(state, known.version),
  );
  setHandler(
    defineQuery<SubscriptionAnswer | null>(QUERY.subscription),
    () => state && subscriptionOf(state),
  );
  setHandler(defineQuery<ScheduleAnswer, [number?]>(QUERY.schedule), (limit) =>
    state ? scheduleOf(state, catalog, limit) : [],
  );

  if (input.begin) await start(input.begin);
  if (input.carried?.asked) await askAgain(input.carried.asked);
  if (startFailure === null) await live();
  else await condition(allHandlersFinished);

  // --- the story ---

  async function start(wanted: NonNullable<SubscriptionInput['begin']>): Promise<void> {
    const at = wanted.at ?? Date.now();
    const options: Step = { ref: wanted.ref, finish: true, begin: wanted, declined: DECLINED };
    try {
      const result = await carryOut((inForce) => begin(wanted.start, at, inForce), at, options);
      if (result.kind === 'refused') startFailure = failureOf(wanted.conflict);
      else if (result.kind === 'abandoned') startFailure = abandoned();
      else if (result.kind === 'given_up') startFailure = failureOf(GIVEN_UP);
      else if (result.outcome === 'declined') startFailure = failureOf(DECLINED);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      startFailure = failureOf(recordOf(error));
    }
    started = true;
  }

  /** What was at billing when another Temporal was lost, as of then: before all that has come due since. */
  async function askAgain({ command, ref, at }: AskedBefore): Promise<void> {
    const queued = { ...unasked(command), ref };
    queue.unshift(queued);
    await runQueued(queued, at);
  }

  async function live(): Promise<void> {
    while (!isOver()) {
      const due = nextDue(current());
      if (mustContinue() && !isAsked()) await handOver();
      else if (settledBefore(due)) await runQueued(settledBefore(due)!);
      else if (advance && !mustContinue()) await advanceTo(advance);
      else if (due && due.at <= present() && !isHeldUp()) await work(due.at);
      else if (queue[0] && isHeldUp()) refuseQueued(queue[0]);
      else if (queue[0]) await runQueued(queue[0]);
      else await rest(due);
    }
  }

  /** a settlement counts from the provider's instant, so it comes before what was due later. */
  function settledBefore(due: { at: Instant } | null): Queued | undefined {
    return queue.find(
      ({ command }) => command.type === 'payment_settled' && due !== null && command.at < due.at,
    );
  }

  /** Somebody waits for the answer to a queued command. */
  function isAsked(): boolean {
    return queue.some(({ ref }) => ref !== null);
  }

  /** Nothing is due any more, nothing is held, and nobody waits for an answer. */
  function isOver(): boolean {
    const { status, waiting, grants } = current();
    const idle = queue.length === 0 && advance === null && allHandlersFinished();
    return status === 'ended' && waiting.length === 0 && grants.every(({ held }) => held === 0) && idle;
  }

  /** Sleeps until the next due instant or a message. A test clock moves only when it is advanced. */
  async function rest(due: { at: Instant; kind: string } | null): Promise<void> {
    setCurrentDetails(describe(current(), known.version));
    const woken = () => queue.length > 0 || advance !== null || mustContinue() || isOver() || isToppedUp();
    if (due === null || current().testClock) await condition(woken);
    else
      await condition(woken, heldUp ? heldUp.until - Date.now() : due.at - present(), {
        summary: `${due.kind} ${new Date(due.at).toISOString()}`,
      });
  }

  /** what the ledger told us brings a top-up. */
  function isToppedUp(): boolean {
    const at = topUpAt(current());
    return at !== null && at <= present() && !isHeldUp();
  }

  async function work(at: Instant): Promise<void> {
    const { kind } = await carryOut((inForce) => workAt(current(), at, present(), inForce), at, {});
    const tries = kind === 'given_up' ? (heldUp?.tries ?? 0) + 1 : 0;
    const pause = Math.min(HELD_UP_MS * 2 ** (tries - 1), LONGEST_HELD_UP_MS);
    heldUp = tries > 0 ? { until: Date.now() + pause, tries } : null;
  }

  /** What is due could not be booked, and nothing that is asked may come before it: it is refused, not kept waiting. */
  function isHeldUp(): boolean {
    return heldUp !== null && Date.now() < heldUp.until;
  }

  function refuseQueued(queued: Queued): void {
    queue.splice(queue.indexOf(queued), 1);
    queued.failure = failureOf(GIVEN_UP);
    queued.done = true;
    if (!queued.ref)
      log.error('a signal was lost: what is due can not be booked', { of: queued.command.type });
  }

  async function runQueued(queued: Queued, at = present()): Promise<void> {
    queue.splice(queue.indexOf(queued), 1);
    const { command, ref } = queued;
    const declined = command.type === 'buy_packs' || command.type === 'change_plan' ? DECLINED : null;
    // a settlement of what is settled changes nothing, and costs no step.
    if (command.type === 'payment_settled' && !isAwaited(current(), command)) {
      const kept = isEarly(current(), command) ? withEarly(early, command) : early;
      // One that can't wait for its charge is refused, which is put on record.
      early = kept ?? early;
      if (kept) return;
    }
    if (command.type === 'withdraw_packs' && !isNewer(current(), command)) return;
    try {
      const options: Step = ref ? { ref, finish: true, declined } : {};
      const result = await carryOut((inForce) => decide(current(), command, at, inForce), at, options);
      if (result.kind === 'given_up') queued.failure = failureOf(GIVEN_UP);
      else if (result.kind !== 'booked') queued.failure = abandoned();
      else if (declined && result.outcome === 'declined') queued.failure = failureOf(declined);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      queued.failure = failureOf(recordOf(error));
      if (!ref) log.warn('a signal was refused', { command: command.type, code: error.code });
    }
    queued.done = true;
  }

  /** everything due up to the target, in order, in as few statements as billing's answers allow. */
  async function advanceTo(target: AdvanceRequest): Promise<void> {
    const result = await carryOut((inForce) => workThrough(current(), target.to, inForce), current().now, {
      ref: target.ref,
    });
    if (result.kind === 'booked' && !result.finished) return;
    advanced = { ref: target.ref, failure: result.kind === 'given_up' ? failureOf(GIVEN_UP) : null };
    advance = null;
  }

  /** Hands over to the next run once nobody waits for an answer from this one; what billing said goes along. */
  async function handOver(): Promise<void> {
    await condition(allHandlersFinished);
    const signals = [...early.map(recalled), ...queue.map(({ command }) => command)];
    const carried = { state: current(), step, version: known.version, advance, signals };
    await continueAsNew<typeof subscription>({ catalog, begin: null, carried });
  }

  // --- handlers ---

  function enqueue(command: Command, ref: CommandRef | null = null): Queued {
    const queued: Queued = { ...unasked(command), ref };
    queue.push(queued);
    return queued;
  }

  /** A signal from outside: nobody can be told that it makes no sense, so it is put aside and the log says so. */
  function heard(command: Command): void {
    if (makesSense(command)) enqueue(command);
    else log.warn('a signal was put aside: its members are wrong', { command: command.type });
  }

  /** Refuses what is plainly not possible now, before it leaves a trace in the history. The loop decides again. */
  function refuse(asked: Request): void {
    refusing(requireCommand)(asked);
    const { command } = asked;
    if (state === null || advance !== null || queue.length > 0 || isBooking) return;
    const due = nextDue(state);
    if (due !== null && due.at <= present()) return;
    try {
      decide(state, command, present(), catalog);
    } catch (error) {
      if (error instanceof Refusal && PLAIN.includes(error.code)) throw failureOf(recordOf(error));
    }
  }

  /** Refused while a hand-over is due, or callers in turn could put it off until the history is full: ask again. */
  async function request({ command, ref }: Request): Promise<void> {
    if (mustContinue()) throw handingOver();
    const queued = enqueue(command, ref);
    await condition(() => queued.done || startFailure !== null);
    if (startFailure) throw abandoned();
    if (queued.failure) throw queued.failure;
  }

  async function awaitStart(): Promise<void> {
    await condition(() => started);
    if (startFailure) throw startFailure;
  }

  /** Never waits for what comes after a continue-as-new: it answers `done: false`, and is asked again. */
  async function advanceClock(target: AdvanceRequest): Promise<AdvanceAnswer> {
    const mine = () => advance !== null && sameCommand(advance.ref, target.ref);
    await condition(() => (started && advance === null) || mine() || mustContinue());
    if (startFailure) throw abandoned();
    if (advance === null && !mustContinue()) {
      // a clock never goes back; another advance may have moved it while this one waited.
      if (target.to < current().now) throw failureOf(recordOf(earlier(current().now)));
      advance = target;
    }
    await condition(() => !mine() || mustContinue());
    const mineIsDone = advanced !== null && sameCommand(advanced.ref, target.ref);
    if (mineIsDone && advanced?.failure) throw advanced.failure;
    return { now: current().now, done: mineIsDone };
  }

  /** The ledger moved on without us. The higher version wins; nothing is woken but a top-up, which is dated now. */
  function learn(news: LedgerAdvanced): void {
    if (state === null || !isNews(news)) return;
    state = withTopUpRefunds(state, news.topUpRefunds);
    if (news.version <= known.version) return;
    known = { version: news.version, grants: news.grants };
    state = { ...state, now: present(), grants: news.grants };
  }

  // --- from a decision to the ledger ---

  function current(): State {
    if (state === null) throw new Error('the subscription has not started');
    return state;
  }

  function present(): Instant {
    return current().testClock ? current().now : Math.max(Date.now(), current().now);
  }

  function mustContinue(): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return continueAsNewSuggested || historyLength > EVENTS_A_RUN || boundaries >= BOUNDARIES_A_RUN;
  }

  /**
   * Has a decision booked, once, and takes over its state. The ledger may answer that another catalogue is in
   * force at the instant: then it is decided again with that one.
   */
  async function carryOut(
    decideWith: (inForce: Catalog) => Decided,
    at: Instant,
    options: Step,
  ): Promise<Carried> {
    for (;;) {
      const decision = decideWith(catalog);
      isBooking = true;
      const answer = await book(decision, at, options);
      isBooking = false;
      if (answer.kind === 'stale') catalog = answer.catalog;
      else if (answer.kind === 'abandoned' || answer.kind === 'refused' || answer.kind === 'given_up')
        return answer;
      else if (answer.kind === 'booked' || answer.kind === 'replayed') {
        adopt(decision, answer);
        return { kind: 'booked', outcome: answer.outcome, finished: decision.reached ?? false };
      }
    }
  }

  function book(decision: Decided, at: Instant, options: Step): Promise<Settled> {
    const head = {
      subscriptionId: decision.state.id,
      step: step + 1,
      catalogVersion: catalog.version,
      catalogAt: decision.state.testClock ? null : at,
      command: options.ref ?? null,
      begin: options.begin ? { state: decision.state, metadata: options.begin.metadata } : null,
      conflict: options.begin?.conflict ?? null,
      effects: decision.effects,
      finish: options.finish ?? decision.reached ?? false,
    };
    const { charge } = decision;
    const summary = summaryOf(decision);
    const after = afterOf(decision.state, catalog);
    if (charge === null) {
      const asksBilling = decision.effects.some(({ type }) => type === 'refund' || type === 'owe_back');
      const { settle } = asksBilling ? billing : activities;
      return settle.executeWithOptions({ summary }, [{ ...head, after }]);
    }
    const branch = (outcome: Outcome): Branch => {
      const { state: next, effects } = afterCharge(decision, outcome);
      const discard = effects.some((effect) => effect.type === 'discard');
      const refusal = outcome === 'declined' ? (options.declined ?? null) : null;
      return { effects, after: afterOf(next, catalog), refusal, discard };
    };
    const branches = { paid: branch('paid'), declined: branch('declined'), pending: branch('pending') };
    const kept = charge.cancels === undefined ? null : after;
    return billing.bill.executeWithOptions({ summary }, [{ ...head, charge, branches, kept }]);
  }

  function afterCharge(decision: Decision, outcome: Outcome): Decision {
    const charge = decision.charge!;
    return answered(decision.state, charge, outcome, charge.attemptAt, catalog);
  }

  /** What came before its charge is heard now that the charge is pending. */
  function recall(now: State): void {
    const due = early.filter((settlement) => isAwaited(now, settlement));
    early = early.filter((settlement) => !due.includes(settlement));
    queue.push(...due.map(recalled).map(unasked));
  }

  function adopt(decision: Decision, answer: { outcome: Outcome | null } & Snapshot): void {
    const before = state;
    const next =
      decision.charge && answer.outcome ? afterCharge(decision, answer.outcome).state : decision.state;
    if (answer.version >= known.version) known = { version: answer.version, grants: answer.grants };
    // an end that nobody scheduled is dated when it is booked.
    const endedAt = answer.endedAt ?? next.endedAt;
    state = withTopUpRefunds({ ...next, endedAt, grants: known.grants }, answer.topUpRefunds);
    recall(state);
    step += 1;
    boundaries += before && before.series === next.series ? next.cycle - before.cycle : 1;
    const attributes = searchAttributesOf(state, before);
    if (attributes.length > 0) upsertSearchAttributes(attributes);
  }
}
