import type { Database } from '../src/db/client.ts';
import { type Asked, booked, type Checked, check } from './spend-check.ts';
import { type Ground, LEGS, type Leg, type LegName, orderOf, runLeg } from './spend-legs.ts';
import type { Driven } from './spend-load.ts';
import type { Measures, Meters } from './spend-meters.ts';

// Rounds of legs. After each leg the ledger is checked, and the first wrong row ends the run.

/** One leg of one round. */
export interface Result extends Driven {
  leg: LegName;
  round: number;
  measures: Measures;
  checked: Pick<Checked, 'counted' | 'read'>;
}

/** The extent of a run. */
export interface Wanted {
  rounds: number;
  seconds: number;
  legs: ReadonlySet<LegName>;
  stopping: AbortSignal;
  say(line: string): void;
}

/** A fault that makes all figures worthless. */
export class Wrong extends Error {}

/** Above so many entries only some of the touched subscriptions are checked after a leg. */
const ALL_UP_TO = 300_000;
const SOME = 300;
/** Seconds for the invariants' own SQL: after a leg, and at the end of the run. */
const SECONDS = { leg: 3, end: 30 };
/** Legs and their seconds. The large history has forty times as many pages. */
const WARM_UP = [
  ['direct32', 3],
  ['large_direct', 30],
  ['http32', 3],
] as const;

/** Measures every leg in every round. Throws Wrong. */
export async function measureRounds(
  ground: Ground,
  ledgers: Record<'small' | 'large', Database | null>,
  meters: Meters,
  wanted: Wanted,
  /** Filled on the way: figures from before a fault are reported too. */
  results: Result[],
): Promise<void> {
  await warmUp(ground, wanted);
  for (let round = 0; round < wanted.rounds; round += 1) {
    for (const leg of orderOf(round, wanted.legs)) {
      const result = await measureLeg(leg, round);
      results.push(result);
      const { perSecond, p50, p99, checked } = result;
      const looked = checked.counted > 0 ? `; ${kept(checked)}` : '';
      const figures = `${perSecond}/s, p50 ${shown(p50)} ms, p99 ${shown(p99)} ms`;
      wanted.say(`round ${round + 1} of ${wanted.rounds}, ${leg}: ${figures}${looked}`);
    }
  }

  async function measureLeg(name: LegName, round: number): Promise<Result> {
    const leg: Leg = LEGS[name];
    if (!leg.isAlone) return measureRunning(name, leg, round);
    ground.beside!.pause();
    try {
      return await measureRunning(name, leg, round);
    } finally {
      await ground.beside!.resume();
    }
  }

  async function measureRunning(name: LegName, leg: Leg, round: number): Promise<Result> {
    const db = ledgers[leg.on]!;
    const entriesBefore = await booked(db);
    const meter = await meters.start(leg.on);
    const { touched, entriesBefore: made, ...driven } = await runLeg(name, ground, wanted);
    const measures = await meter.stop(driven.counts, leg.requests);
    if (driven.faults[0])
      throw new Wrong(`${name}: ${driven.faults.length} or more failed, the first: ${driven.faults[0]}`);
    const entries = await booked(db);
    const acknowledged = driven.counts.spent * leg.entries + made;
    if (entries - entriesBefore !== acknowledged)
      throw new Wrong(
        `${name}: its answers tell of ${acknowledged} entries, ${entries - entriesBefore} are booked`,
      );
    const most = entries > ALL_UP_TO ? SOME : touched.length;
    const asked = { most, seconds: SECONDS.leg, stopping: wanted.stopping };
    return { leg: name, round, ...driven, measures, checked: await keptInvariants(db, name, touched, asked) };
  }
}

/**
 * Compiles code, reads pages and writes most of them once. The first write after a checkpoint logs the whole page, and without
 * this the first round would pay for all others. The rate goes to the log, since it is a checkpoint's cost.
 */
async function warmUp(ground: Ground, { legs, stopping, say }: Wanted): Promise<void> {
  for (const [leg, seconds] of WARM_UP) {
    if (!legs.has(leg)) continue;
    const { faults, counts } = await runLeg(leg, ground, { seconds, stopping });
    if (faults[0]) throw new Wrong(`warming up, ${leg}: ${faults[0]}`);
    say(`warmed up for ${seconds} s: ${leg}, ${Math.round(counts.spent / seconds)}/s`);
  }
}

/** Checks every subscription of a database at the end. */
export async function checkAll(db: Database, ids: string[], { stopping, say }: Wanted): Promise<void> {
  const asked = { most: ids.length, seconds: SECONDS.end, stopping };
  say(`at the end: ${kept(await keptInvariants(db, 'at the end', ids, asked))}`);
}

async function keptInvariants(db: Database, when: string, ids: string[], asked: Asked): Promise<Checked> {
  const checked = await check(db, ids, asked);
  const { broken } = checked;
  if (broken) throw new Wrong(`${when}: ${broken.invariant}: ${broken.subscription_id} ${broken.row}`);
  return checked;
}

/** A leg without requests has no latency. */
const shown = (ms: number): number | string => (Number.isNaN(ms) ? '–' : ms);

const kept = ({ counted, read }: Pick<Checked, 'counted' | 'read'>): string =>
  `${counted} subscriptions counted up, of ${read} every invariant was read`;
