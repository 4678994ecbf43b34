import { setTimeout as sleep } from 'node:timers/promises';
import type { Beside } from './spend-beside.ts';
import type { Empty } from './spend-empty.ts';
import { findPgbench, floorFromNode, type Protocol, pgbench } from './spend-floor.ts';
import { type Driven, drive, Mix, measured, type Pace } from './spend-load.ts';
import { naive } from './spend-naive.ts';
import { type Kind, LONG, type LongKind, type Seeded } from './spend-seed.ts';
import type { Api } from './spend-stack.ts';
import { direct, holdAndCapture, oneByOne, overHttp, type Target } from './spend-targets.ts';
import {
  balances,
  cancels,
  entryPages,
  purchases,
  starts,
  type Visits,
  walletPages,
  years,
} from './spend-visits.ts';

// The legs: each a kind of request, with its callers and its database, and their order.

/** The databases and the servers under the legs. */
export interface Ground {
  small: Seeded;
  large: Seeded | null;
  api: Api;
  /** null: the API runs alone. */
  beside: Beside | null;
  /** null: no leg needs them. */
  empty: Empty | null;
}

/** One leg. */
export interface Leg {
  callers: number;
  says: string;
  /** The database it spends in; the floor has tables of its own and spends nothing. */
  on: 'small' | 'large';
  who: Kind;
  /** Runs while worker and Temporal are paused. */
  isAlone?: true;
  /** There is no such leg without worker and Temporal. */
  needsWorker?: true;
  /** Requests and entries of each success. */
  requests: number;
  entries: number;
  /** Spends of a mix. */
  open?(ground: Ground, callers: number): Target | Promise<Target>;
  /** Other requests. */
  visit?(ground: Ground, callers: number): Promise<Visits>;
  floor?(ground: Ground, pace: Pace): Promise<Driven>;
}

const spends = { on: 'small', who: 'ordinary', requests: 1, entries: 1 } as const;
const floor = { ...spends, entries: 0 } as const;
const reads = { ...floor, callers: 1 } as const;
const commands = { ...floor, who: 'buyers', callers: 8, needsWorker: true } as const;

/** pgbench, or the same from Node, which prepares its statements, on a machine without it. */
const plain =
  (protocol: Protocol) =>
  ({ small }: Ground, pace: Pace): Promise<Driven> => {
    const program = findPgbench();
    return program ? pgbench(program, small.url, protocol, pace) : floorFromNode(small.url, pace);
  };
const idle = async (_: Ground, { seconds, stopping }: Pace): Promise<Driven> => {
  await sleep(seconds * 1_000, undefined, { signal: stopping });
  return { ...measured([], seconds), counts: { spent: 0, replayed: 0, short: 0 }, faults: [] };
};
const firstPage = (who: LongKind) => ({
  ...reads,
  who,
  visit: ({ api, small }: Ground, callers: number) =>
    entryPages(api, small.subscriptions[who][0]!, null, callers),
});
const deepPage = (who: LongKind) => ({
  ...reads,
  who,
  visit: ({ api, small }: Ground, callers: number) =>
    entryPages(api, small.subscriptions[who][0]!, LONG[who], callers),
});
const http = ({ api }: Ground, callers: number) => overHttp(api, callers);

