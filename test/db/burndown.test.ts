import fc from 'fast-check';
import { afterAll, beforeAll, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import type { MoneyBack } from '../../src/domain/refunds.ts';
import { sized } from '../support/campaign.ts';
import { expectInvariants } from '../support/invariants.ts';
import { sealing } from '../support/seals.ts';
import { openDatabase } from './raw-ledger.ts';
import { type Op, type Part, Twins } from './twins.ts';

// the SQL of the ledger and the core's book live the same random histories and must agree. Instants and
// credits are small, so that ties and edges are common: deadlines, expiries and ends that coincide, a credit too many.

const HISTORIES_A_BATCH = 25;
const BATCHES = sized(8, 40);

const whole = (min: number, max: number) => fc.integer({ min, max });
const is = <const T>(value: T) => fc.constant(value);
const over = fc.option(whole(-1, 1), { freq: 2 });
const which = whole(0, 3);
const part: fc.Arbitrary<Part> = fc.oneof(fc.constantFrom<Part[]>(null, 'one', 'all', 'over'), whole(1, 9));

const amountMinor = fc.constantFrom(1, 500, 750, 1_000, 1_499, 1_500);
const moneyBack: fc.Arbitrary<MoneyBack> = fc.oneof(
  fc.record({ kind: is('refund'), toMinor: amountMinor }),
  fc.record({
    kind: is('dispute'),
    id: fc.constantFrom('a', 'b'),
    amountMinor,
    status: fc.constantFrom('open', 'open', 'won', 'won', 'lost'),
  }),
);

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: is('grant'),
      kind: fc.constantFrom('allowance', 'pack', 'adjustment', 'adjustment'),
      credits: whole(1, 9),
      from: whole(-3, 2),
      for: fc.option(whole(1, 7), { freq: 5 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: is('spend'), credits: whole(0, 15), over }) },
  { weight: 5, arbitrary: fc.record({ do: is('hold'), credits: whole(1, 12), over, seconds: whole(1, 6) }) },
  { weight: 2, arbitrary: fc.record({ do: is('capture'), which, part }) },
  { weight: 3, arbitrary: fc.record({ do: is('reverse'), which, part }) },
  { weight: 2, arbitrary: fc.record({ do: is('release'), which }) },
  { weight: 4, arbitrary: fc.record({ do: is('stand'), seconds: whole(0, 3), asleep: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: is('revoke'), which: whole(0, 2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('expire', 'grant again'), which: whole(0, 5) }) },
  { weight: 3, arbitrary: fc.record({ do: is('money back'), which: whole(0, 2), back: moneyBack }) },
  { weight: 1, arbitrary: fc.record({ do: is('schedule end'), seconds: whole(0, 4) }) },
  { weight: 1, arbitrary: fc.record({ do: is('end') }) },
);
const history = fc.array(op, { minLength: 6, maxLength: 24, size: 'max' });

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.$client.end());

const failureOf = (ops: readonly Op[]): Promise<Error | null> =>
  Twins.live(db, ops).then(
    () => null,
    (error: Error) => error,
  );

/** The rest of a failing history without the operations that it does not need. */
async function smallest(ops: readonly Op[]): Promise<readonly Op[]> {
  for (let i = 0; i < ops.length; i += 1) {
    const fewer = ops.toSpliced(i, 1);
    if (await failureOf(fewer)) return smallest(fewer);
  }
  return ops;
}

test(`${HISTORIES_A_BATCH * BATCHES} random histories: SQL and core agree`, async () => {
  const seed = Date.now() & 0x7fffffff;
  process.stderr.write(`  burndown: seed ${seed}\n`);
  const seals = sealing(db);
  const histories = fc.sample(history, { seed, numRuns: HISTORIES_A_BATCH * BATCHES });
  for (let from = 0; from < histories.length; from += HISTORIES_A_BATCH) {
    const batch = histories.slice(from, from + HISTORIES_A_BATCH);
    const failures = await Promise.all(batch.map(failureOf));
    const failing = batch[failures.findIndex((failure) => failure !== null)];
    if (!failing) continue;
    const ops = await smallest(failing);
    const failure = (await failureOf(ops)) ?? failures.find((one) => one !== null);
    throw new Error(`seed ${seed}: ${failure?.message}\nin ${JSON.stringify(ops)}`, { cause: failure });
  }
  await expectInvariants(db);
  await seals.end();
});

const gift: Op = { do: 'grant', kind: 'adjustment', credits: 5, from: 0, for: 3 };
const held: Op = { do: 'hold', credits: 2, over: null, seconds: 1 };
const stand = (seconds: number): Op => ({ do: 'stand', seconds, asleep: false });

test.each<[string, Op[]]>([
  [
    'R-82: what comes back to a revoked grant is usable, and expires',
    [gift, held, { do: 'revoke', which: 0 }, stand(1), stand(2)],
  ],
  [
    'R-82: what was revoked twice comes back once',
    [
      gift,
      held,
      { do: 'revoke', which: 0 },
      { do: 'release', which: 0 },
      { do: 'revoke', which: 0 },
      stand(3),
    ],
  ],
])('a history that chance seldom tells: %s', async (_, ops) => {
  await Twins.live(db, ops);
  await expectInvariants(db);
});
