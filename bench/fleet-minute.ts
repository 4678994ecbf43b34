import { setTimeout as sleep } from 'node:timers/promises';
import { type Instant, iso } from '../src/domain/calendar.ts';
import { StartRefused } from '../src/embedded/data-folder.ts';
import {
  bookings,
  boundariesBooked,
  type Member,
  spending,
  spendsBooked,
  temporalCost,
  wrongMembers,
} from './fleet-figures.ts';
import { giveCredits, inParallel, moveIn, type Spend, spendConstantly } from './fleet-load.ts';
import type { Stack } from './fleet-stack.ts';
import { machine, rounded } from './machine.ts';

// The run: a fleet moves in, some of it spends for a while, the minute passes, and the ledger is read.

const MINUTE_MS = 60_000;
const BASELINE_MS = 20_000;
const CALLERS = 16;
const PROBES = 100;
const SPENDERS = 200;
const SPENDS_A_SECOND = 50;
const HISTORIES = 50;
/** Moving in may slow down on the way, and a minute that comes too early costs the whole run. */
const MARGIN = 1.6;
const GIVE_UP_AFTER_MS = 60_000;
const PROGRESS_EVERY_MS = 5_000;
const DAY_MS = 86_400_000;

/** The size and timing of a run. */
export interface Wanted {
  subscriptions: number;
  /** Seconds from the start of the servers; by default as many as moving in needs. */
  secondsToBoundary: number | undefined;
  stopping: AbortSignal;
  say(line: string): void;
}

/** The figures of a run. */
export type Figures = Awaited<ReturnType<typeof measure>>;

/** Runs the benchmark on a stack. */
export async function measure(stack: Stack, wanted: Wanted) {
  const begins = await chooseMinute(stack, wanted);
  const startedAt = performance.now();
  const fleet = await makeFleet(stack, wanted, begins);
  const seconds = (performance.now() - startedAt) / 1_000;
  const { spenders, idle } = split(fleet);
  await inParallel(spenders.length, CALLERS, (i) => giveCredits(stack, spenders[i]!));
  if (Date.now() > begins - BASELINE_MS) throw tooEarly(wanted, fleet.length, seconds);

  await until(begins - BASELINE_MS, 'spending begins', wanted);
  const spends = spendConstantly(stack, spenders, SPENDS_A_SECOND);
  await until(begins, 'the minute begins', wanted);
  await untilBooked(stack, wanted, begins);
  const sent = await spends.stop();

  const before = spending(sent.filter(({ at }) => at < begins));
  const during = spending(sent.filter(({ at }) => at >= begins));
  return {
    machine: machine(),
    subscriptions: fleet.length,
    moved_in: { seconds: rounded(seconds), per_second: rounded(fleet.length / seconds) },
    boundaries: await bookings(stack, begins),
    spending: {
      per_second: SPENDS_A_SECOND,
      before,
      during,
      ratio: {
        p50: rounded(during.p50_ms / before.p50_ms, 2),
        p99: rounded(during.p99_ms / before.p99_ms, 2),
      },
    },
    temporal: await temporalCost(stack, idle),
    restarts: stack.restarts,
    faults: await faultsOf(stack, fleet, sent),
  };
}

/** The start of the minute: as wanted, or late enough by the time that a first hundred took to move in. */
async function chooseMinute(stack: Stack, { subscriptions, ...wanted }: Wanted): Promise<Instant> {
  const seconds = wanted.secondsToBoundary ?? (await secondsNeeded());
  const begins = Math.ceil(Date.now() / 1_000 + seconds) * 1_000;
  wanted.say(`${subscriptions} will be due in the minute from ${iso(begins)}, ${seconds} s from now`);
  return begins;

  async function secondsNeeded(): Promise<number> {
    const startedAt = performance.now();
    const later = Date.now() + 15 * DAY_MS;
    await inParallel(PROBES, CALLERS, async (i) => void (await moveIn(stack, `probe-${i}`, later)));
    const perSecond = PROBES / ((performance.now() - startedAt) / 1_000);
    wanted.say(`the first ${PROBES} moved in at ${perSecond.toFixed(0)} a second`);
    return secondsAt(perSecond, subscriptions);
  }
}