/** Every leg by its name. */
export const LEGS = {
  floor32: { ...floor, callers: 32, says: 'pgbench: BEGIN; UPDATE; INSERT; COMMIT', floor: plain('simple') },
  floor32_prepared: { ...floor, callers: 32, says: 'the same, prepared', floor: plain('prepared') },
  floor1: { ...floor, callers: 1, says: 'floor32 with one client', floor: plain('simple') },
  http1: { ...spends, callers: 1, says: 'POST usage over HTTP', open: http },
  floor_node: {
    ...floor,
    callers: 32,
    says: 'the four statements from Node',
    floor: ({ small }, pace) => floorFromNode(small.url, pace),
  },
  large_direct: {
    ...spends,
    on: 'large',
    callers: 32,
    says: 'direct32 with the large history',
    open: ({ large }) => direct(large!.url),
  },
  direct32: {
    ...spends,
    callers: 32,
    says: 'in process, without HTTP',
    open: ({ small }) => direct(small.url),
  },
  grants50: {
    ...spends,
    who: 'many',
    callers: 32,
    says: 'the same, 50 open grants each',
    open: ({ small }) => direct(small.url),
  },
  one_call: {
    ...spends,
    callers: 32,
    says: 'one request a call',
    open: ({ small }, n) => oneByOne(small.url, n),
  },
  naive32: {
    ...spends,
    callers: 32,
    says: 'a plain transaction per spend',
    open: ({ small }, n) => naive(small.url, n),
  },
  http32: { ...spends, callers: 32, says: 'POST usage over HTTP', open: http },
  http32_alone: {
    ...spends,
    callers: 32,
    isAlone: true,
    needsWorker: true,
    says: 'the same, worker and Temporal paused',
    open: http,
  },
  hot32: { ...spends, who: 'hot', callers: 32, says: 'the same, one subscription', open: http },
  http128: { ...spends, callers: 128, says: 'POST usage over HTTP', open: http },
  hold_capture: {
    ...spends,
    callers: 32,
    requests: 2,
    entries: 3,
    says: 'POST hold, then its capture: pairs',
    open: ({ api }, n) => holdAndCapture(api, n),
  },
  balance32: {
    ...reads,
    callers: 32,
    says: 'GET balance',
    visit: ({ api, small }, n) => balances(api, small.subscriptions.ordinary, n),
  },
  entries_100: { ...firstPage('long_100'), says: 'GET entries: the first 50 of 100' },
  entries_100k: { ...firstPage('long_100k'), says: 'the first 50 of 100,000' },
  entries_1m: { ...firstPage('long_1m'), says: 'the first 50 of 1,000,000' },
  deep_100k: { ...deepPage('long_100k'), says: '50 from the midst of 100,000' },
  deep_1m: { ...deepPage('long_1m'), says: '50 from the midst of 1,000,000' },
  wallet_20k: {
    ...reads,
    who: 'long_20k',
    says: 'GET /wallet with 20,000 entries',
    visit: ({ api, small }, n) => walletPages(api, small.subscriptions.long_20k[0]!, n),
  },
  idle: { ...floor, callers: 1, says: 'no request', floor: idle },
  purchases: {
    ...commands,
    entries: 1,
    says: 'POST purchases: one pack',
    visit: ({ api, small }, n) => purchases(api, small.subscriptions.buyers, n),
  },
  starts: {
    ...commands,
    entries: 1,
    says: 'POST subscriptions',
    visit: ({ api }, n) => starts(api, n),
  },
  empty_update: {
    ...commands,
    says: 'an empty workflow with the events of a purchase',
    visit: async ({ empty }) => empty!.updates(),
  },
  empty_start: {
    ...commands,
    says: 'an empty workflow with the events of a start',
    visit: async ({ empty }) => empty!.starts(),
  },
  cancel_resume: {
    ...commands,
    requests: 2,
    says: 'POST cancel, then resume: pairs',
    visit: ({ api, small }, n) => cancels(api, small.subscriptions.buyers, n),
  },
  year: {
    ...commands,
    callers: 1,
    entries: 24,
    says: "POST advance: a test clock's year",
    visit: ({ api }, n) => years(api, n),
  },
} satisfies Record<string, Leg>;

/** A leg's name. */
export type LegName = keyof typeof LEGS;
/** The names of all legs. */
export const LEG_NAMES = Object.keys(LEGS) as LegName[];
/** Those that need worker and Temporal. */
export const NEED_WORKER = LEG_NAMES.filter((name) => (LEGS[name] as Leg).needsWorker);

/** Legs that are compared run next to each other. */
const GROUPS: LegName[][] = [
  ['floor32', 'floor32_prepared'],
  ['floor1', 'http1'],
  ['large_direct', 'direct32', 'grants50'],
  ['http32', 'http32_alone', 'balance32', 'hot32'],
  ['http128'],
  ['naive32'],
  ['hold_capture'],
  ['one_call'],
  ['floor_node'],
  ['entries_100', 'entries_100k', 'entries_1m', 'deep_100k', 'deep_1m'],
  ['wallet_20k'],
  ['idle'],
  ['purchases', 'empty_update'],
  ['starts', 'empty_start'],
  ['cancel_resume', 'year'],
];

/** The legs of a round. Rounds start with different legs and reverse their groups, so that no leg is always the warm one. */
export function orderOf(round: number, wanted: ReadonlySet<LegName>): LegName[] {
  const rotated = GROUPS.map((_, i) => GROUPS[(i + round) % GROUPS.length]!);
  return rotated
    .flatMap((group) => (round % 2 === 0 ? group : group.toReversed()))
    .filter((leg) => wanted.has(leg));
}

/** A leg's results. */
export interface Run extends Driven {
  /** Subscriptions that got a request. */
  touched: string[];
  /** Entries that were booked before the first request. */
  entriesBefore: number;
}

/** Runs one leg. */
export async function runLeg(name: LegName, ground: Ground, pace: Omit<Pace, 'callers'>): Promise<Run> {
  const { callers, who, on, floor, open, visit }: Leg = LEGS[name];
  if (floor) return { ...(await floor(ground, { ...pace, callers })), touched: [], entriesBefore: 0 };
  if (visit) return runVisits(await visit(ground, callers), { ...pace, callers });
  const target = await open!(ground, callers);
  try {
    const mix = new Mix(ground[on]!.subscriptions[who]);
    const driven = await drive({ ...pace, callers }, async (caller) => {
      const job = mix.draw();
      const outcome = await target.spend(caller, job);
      if (outcome === 'spent') mix.succeeded(job);
      return outcome;
    });
    return { ...driven, touched: [...mix.touched], entriesBefore: 0 };
  } finally {
    await target.close();
  }
}

async function runVisits(visits: Visits, pace: Pace): Promise<Run> {
  try {
    const driven = await drive(pace, (caller) => visits.once(caller));
    return { ...driven, touched: [...visits.touched], entriesBefore: visits.entriesBefore ?? 0 };
  } finally {
    visits.close();
  }
}
