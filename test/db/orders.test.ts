import { randomUUID } from 'node:crypto';
import { and, asc, eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { type Booking, bookStep, prepare } from '../../src/db/ledger.ts';
import { refundCharge } from '../../src/db/refunds.ts';
import { inbox } from '../../src/db/schema.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { answered } from '../../src/domain/charge-outcomes.ts';
import { begin, decide } from '../../src/domain/commands.ts';
import { workThrough } from '../../src/domain/due.ts';
import type { Withdrawal } from '../../src/domain/refunds.ts';
import type { Decision, State } from '../../src/domain/state.ts';
import { newId } from '../../src/ids.ts';
import { afterOf } from '../../src/workflows/views.ts';
import { sized } from '../support/campaign.ts';
import { expectInvariants } from '../support/invariants.ts';
import { CASES, LIFE, ORDERS } from '../support/orders.ts';
import { expected } from '../support/orders-groups.ts';
import { standOf } from '../support/orders-ledger.ts';
import { type Books, live, START } from '../support/orders-sender.ts';
import { openDatabase } from './raw-ledger.ts';

// All 720 orders of six events against the ledger's functions: the core decides, PostgreSQL books.
// test/support/orders-groups.ts describes the events, and the orders that may differ.

const AT_ONCE = 8;

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db?.$client.end({ timeout: 2 }));

/** The work of a workflow, without a workflow: one step after the other, and every charge is pending. */
async function openBooks(): Promise<Books> {
  const id = newId('sub');
  const start = { id, customerId: randomUUID(), ...START };
  let state: State;
  let step = 0;
  await carryOut(begin(start, LIFE.from, DEFAULT_CATALOG));

  async function carryOut(decision: Decision): Promise<void> {
    const { charge } = decision;
    const head = {
      step: step + 1,
      catalogVersion: DEFAULT_CATALOG.version,
      ...{ catalogAt: null, command: null, conflict: null },
      begin: step === 0 ? { state: decision.state, metadata: {} } : null,
    };
    if (charge) await prepare(db, id, { ...head, charge });
    const last = charge
      ? answered(decision.state, charge, 'pending', charge.attemptAt, DEFAULT_CATALOG)
      : { state: decision.state, effects: [] };
    const booking: Booking = {
      ...head,
      effects: [...decision.effects, ...last.effects],
      after: afterOf(last.state, DEFAULT_CATALOG),
      charge,
      outcome: charge && 'pending',
      ...{ finish: false, refusal: null, discard: false },
    };
    const settled = await bookStep(db, id, booking);
    if (settled.kind !== 'booked') throw new Error(`the step was ${settled.kind}`);
    step += 1;
    state = { ...last.state, grants: settled.grants };
  }

  /** the ledger's counts for the add-on come through the inbox, here every time all of them. */
  async function hearWithdrawals(): Promise<void> {
    const mine = and(eq(inbox.subscriptionId, id), eq(inbox.kind, 'packsWithdrawn'));
    for (const { payload } of await db.select().from(inbox).where(mine).orderBy(asc(inbox.id))) {
      const withdrawal = payload as unknown as Withdrawal;
      await carryOut(decide(state, { type: 'withdraw_packs', ...withdrawal }, state.now, DEFAULT_CATALOG));
    }
  }

  return {
    state: () => state,
    command: (wanted) => carryOut(decide(state, wanted, state.now, DEFAULT_CATALOG)),
    async advance(to) {
      const decision = workThrough(state, to, DEFAULT_CATALOG);
      await carryOut(decision);
      return decision.reached;
    },
    async returnCredits(chargeId, back) {
      const { kind } = await refundCharge(db, id, { chargeId, ...back });
      if (kind === 'ok') await hearWithdrawals();
      return kind !== 'pending';
    },
    stand: () => standOf(db, id),
  };
}

// With all six cases it would take half as long again, and the core has lived them.
const LIVED = CASES.filter(({ when, twice }) => when === 'after the renewal' || twice === 'after all others');

test.each(LIVED)(
  `told $when, given back $howMuch, each twice, $twice: ${sized(90, 720)} orders`,
  async (wanted) => {
    const queue = ORDERS.filter((_, nth) => nth % sized(8, 1) === 0);
    const work = async (): Promise<void> => {
      for (let order = queue.shift(); order; order = queue.shift()) {
        const { group, ...ledger } = expected(order, wanted);
        expect(await live(await openBooks(), order, wanted), `${group}: ${order.join(', ')}`).toEqual(ledger);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await expectInvariants(db);
  },
);
