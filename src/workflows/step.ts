import { proxyActivities, upsertSearchAttributes } from '@temporalio/workflow';
import type { Activities, Branch } from '../activities/index.ts';
import type { CommandRef, Snapshot, StepOutcome } from '../db/ledger.ts';
import type { Grant } from '../domain/burndown.ts';
import type { Instant } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import { answered } from '../domain/charge-outcomes.ts';
import type { RefusalRecord } from '../domain/errors.ts';
import type { Decision, Outcome, State } from '../domain/state.ts';
import { withTopUpRefunds } from '../domain/top-up.ts';
import { isNews } from './message-checks.ts';
import type { LedgerAdvanced, SubscriptionInput } from './messages.ts';
import { catalogNow, stateNow } from './older.ts';
import { afterOf, searchAttributesOf, summaryOf } from './views.ts';

// From a decision to the ledger: one numbered step a decision. One activity books it once; its state is then the
// workflow's.

const retry = { initialInterval: '200ms', maximumInterval: '10s' } as const;
const activities = proxyActivities<Activities>({ startToCloseTimeout: '5s', retry });
/**
 * A step that asks billing takes as long as billing's calls: a first charge makes up to six, of 20 s each. One attempt runs
 * at a time and ends before the next begins. Missing heartbeats show that a worker is gone.
 */
const billing = proxyActivities<Activities>({ startToCloseTimeout: '150s', heartbeatTimeout: '10s', retry });

/** How one step is booked. */
export interface StepOptions {
  ref?: CommandRef;
  /** The command's row ends with this step. */
  finish?: boolean;
  begin?: NonNullable<SubscriptionInput['begin']>;
  /** The refusal that the caller of a declined charge gets; null where a decline is no refusal. */
  declined?: RefusalRecord | null;
}

/** A decision, and whether a command of several steps ends with it (`reached`). */
export type Decided = Decision & { reached?: boolean };
/** The outcome of a step: booked, or its row taken by another step, refused by the ledger, given up with an incident. */
export type CarryOutcome =
  | { kind: 'booked'; outcome: Outcome | null; finished: boolean }
  | { kind: 'abandoned' }
  | { kind: 'refused' }
  | { kind: 'given_up' };

/** The content of the ledger at a version, learnt of now. */
const knownNow = (version: number, grants: Grant[]) => ({ version, grants, since: Date.now() });

/** Holds the state of a subscription as its workflow knows it. Only booked steps and news of the ledger change it. */
export function createSteps({ catalog: first, carried }: Pick<SubscriptionInput, 'catalog' | 'carried'>) {
  let catalog: Catalog = catalogNow(first);
  let state: State | null = carried ? stateNow(carried.state, catalog) : null;
  let step = carried?.step ?? 0;
  let known = knownNow(carried?.version ?? 0, state?.grants ?? []);
  let boundaries = 0;
  let isBooking = false;

  function current(): State {
    if (state === null) throw new Error('the subscription has not started');
    return state;
  }

  /** The subscription's now: its test clock, else Temporal's clock, which never goes back here. */
  function present(): Instant {
    return current().testClock ? current().now : Math.max(Date.now(), current().now);
  }

  /**
   * Books a decision once, and takes over its state. R-08: the ledger may answer that another catalogue is in force at the
   * instant; the decision is then made again with that one.
   */
  async function carryOut(
    decideWith: (inForce: Catalog) => Decided,
    at: Instant,
    options: StepOptions,
  ): Promise<CarryOutcome> {
    for (;;) {
      const decision = decideWith(catalog);
      isBooking = true;
      const answer = await book(decision, at, options);
      isBooking = false;
      if (answer.kind === 'stale') catalog = catalogNow(answer.catalog);
      else if (answer.kind === 'abandoned' || answer.kind === 'refused' || answer.kind === 'given_up')
        return answer;
      else if (answer.kind === 'booked' || answer.kind === 'replayed') {
        adopt(decision, answer);
        return { kind: 'booked', outcome: answer.outcome, finished: decision.reached ?? false };
      }
    }
  }

  /**
   * Books a decision without a charge: its effects and the row after them. With a charge: billing's answer picks one of three
   * branches, each with its own effects and row.
   */
  function book(decision: Decided, at: Instant, options: StepOptions): Promise<StepOutcome> {
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
      const { bookStep } = asksBilling ? billing : activities;
      return bookStep.executeWithOptions({ summary }, [{ ...head, after }]);
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

  function adopt(decision: Decision, answer: { outcome: Outcome | null } & Snapshot): void {
    const before = state;
    const next =
      decision.charge && answer.outcome ? afterCharge(decision, answer.outcome).state : decision.state;
    if (answer.version >= known.version) known = knownNow(answer.version, answer.grants);
    // an end that nobody scheduled is dated at its booking, by the ledger.
    const endedAt = answer.endedAt ?? next.endedAt;
    state = withTopUpRefunds({ ...next, endedAt, grants: known.grants }, answer.topUpRefunds);
    step += 1;
    boundaries += before && before.series === next.series ? next.cycle - before.cycle : 1;
    const attributes = searchAttributesOf(state, before);
    if (attributes.length > 0) upsertSearchAttributes(attributes);
  }

  /** Takes over news of the ledger, which moves on without the workflow. The higher version wins. */
  function learn(news: LedgerAdvanced): void {
    if (state === null || !isNews(news)) return;
    state = withTopUpRefunds(state, news.topUpRefunds);
    if (news.version <= known.version) return;
    known = knownNow(news.version, news.grants);
    state = { ...state, now: present(), grants: news.grants };
  }

  return {
    carryOut,
    learn,
    current,
    present,
    /** null before the first step. */
    state: (): State | null => state,
    catalog: (): Catalog => catalog,
    /** The newest entry of the ledger that the workflow knows. */
    version: (): number => known.version,
    /** That entry, and the instant at which the workflow learnt of it. */
    known: () => known,
    /** A step is under way: the ledger may be newer than the state here. */
    isBooking: (): boolean => isBooking,
    /** Cycles that began in this run. */
    boundaries: (): number => boundaries,
    /** The part of the next run's input that comes from here. */
    carried: () => ({ state: current(), step, version: known.version }),
  };
}