/** Seconds for moving in and giving credits at this rate, and for the baseline, with a margin. */
function secondsAt(perSecond: number, subscriptions: number): number {
  const calls = subscriptions + SPENDERS;
  return Math.ceil((calls / perSecond) * MARGIN + BASELINE_MS / 1_000);
}

/** Moves the fleet in, with boundaries spread evenly over the minute. */
async function makeFleet(stack: Stack, wanted: Wanted, begins: Instant): Promise<Member[]> {
  const { subscriptions, stopping } = wanted;
  const fleet: Member[] = [];
  const progress = progressOf(wanted);
  const startedAt = performance.now();
  let made = 0;
  await inParallel(subscriptions, CALLERS, async (i) => {
    stopping.throwIfAborted();
    const seconds = (performance.now() - startedAt) / 1_000;
    if (Date.now() > begins - BASELINE_MS) throw tooEarly(wanted, made, seconds);
    const due = begins + Math.floor((i * MINUTE_MS) / subscriptions);
    fleet[i] = { id: await moveIn(stack, `fleet-${i}`, due), due };
    made += 1;
    progress(() => `moved in ${made} of ${subscriptions}, ${(made / seconds).toFixed(0)} a second`);
  });
  return fleet;
}

/** Ids of members that spend, and of some that only live, each spread over the whole minute. */
function split(fleet: Member[]): { spenders: string[]; idle: string[] } {
  const every = Math.max(2, Math.ceil(fleet.length / SPENDERS));
  const spenders = fleet.filter((_, i) => i % every === 0);
  const others = fleet.filter((_, i) => i % every !== 0);
  const nth = Math.max(1, Math.floor(others.length / HISTORIES));
  const idle = others.filter((_, i) => i % nth === 0).slice(0, HISTORIES);
  return { spenders: spenders.map(({ id }) => id), idle: idle.map(({ id }) => id) };
}

function tooEarly({ subscriptions }: Wanted, made: number, seconds: number): StartRefused {
  const needed = secondsAt(Math.max(1, made) / seconds, subscriptions);
  return new StartRefused(
    `The minute would begin before all is ready: ${made} of ${subscriptions} had moved in after ` +
      `${seconds.toFixed(0)} s. Run it again with --seconds-to-boundary ${needed}, or with fewer --subscriptions.`,
  );
}

async function until(at: Instant, what: string, { stopping, say }: Wanted): Promise<void> {
  const ms = Math.max(0, at - Date.now());
  say(`${what} in ${Math.round(ms / 1_000)} s`);
  await sleep(ms, undefined, { signal: stopping });
}

/** Waits for the last boundary, or until no boundary was booked for a minute: the check then names the missing ones. */
async function untilBooked(stack: Stack, wanted: Wanted, begins: Instant): Promise<void> {
  const progress = progressOf(wanted);
  const ends = begins + MINUTE_MS;
  let booked = 0;
  let movedAt = ends;
  while (booked < wanted.subscriptions && Date.now() - movedAt < GIVE_UP_AFTER_MS) {
    await sleep(1_000, undefined, { signal: wanted.stopping });
    const before = booked;
    booked = await boundariesBooked(stack);
    if (booked > before) movedAt = Math.max(Date.now(), ends);
    const seconds = Math.round((Date.now() - begins) / 1_000);
    progress(() => `${booked} of ${wanted.subscriptions} boundaries after ${seconds} s`);
  }
}

async function faultsOf(stack: Stack, fleet: Member[], sent: Spend[]): Promise<string[]> {
  const faults: string[] = [];
  const wrong = await wrongMembers(stack, fleet);
  if (wrong[0]) faults.push(`${wrong.length} not charged and granted exactly once, the first: ${wrong[0]}`);
  const failed = sent.filter(({ fault }) => fault !== null);
  if (failed[0]) faults.push(`${failed.length} spends failed, the first with ${failed[0].fault}`);
  const booked = await spendsBooked(stack);
  const acknowledged = sent.length - failed.length;
  if (booked !== acknowledged) faults.push(`${acknowledged} spends were acknowledged, ${booked} are booked`);
  return faults;
}

function progressOf({ say }: Wanted): (line: () => string) => void {
  let last = performance.now();
  return (line) => {
    if (performance.now() - last < PROGRESS_EVERY_MS) return;
    last = performance.now();
    say(line());
  };
}
