import { and, eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { receive } from '../../src/db/inbox.ts';
import { snapshot } from '../../src/db/ledger.ts';
import { charges, commands, entries, usages } from '../../src/db/schema.ts';
import { boundary, iso } from '../../src/domain/calendar.ts';
import { openGrants, spend } from '../../src/domain/model/book.ts';
import { command, type Life } from '../../src/domain/timeline.ts';
import { QUERY, SIGNAL, workflowId } from '../../src/workflows/messages.ts';
import { expectSound } from '../support/invariants.ts';
import {
  ask,
  did,
  realFacts,
  simulate,
  simulateBuy,
  simulatedFacts,
  simulateUntil,
  subscribe,
} from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// A storm of signals, updates and spends while a test clock is driven over five continue-as-news. Each command takes effect
// once, and the ledger equals the simulator's after the same commands in the same order.

const monthly = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
const MONTHS = 66;
const MONTHS_A_CALL = 11;
const RUNS = 6;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

const clockAfter = (months: number): string => iso(boundary(Date.parse(monthly.from), 'UTC', months));

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Storm {
  id: string;
  isOver: boolean;
  refusedOnTheWay: number;
}

/** A patient caller: after a 503, 409 or a full queue the same key again, until it is answered. */
async function insist(storm: Storm, request: `${'POST' | 'PUT'} ${string}`, body: object, key: string) {
  for (;;) {
    const answer = await ask(stack, storm.id, request, body, key);
    const isBusy = answer.status === 503 || answer.status === 409;
    if (!isBusy) return answer;
    storm.refusedOnTheWay += 1;
    await pause(100);
  }
}

async function advance(storm: Storm): Promise<void> {
  for (let months = MONTHS_A_CALL; months <= MONTHS; months += MONTHS_A_CALL)
    await insist(storm, 'POST advance', { to: clockAfter(months) }, `advance-${months}`);
  storm.isOver = true;
}

/** Buys and lowers in turn, each with a key of its own; answers the keys whose purchase was answered 201. */
async function buyAndLower(storm: Storm, who: string): Promise<string[]> {
  const bought: string[] = [];
  for (let n = 0; !storm.isOver; n += 1) {
    const key = `${who}-${n}`;
    const answer = await insist(storm, 'POST purchases', { packs: 1 }, key);
    if (answer.status === 201) bought.push(key);
    await insist(storm, 'PUT add_on', { packs: 1 }, key);
  }
  return bought;
}

async function spendOn(storm: Storm): Promise<number> {
  let spent = 0;
  for (; !storm.isOver; spent += 1) {
    await did(stack, storm.id, 'POST usage', { items: [{ feature: 'generate_look', quantity: 1 }] });
    await pause(250);
  }
  return spent;
}

/** Settlements of charges that were settled before, news of the ledger late and twice: all of it changes nothing. */
async function repeatSignals(storm: Storm): Promise<number> {
  const handle = stack.client.workflow.getHandle(workflowId(storm.id));
  const old = await snapshot(stack.db, storm.id);
  let sent = 0;
  // As fast as the workflow takes them: a query is answered after the earlier signals. Faster signals would leave no moment
  // without news in which a run could hand over.
  const isSignalled = () => handle.query(QUERY.subscription).catch(() => pause(100));
  for (; !storm.isOver; sent += 1, await pause(40), await isSignalled()) {
    const known = await stack.db.select().from(charges).where(eq(charges.subscriptionId, storm.id));
    const charge = known[sent % known.length]!;
    const outcome = sent % 2 === 0 ? ('paid' as const) : ('declined' as const);
    const settlement = { chargeId: charge.id, outcome, at: charge.at.getTime() };
    const news = await snapshot(stack.db, storm.id);
    await Promise.all([
      handle.signal(SIGNAL.paymentSettled, settlement),
      handle.signal(SIGNAL.paymentSettled, settlement),
      handle.signal(SIGNAL.ledgerAdvanced, news),
      handle.signal(SIGNAL.ledgerAdvanced, old),
      receive(stack.db, {
        provider: 'sandbox',
        eventId: `storm-${sent % 7}`,
        subscriptionId: storm.id,
        kind: SIGNAL.paymentSettled,
        payload: settlement,
      }),
    ]);
  }
  return sent * 4;
}

/** Commands that are done, sent once more past the API: an update's own id is forgotten at each continue-as-new. */
async function repeatCommands(storm: Storm): Promise<string[]> {
  const handle = stack.client.workflow.getHandle(workflowId(storm.id));
  const outcomes: string[] = [];
  for (let n = 0; !storm.isOver; n += 1, await pause(100)) {
    const done = await stack.db
      .select()
      .from(commands)
      .where(
        and(eq(commands.scope, storm.id), eq(commands.operation, 'buy_packs'), eq(commands.status, 'done')),
      );
    const { scope, operation, key, attempt, objectId } = done[n % done.length]!;
    const again = { type: 'buy_packs', purchaseId: objectId, packs: 1, interval: null, paymentMethod: null };
    const args: [unknown] = [{ command: again, ref: { scope, operation, key, attempt } }];
    outcomes.push(
      await handle.executeUpdate<void, [unknown]>('buyPacks', { args }).then(
        () => 'done again',
        () => 'refused',
      ),
    );
  }
  return outcomes;
}

/** The same life in the simulator: commands and spends at the instants, and in the order, in which they were booked. */
async function simulateStorm(id: string): Promise<Life> {
  const life = simulate(monthly);
  const taken = await stack.db
    .select()
    .from(commands)
    .where(and(eq(commands.scope, id), eq(commands.status, 'done')));
  const spent = await stack.db
    .select({ at: usages.at, seq: entries.seq, credits: usages.credits })
    .from(usages)
    .innerJoin(entries, eq(entries.usageId, usages.id))
    .where(eq(usages.subscriptionId, id));
  const events = [
    ...taken
      .filter(({ operation }) => operation !== 'advance')
      .map((row) => ({ at: row.fromAt!.getTime(), seq: row.fromSeq!, tie: row.step!, row })),
    ...spent.map((row) => ({
      at: row.at.getTime(),
      seq: row.seq - 1,
      tie: 0,
      row: null,
      credits: row.credits,
    })),
  ].sort((a, b) => a.at - b.at || a.seq - b.seq || a.tie - b.tie);
  for (const event of events) {
    simulateUntil(life, iso(event.at));
    if (event.row === null) spend(life.book, event.credits, event.at);
    else if (event.row.operation === 'buy_packs') simulateBuy(life, 1);
    else command(life, { type: 'set_add_on', packs: 1 });
    life.state = { ...life.state, grants: openGrants(life.book) };
  }
  simulateUntil(life, clockAfter(MONTHS));
  return life;
}

test('signals, updates and spends over five continue-as-news: each command once, the ledger as simulated', async () => {
  const storm: Storm = { id: await subscribe(stack, monthly), isOver: false, refusedOnTheWay: 0 };
  await did(stack, storm.id, 'POST purchases', { packs: 1 });
  const startedAt = performance.now();
  const [first, second, spent, signals, repeated] = await Promise.all([
    buyAndLower(storm, 'a'),
    buyAndLower(storm, 'b'),
    spendOn(storm),
    repeatSignals(storm),
    repeatCommands(storm),
    advance(storm),
  ]);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);

  expect(repeated.filter((outcome) => outcome !== 'refused')).toEqual([]);
  const purchases = await stack.db
    .select()
    .from(charges)
    .where(and(eq(charges.subscriptionId, storm.id), eq(charges.kind, 'purchase')));
  expect(purchases).toHaveLength(1 + first.length + second.length);
  expect(purchases.every(({ status }) => status === 'paid')).toBe(true);
  const debits = and(eq(entries.subscriptionId, storm.id), eq(entries.kind, 'debit'));
  expect(await stack.db.select().from(entries).where(debits)).toHaveLength(spent);
  expect(await realFacts(stack.db, storm.id)).toEqual(simulatedFacts(await simulateStorm(storm.id)));

  await expectSound(stack.db);

  const runs = await runsOf(storm.id);
  expect(runs.length).toBeGreaterThanOrEqual(RUNS);
  const { refusedOnTheWay } = storm;
  const counts = {
    runs: runs.length,
    purchases: purchases.length,
    spent,
    signals,
    repeated: repeated.length,
    refusedOnTheWay,
  };
  console.log(`${seconds} s: ${JSON.stringify(counts)}, events a run ${runs.join(', ')}`);
});

/** The length of the history of each run. */
async function runsOf(id: string): Promise<number[]> {
  const lengths: number[] = [];
  const query = `WorkflowId = '${workflowId(id)}'`;
  for await (const { historyLength } of stack.client.workflow.list({ query }))
    lengths.push(Number(historyLength));
  return lengths;
}
