import {
  type ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  log,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { CommandRef } from '../db/ledger.ts';
import { type Instant, iso } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import { isAwaited } from '../domain/charge-outcomes.ts';
import { begin, type Command, decide } from '../domain/commands.ts';
import { nextDue, nextWake, workAt, workThrough } from '../domain/due.ts';
import { type ProblemCode, Refusal } from '../domain/errors.ts';
import { isNewer, type Withdrawal } from '../domain/refunds.ts';
import { topUpAt } from '../domain/top-up.ts';
import { createAlarm } from './alarm.ts';
import {
  abandoned,
  beforeNow,
  DECLINED,
  failureOf,
  givenUp,
  handingOver,
  recordOf,
  refusing,
} from './failures.ts';
import { makesSense, requireAdvance, requireCommand } from './message-checks.ts';
import {
  ADVANCE_CLOCK,
  type AdvanceAnswer,
  type AdvanceRequest,
  type BalanceAnswer,
  type CancelSignal,
  type LedgerAdvanced,
  type PaymentSettled,
  type PlanChanged,
  QUERY,
  type RepeatedCommand,
  type ScheduleAnswer,
  SIGNAL,
  STARTED,
  type SubscriptionAnswer,
  type SubscriptionInput,
  UPDATE_OF,
  type UpdateRequest,
} from './messages.ts';
import { isOlderRun, withdrawnNow } from './older.ts';
import { createQueue, type Queued, settledNow } from './queue.ts';
import { type CarryOutcome, createSteps, type Decided, type StepOptions } from './step.ts';
import { balanceOf, describe, scheduleOf, subscriptionOf } from './views.ts';

// One subscription, from its first payment to its end. It sleeps until work is due or a message comes, decides with the pure
// core, has the decision booked (step.ts), and sleeps again. The ledger holds everything it may forget.

/** A run hands over after a year of boundaries or a few thousand events, so that a replay stays short. */
const BOUNDARIES_A_RUN = 12;
const EVENTS_A_RUN = 3_000;

/** Due work that could not be booked is tried again after a minute, and twice as long each time, up to an hour. */
const HELD_UP_MS = 60_000;
const LONGEST_HELD_UP_MS = 60 * 60_000;

/** Refusals that hold under every catalogue. Only the ledger knows the one in force. */
const PLAIN: readonly ProblemCode[] = [
  'subscription_not_active',
  'payment_past_due',
  'cancellation_scheduled',
  'subscription_trialing',
];

/** Commands whose caller is refused where the payment is declined. */
const isPurchase = ({ type }: Command): boolean =>
  type === 'buy_packs' || type === 'change_plan' || type === 'activate';

const sameCommand = (a: CommandRef, b: CommandRef): boolean =>
  a.operation === b.operation && a.key === b.key && a.attempt === b.attempt;

/** The workflow: handles messages, books due work and commands, and ends when nothing more can come. */
export async function subscription(input: SubscriptionInput): Promise<void> {
  const steps = createSteps(input);
  const { current, present } = steps;
  const queue = createQueue(input.carried?.signals ?? []);
  let advance: AdvanceRequest | null = input.carried?.advance ?? null;
  let advanced: { ref: CommandRef; failure: ApplicationFailure | null } | null = null;
  let started = input.carried !== null;
  let startFailure: ApplicationFailure | null = null;
  /** While due work can't be booked: the instant of the next try, and the number of tries. */
  let heldUp: { until: Instant; tries: number } | null = null;
  /** The ledger's news came while the workflow slept: the next due instant may be another. */
  let hasNews = false;
  const alarm = createAlarm();
  const isOlder = isOlderRun(input);

  // --- messages: every handler is one line; the loop does the work ---

  setHandler(defineUpdate<void>(STARTED), awaitStart);
  for (const name of Object.values(UPDATE_OF))
    setHandler(defineUpdate<void, [UpdateRequest]>(name), request, { validator: refuse });
  setHandler(defineUpdate<AdvanceAnswer, [AdvanceRequest]>(ADVANCE_CLOCK), advanceClock, {
    validator: refusing(requireAdvance),
  });
  setHandler(defineSignal<[PaymentSettled]>(SIGNAL.paymentSettled), (settlement) =>
    signalled(settledNow(settlement)),
  );
  setHandler(defineSignal<[CancelSignal]>(SIGNAL.cancelled), (cancel) =>
    signalled({ ...cancel, type: 'cancel' }),
  );
  setHandler(defineSignal<[PlanChanged]>(SIGNAL.planChanged), (change) =>
    signalled({ type: 'change_plan', ...change }),
  );
  setHandler(defineSignal<[Withdrawal]>(SIGNAL.packsWithdrawn), (withdrawal) =>
    signalled({ type: 'withdraw_packs', ...withdrawal }),
  );
  // A nudge may bring a top-up, which is dated now, or an earlier due instant.
  setHandler(defineSignal<[LedgerAdvanced]>(SIGNAL.ledgerAdvanced), (news) => {
    steps.learn(news);
    hasNews = true;
  });
  setHandler(defineQuery<BalanceAnswer | null>(QUERY.balance), () => {
    const state = steps.state();
    return state && balanceOf(state, steps.known());
  });
  setHandler(defineQuery<SubscriptionAnswer | null>(QUERY.subscription), () => {
    const state = steps.state();
    return state && subscriptionOf(state);
  });
  setHandler(defineQuery<ScheduleAnswer, [number?]>(QUERY.schedule), (limit) => {
    const state = steps.state();
    return state ? scheduleOf(state, steps.catalog(), limit) : [];
  });

  if (input.begin) await start(input.begin);
  if (input.carried?.asked) await askAgain(input.carried.asked);
  if (startFailure === null) await live();
  else await condition(allHandlersFinished);

  // --- the story ---

  /** books the subscription with its first charge. A refused or declined start leaves no rows. */
  async function start(wanted: NonNullable<SubscriptionInput['begin']>): Promise<void> {
    const at = wanted.at ?? Date.now();
    const options: StepOptions = { ref: wanted.ref, finish: true, begin: wanted, declined: DECLINED };
    try {
      const result = await carryOut((inForce) => begin(wanted.start, at, inForce), at, options);
      if (result.kind === 'refused') startFailure = failureOf(wanted.conflict);
      else if (result.kind === 'abandoned') startFailure = abandoned();
      else if (result.kind === 'given_up') startFailure = givenUp();
      else if (result.outcome === 'declined') startFailure = failureOf(DECLINED);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      startFailure = failureOf(recordOf(error));
    }
    started = true;
  }

  /**
   * Repeats a command that was at billing when another Temporal was lost. It counts from its old instant, before all work
   * due since.
   */
  async function askAgain({ command, ref, at }: RepeatedCommand): Promise<void> {
    await runQueued(queue.addFirst(command, ref), at);
  }

  async function live(): Promise<void> {
    while (!isOver()) {
      const due = nextWork();
      if (mustContinue() && !queue.hasCallers()) await handOver();
      else if (queue.paymentBefore(due)) await runQueued(queue.paymentBefore(due)!);
      else if (advance && !mustContinue()) await advanceTo(advance);
      else if (due && due.at <= present() && !isHeldUp()) await work(due.at);
      else if (queue.first() && isHeldUp()) refuseQueued(queue.first()!);
      else if (queue.first()) await runQueued(queue.first()!);
      else await rest(due);
    }
  }

  /** The next work of the workflow. An older run wakes for expiries too, which the relay has booked by then. */
  function nextWork(): ReturnType<typeof nextDue> {
    return isOlder ? nextDue(current()) : nextWake(current());
  }

  /** Nothing is due, no credits are held, and no caller waits for an answer. */
  function isOver(): boolean {
    const { status, waiting, grants } = current();
    const idle = queue.length === 0 && advance === null && allHandlersFinished();
    return status === 'ended' && waiting.length === 0 && grants.every(({ held }) => held === 0) && idle;
  }

  /** Sleeps until the next due instant or a message. A test clock moves only when it is advanced. */
  async function rest(due: { at: Instant; kind: string } | null): Promise<void> {
    setCurrentDetails(describe(current(), steps.known()));
    hasNews = false;
    const isAsked = () => queue.length > 0 || advance !== null || mustContinue() || isOver();
    const woken = () => isAsked() || (isOlder ? isToppedUp() : hasNews);
    if (due === null || current().testClock) return condition(woken);
    const until = heldUp?.until ?? due.at;
    const summary = `${due.kind} ${iso(due.at)}`;
    if (isOlder) return void (await condition(woken, until - (heldUp ? Date.now() : present()), { summary }));
    alarm.setTo(until, summary);
    await condition(() => woken() || alarm.hasRung());
  }

  /** In an older run a nudge wakes nothing but a top-up. */
  function isToppedUp(): boolean {
    const at = topUpAt(current());
    return at !== null && at <= present() && !isHeldUp();
  }

  /** Books the work due at an instant. Work that the ledger refused for good is tried again later. */
  async function work(at: Instant): Promise<void> {
    const { kind } = await carryOut((inForce) => workAt(current(), at, present(), inForce), at, {});
    const tries = kind === 'given_up' ? (heldUp?.tries ?? 0) + 1 : 0;
    const pause = Math.min(HELD_UP_MS * 2 ** (tries - 1), LONGEST_HELD_UP_MS);
    heldUp = tries > 0 ? { until: Date.now() + pause, tries } : null;
  }

  /** due work could not be booked, and no command may come before it: commands are refused, not kept waiting. */
  function isHeldUp(): boolean {
    return heldUp !== null && Date.now() < heldUp.until;
  }

  function refuseQueued(queued: Queued): void {
    queue.remove(queued);
    queued.failure = givenUp();
    queued.done = true;
    if (!queued.ref) log.error('a signal was lost: due work can not be booked', { of: queued.command.type });
  }

  /** Books a command from the queue. R-42: a settlement of a settled charge costs no step. */
  async function runQueued(queued: Queued, at = present()): Promise<void> {
    queue.remove(queued);
    const { command, ref } = queued;
    const declined = isPurchase(command) ? DECLINED : null;
    if (command.type === 'payment_settled' && !isAwaited(current(), command)) {
      // A settlement that can't wait for its charge is refused, and the step below records that.
      if (queue.keepEarly(current(), command)) return;
    }
    if (command.type === 'withdraw_packs') {
      if (!isNewer(current(), command)) return;
      command.packs = withdrawnNow(command.packs, current());
    }
    try {
      const options: StepOptions = ref ? { ref, finish: true, declined } : {};
      const result = await carryOut((inForce) => decide(current(), command, at, inForce), at, options);
      if (result.kind === 'given_up') queued.failure = givenUp();
      else if (result.kind !== 'booked') queued.failure = abandoned();
      else if (declined && result.outcome === 'declined') queued.failure = failureOf(declined);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      queued.failure = failureOf(recordOf(error));
      if (!ref) log.warn('a signal was refused', { command: command.type, code: error.code });
    }
    queued.done = true;
  }

  /** books everything due up to the target, in order, in as few statements as billing's answers allow. */
  async function advanceTo(target: AdvanceRequest): Promise<void> {
    const result = await carryOut((inForce) => workThrough(current(), target.to, inForce), current().now, {
      ref: target.ref,
    });
    if (result.kind === 'booked' && !result.finished) return;
    advanced = { ref: target.ref, failure: result.kind === 'given_up' ? givenUp() : null };
    advance = null;
  }

  /** Hands over to the next run once no caller waits for an answer. Commands of signals and early settlements go along. */
  async function handOver(): Promise<void> {
    await condition(allHandlersFinished);
    const carried = { ...steps.carried(), advance, signals: queue.left() };
    await continueAsNew<typeof subscription>({
      catalog: steps.catalog(),
      begin: null,
      carried,
      keepsTimer: true,
    });
  }

  // --- handlers ---

  /** Queues the command of a signal. A malformed one has no caller to answer, so only the log names it. */
  function signalled(command: Command): void {
    if (makesSense(command)) queue.add(command);
    else log.warn('a signal was put aside: its members are wrong', { command: command.type });
  }

  /** Refuses a command that is plainly impossible now, before it leaves a trace in the history. The loop decides again. */
  function refuse(asked: UpdateRequest): void {
    refusing(requireCommand)(asked);
    const { command } = asked;
    const state = steps.state();
    if (state === null || advance !== null || queue.length > 0 || steps.isBooking()) return;
    const due = nextWake(state);
    if (due !== null && due.at <= present()) return;
    try {
      decide(state, command, present(), steps.catalog());
    } catch (error) {
      if (error instanceof Refusal && PLAIN.includes(error.code)) throw failureOf(recordOf(error));
    }
  }

  /**
   * Queues a command and waits for its outcome. While a hand-over is due it is refused: callers in turn could otherwise delay
   * the hand-over until the history is full.
   */
  async function request({ command, ref }: UpdateRequest): Promise<void> {
    if (mustContinue()) throw handingOver();
    const queued = queue.add(command, ref);
    await condition(() => queued.done || startFailure !== null);
    if (startFailure) throw abandoned();
    if (queued.failure) throw queued.failure;
  }

  async function awaitStart(): Promise<void> {
    await condition(() => started);
    if (startFailure) throw startFailure;
  }

  /** Moves a test clock. It never waits beyond a continue-as-new: it answers `done: false`, and the caller sends it again. */
  async function advanceClock(target: AdvanceRequest): Promise<AdvanceAnswer> {
    const mine = () => advance !== null && sameCommand(advance.ref, target.ref);
    await condition(() => (started && advance === null) || mine() || mustContinue());
    if (startFailure) throw abandoned();
    if (advance === null && !mustContinue()) {
      // another advance may have moved the clock while this one waited.
      if (target.to < current().now) throw beforeNow(current().now);
      advance = target;
    }
    await condition(() => !mine() || mustContinue());
    const mineIsDone = advanced !== null && sameCommand(advanced.ref, target.ref);
    if (mineIsDone && advanced?.failure) throw advanced.failure;
    return { now: current().now, done: mineIsDone };
  }

  // --- steps ---

  /** Books a decision (step.ts), then queues the early settlements whose charge is pending now. */
  async function carryOut(
    decideWith: (inForce: Catalog) => Decided,
    at: Instant,
    options: StepOptions,
  ): Promise<CarryOutcome> {
    const outcome = await steps.carryOut(decideWith, at, options);
    if (outcome.kind === 'booked') queue.recall(current());
    return outcome;
  }

  function mustContinue(): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return continueAsNewSuggested || historyLength > EVENTS_A_RUN || steps.boundaries() >= BOUNDARIES_A_RUN;
  }
}
