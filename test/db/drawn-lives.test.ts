import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reconcile } from '../../src/db/audit/reconcile.ts';
import { createSealer } from '../../src/db/seals/sealer.ts';
import type { State } from '../../src/domain/state.ts';
import { advanceLife } from '../../src/domain/timeline.ts';
import type { History } from '../domain/history.ts';
import { histories } from '../domain/history.ts';
import { Model } from '../domain/model.ts';
import { sized } from '../support/campaign.ts';
import { expectSound } from '../support/invariants.ts';
import { realFacts, simulatedFacts } from '../support/lives.ts';
import { notAsSealed } from '../support/seals.ts';
import { BookedLife } from './booked-life.ts';

// Random lives of any product on a ledger of PostgreSQL: the core decides, the SQL books. Both have the same facts at the end, and
// the reconciler and the invariants find a reason for every row.

const LIVES = sized(24, 1_000);
const AT_ONCE = 4;

/** Holds and outages are lived by burndown.test.ts and by the core: here the clock is a test clock, which is never late. */
const booked = (history: History): History => ({
  ...history,
  ops: history.ops.filter((op) => !['outage', 'hold', 'capture', 'release', 'reverse'].includes(op.do)),
});

/** The parts that the ledger keeps in its own way. */
const comparable = ({ grants: _, withdrawn: __, topUp, ...state }: State) => ({
  ...state,
  topUp: topUp && { ...topUp, refunds: topUp.refunds ?? 0, refundsBefore: topUp.refundsBefore ?? 0 },
});

async function live(history: History): Promise<void> {
  const model = new Model(history);
  if (model.isVoid) return;
  const { start, catalog } = model;
  model.run();
  // A payment that settles late may bring credits that are over: the SQL books their end with them, the core with its next work.
  const rest = { advance: model.life.state.now };
  advanceLife(model.life, rest.advance);
  const life = await BookedLife.begin(start, history.at, catalog);
  try {
    const sealer = createSealer(life.db);
    for (const step of [...model.taken, rest]) {
      await life.take(step);
      await sealer.next();
    }
    // I11: nothing that an honest life does changes a sealed row.
    expect(await notAsSealed(life.db)).toEqual([]);
    expect(await realFacts(life.db, life.id)).toEqual(simulatedFacts(model.life));
    expect(comparable(life.state)).toEqual(comparable(model.life.state));
    expect((await reconcile(life.db, { patienceMs: 0 })).unexplained).toEqual([]);
    await expectSound(life.db);
  } finally {
    await life.close();
  }
}

const kept = new URL('../regressions/', import.meta.url);
test.each(readdirSync(kept))('the kept life %s', async (name) => {
  const { history }: { history: History } = JSON.parse(readFileSync(new URL(name, kept), 'utf8'));
  await live(booked(history));
});

test(`${LIVES} lives of drawn catalogues: SQL and core agree, and every row has its reason`, async () => {
  const seed = Number(process.env['DRAWDOWN_SEED'] ?? Date.now() & 0x7fffffff);
  process.stderr.write(`  drawn lives: seed ${seed}\n`);
  const queue = fc.sample(histories.map(booked), { seed, numRuns: LIVES }).entries();
  const work = async (): Promise<void> => {
    for (const [nth, history] of queue)
      await live(history).catch((error: Error) => {
        throw new Error(`seed ${seed}, life ${nth}: ${error.message}\nin ${JSON.stringify(history)}`, {
          cause: error,
        });
      });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
});
