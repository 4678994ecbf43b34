import type { Debtor, Gateway } from '../billing/gateway.ts';
import { type Reconciliation, reconcile } from '../db/audit/reconcile.ts';
import type { Database } from '../db/client.ts';
import {
  type After,
  type Booking,
  bookStep,
  prepare,
  type StepHead,
  type StepOutcome,
} from '../db/ledger.ts';
import { GIVEN_UP, type RefusalRecord } from '../domain/errors.ts';
import type { Charge, Effect, Outcome } from '../domain/state.ts';
import { hopeless, orGivenUp } from './incidents.ts';
import { quietly } from './quietly.ts';

/** A step without a charge. */
export interface BookStepRequest extends StepHead {
  subscriptionId: string;
  effects: Effect[];
  after: After;
  finish: boolean;
}

/** The effects and the row for one answer of billing. */
export interface Branch {
  effects: Effect[];
  after: After;
  refusal: RefusalRecord | null;
  discard: boolean;
}

/** A step with a charge. */
export interface BillRequest extends StepHead {
  subscriptionId: string;
  /** The effects due before the charge: they are booked with it. */
  effects: Effect[];
  charge: Charge;
  branches: Record<Outcome, Branch>;
  /** the state without a new attempt, for when the pending attempt can't be cancelled. */
  kept: After | null;
  finish: boolean;
}

/** The counts of a reconciliation, and its first unexplained rows. */
export type Reconciled = Omit<Reconciliation, 'not_here'>;

/** The activities of a subscription's workflow and of the reconciliation, by name. */
export interface Activities {
  /** Books a step, once. */
  bookStep(request: BookStepRequest): Promise<StepOutcome>;
  /** Asks billing for a step's charge, and books the step with the answer's branch, once. */
  bill(request: BillRequest): Promise<StepOutcome>;
  /** Counts the rows and names the first ones without a reason. */
  reconcile(): Promise<Reconciled>;
}

/** The dependencies of the activities. */
interface ActivityDeps {
  db: Database;
  /** The same database over a pool whose statements may take long. */
  books: Database;
  gateway: Gateway;
  /** Reports to Temporal that the running activity is alive. */
  heartbeat: () => void;
  /** The trace of the running activity, which its events carry on; null where nothing is traced. */
  trace?: (() => string | null) | undefined;
}

/** The most unexplained rows that go into a Temporal history. */
const UNEXPLAINED_NAMED = 20;

/** Several times within the heartbeat timeout of the workflow. */
const HEARTBEAT_MS = 2_000;

/** The activities of a worker. Each may run any number of times for one step: the step is booked once. */
export function createActivities({
  db,
  books,
  gateway,
  heartbeat,
  trace = () => null,
}: ActivityDeps): Activities {
  /** refunds unusable money before the refund is booked. Billing carries each refund out once, at any number of calls. */
  async function refundMoney(effects: Effect[], debtor: Debtor): Promise<void> {
    for (const effect of effects)
      if (effect.type === 'refund') await gateway.refund(effect.chargeId, debtor);
      else if (effect.type === 'owe_back') {
        const { chargeId, owedMinor: amountMinor } = effect;
        await gateway.refundPart({ id: `${chargeId}/owed`, chargeId, amountMinor }, debtor);
      }
  }

  async function bookWithoutCharge(request: BookStepRequest): Promise<StepOutcome> {
    const { subscriptionId, ...rest } = request;
    await refundMoney(request.effects, debtorOf(request.after));
    const booking: Booking = { ...rest, charge: null, outcome: null, refusal: null, discard: false };
    return orGivenUp(db, subscriptionId, incidentOf(request, null), () =>
      bookStep(db, subscriptionId, booking, trace()),
    );
  }

  /** Records the attempt, asks billing, then books the step. A crash in between repeats with the same charge and attempt. */
  async function bill(request: BillRequest): Promise<StepOutcome> {
    const { subscriptionId, branches, effects, kept, finish, ...head } = request;
    const debtor = debtorOf(branches.paid.after);
    const prepared = await orGivenUp(db, subscriptionId, incidentOf(request, null), () =>
      prepare(db, subscriptionId, head),
    );
    if (prepared.kind !== 'prepared') return prepared;
    const answer = await ask(request.charge, debtor);
    const branch =
      answer.isKept && kept ? { ...branches.pending, effects: [], after: kept } : branches[answer.outcome];
    const booked = [...effects, ...branch.effects];
    await refundMoney(booked, debtor);
    const booking: Booking = {
      ...head,
      ...branch,
      effects: booked,
      charge: answer.charge,
      outcome: answer.outcome,
      finish,
      begin: null,
    };
    const outcome = await orGivenUp(db, subscriptionId, incidentOf(request, answer.outcome), async () =>
      bookStep(db, subscriptionId, booking, trace()).catch((error: unknown) =>
        unbooked(error, answer, debtor),
      ),
    );
    return answer.isKept && outcome.kind === 'booked' ? { ...outcome, outcome: null } : outcome;
  }

  /**
   * cancels the pending attempt first. If it was paid meanwhile, that payment counts. If it can't be cancelled, it stays,
   * and no other attempt is made.
   */
  async function ask(
    charge: Charge,
    debtor: Debtor,
  ): Promise<{ charge: Charge; outcome: Outcome; isKept: boolean }> {
    const { cancels, ...plain } = charge;
    if (cancels !== undefined) {
      const cancelled = await gateway.cancel(plain, cancels, debtor);
      const before = { ...plain, attempt: cancels };
      if (cancelled === 'paid') return { charge: before, outcome: 'paid', isKept: false };
      if (cancelled === 'kept') return { charge: before, outcome: 'pending', isKept: true };
    }
    return { charge, outcome: await gateway.charge(plain, debtor), isKept: false };
  }

  /** Refunds a payment that can't be booked, except a renewal's: its boundary is due again and finds it paid. */
  async function unbooked(
    error: unknown,
    { charge, outcome }: { charge: Charge; outcome: Outcome },
    debtor: Debtor,
  ): Promise<never> {
    if (hopeless(error) !== null && outcome === 'paid' && charge.kind !== 'renewal')
      await gateway.refund(charge.id, debtor);
    throw error;
  }

  async function reconcileBooks(): Promise<Reconciled> {
    const { not_here, ...found } = await reconcile(books, { limit: UNEXPLAINED_NAMED });
    return found;
  }

  /** Sends heartbeats while billing answers, so that Temporal notices a lost worker. */
  function beating<Request, Answer>(work: (request: Request) => Promise<Answer>) {
    return async (request: Request): Promise<Answer> => {
      const timer = setInterval(heartbeat, HEARTBEAT_MS);
      return work(request).finally(() => clearInterval(timer));
    };
  }

  return {
    bookStep: quietly('The step could not be booked', beating(bookWithoutCharge)),
    bill: quietly('The step could not be booked', beating(bill)),
    reconcile: quietly('The books could not be read', reconcileBooks),
  };
}

const debtorOf = ({ state }: After): Debtor => ({ subscriptionId: state.id, customerId: state.customerId });

function incidentOf(
  { step, command, begin, ...rest }: BookStepRequest | BillRequest,
  outcome: Outcome | null,
) {
  const charge = 'charge' in rest ? { id: rest.charge.id, attempt: rest.charge.attempt, outcome } : null;
  return { step, command, refusal: GIVEN_UP, charge, isStart: begin !== null };
}
