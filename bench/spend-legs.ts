import type { Beside } from './spend-beside.ts';
import { findPgbench, floorFromNode, pgbench } from './spend-floor.ts';
import { type Driven, drive, Mix, type Pace } from './spend-load.ts';
import { naive } from './spend-naive.ts';
import type { Seeded, Subscriptions } from './spend-seed.ts';
import type { Api } from './spend-stack.ts';
import { direct, holdAndCapture, oneByOne, overHttp, type Target } from './spend-targets.ts';

// The legs: each a way to spend, with its callers and its database, and their order.

/** The databases and the servers under the legs. */
export interface Ground {
  small: Seeded;
  large: Seeded | null;
  api: Api;
  /** null: the API runs alone. */
  beside: Beside | null;
}

/** One leg. */
export interface Leg {
  callers: number;
  says: string;
  /** The database it spends in; the floor has tables of its own and spends nothing. */
  on: 'small' | 'large';
  who: keyof Subscriptions;
  /** Runs while worker and Temporal are paused. */
  isAlone?: true;
  /** Requests and entries of each success. */
  requests: number;
  entries: number;
  open?(ground: Ground, callers: number): Target | Promise<Target>;
  floor?(ground: Ground, pace: Pace): Promise<Driven>;
}

const spends = { on: 'small', who: 'ordinary', requests: 1, entries: 1 } as const;
const floor = { ...spends, entries: 0 } as const;

/** pgbench, or the same from Node on a machine without it. */
const plain = ({ small }: Ground, pace: Pace): Promise<Driven> => {
  const program = findPgbench();
  return program ? pgbench(program, small.url, pace) : floorFromNode(small.url, pace);
};
const http = ({ api }: Ground, callers: number) => overHttp(api, callers);

/** Every leg by its name. */
export const LEGS = {
  floor32: { ...floor, callers: 32, says: 'pgbench: BEGIN; UPDATE; INSERT; COMMIT', floor: plain },
  floor1: { ...floor, callers: 1, says: 'the same, one client', floor: plain },
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
} satisfies Record<string, Leg>;

/** A leg's name. */
export type LegName = keyof typeof LEGS;
/** The names of all legs. */
export const LEG_NAMES = Object.keys(LEGS) as LegName[];

/** Legs that are compared run next to each other. */
const GROUPS: LegName[][] = [
  ['floor32'],
  ['floor1', 'http1'],
  ['large_direct', 'direct32', 'grants50'],
  ['http32', 'http32_alone', 'hot32'],
  ['http128'],
  ['naive32'],
  ['hold_capture'],
  ['one_call'],
  ['floor_node'],
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
}

/** Runs one leg. */
export async function runLeg(name: LegName, ground: Ground, pace: Omit<Pace, 'callers'>): Promise<Run> {
  const { callers, who, on, floor, open }: Leg = LEGS[name];
  if (floor) return { ...(await floor(ground, { ...pace, callers })), touched: [] };
  const target = await open!(ground, callers);
  try {
    const mix = new Mix(ground[on]!.subscriptions[who]);
    const driven = await drive({ ...pace, callers }, async (caller) => {
      const job = mix.draw();
      const outcome = await target.spend(caller, job);
      if (outcome === 'spent') mix.succeeded(job);
      return outcome;
    });
    return { ...driven, touched: [...mix.touched] };
  } finally {
    await target.close();
  }
}
