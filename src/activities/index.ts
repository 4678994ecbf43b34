import type { Debtor, Gateway } from '../billing/gateway.ts';
import type { Database } from '../db/client.ts';
import {
  type After,
  type Booking,
  prepare,
  type RefusalRecord,
  type Settled,
  type StepHead,
  settle,
} from '../db/ledger.ts';
import { type Reconciliation, reconcile } from '../db/reconcile.ts';
import type { Charge, Effect, Outcome } from '../domain/state.ts';
import { quietly } from './quietly.ts';

export interface SettleRequest extends StepHead {
  subscriptionId: string;
  effects: Effect[];
  after: After;
  finish: boolean;
}

/** What is booked for each answer billing may give. */
export interface Branch {
  effects: Effect[];
  after: After;
  refusal: RefusalRecord | null;
  discard: boolean;
}

export interface BillRequest extends StepHead {
  subscriptionId: string;
  /** What was due before the charge: booked with it. */
  effects: Effect[];
  charge: Charge;
  branches: Record<Outcome, Branch>;
  finish: boolean;
}

export type Reconciled = Omit<Reconciliation, 'not_here'>;

export interface Activities {
  settle(request: SettleRequest): Promise<Settled>;
  bill(request: BillRequest): Promise<Settled>;
  /** Numbers, and the first rows that have no reason. */
  reconcile(): Promise<Reconciled>;
}

export interface ActivityDeps {
  db: Database;
  /** The same database over a pool on which a statement may read all of it. */
  books: Database;
  gateway: Gateway;
}

/** What a Temporal history should hold of many. */
const UNEXPLAINED_TOLD = 20;

/** The activities of a worker. Each may run any number of times for one step: the step is booked once. */
export function createActivities({ db, books, gateway }: ActivityDeps): Activities {
  async function refund(effects: Effect[], debtor: Debtor): Promise<void> {
    for (const effect of effects) if (effect.type === 'refund') await gateway.refund(effect.chargeId, debtor);
  }

  async function settleStep(request: SettleRequest): Promise<Settled> {
    const { subscriptionId, ...rest } = request;
    await refund(request.effects, debtorOf(request.after));
    const booking: Booking = { ...rest, charge: null, outcome: null, refusal: null, discard: false };
    return settle(db, subscriptionId, booking);
  }

  /** On record, then money, then booked: a crash in between repeats with the same charge and attempt. */
  async function bill(request: BillRequest): Promise<Settled> {
    const { subscriptionId, branches, effects, finish, ...head } = request;
    const prepared = await prepare(db, subscriptionId, head);
    if (prepared.kind !== 'prepared') return prepared;
    const outcome = await gateway.charge(request.charge, debtorOf(branches.paid.after));
    const branch = branches[outcome];
    return settle(db, subscriptionId, {
      ...head,
      ...branch,
      effects: [...effects, ...branch.effects],
      outcome,
      finish,
      begin: null,
    });
  }

  async function reconcileBooks(): Promise<Reconciled> {
    const { not_here, ...found } = await reconcile(books, { limit: UNEXPLAINED_TOLD });
    return found;
  }

  return {
    settle: quietly('The step could not be booked', settleStep),
    bill: quietly('The step could not be booked', bill),
    reconcile: quietly('The books could not be read', reconcileBooks),
  };
}

const debtorOf = ({ state }: After): Debtor => ({ subscriptionId: state.id, customerId: state.customerId });
