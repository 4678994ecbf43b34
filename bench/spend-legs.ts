import { findPgbench, floorFromNode, pgbench } from './spend-floor.ts';
import { type Driven, drive, Mix, type Pace } from './spend-load.ts';
import { naive } from './spend-naive.ts';
import type { Seeded, Subscriptions } from './spend-seed.ts';
import type { Api } from './spend-stack.ts';
import { direct, holdAndCapture, oneByOne, overHttp, type Target } from './spend-targets.ts';

// What is measured: in which order, against what, and how.

export interface Ground {
  small: Seeded;
  large: Seeded | null;
  api: Api;
}

export interface Leg {
  callers: number;
  says: string;
  /** Which database it spends in; the floor has tables of its own and spends nothing. */
  on: 'small' | 'large';
  who: keyof Subscriptions;
  /** Requests and entries that each success takes. */
  requests: number;
  entries: number;
  open?(ground: Ground, callers: number): Target | Promise<Target>;
  floor?(ground: Ground, pace: Pace): Promise<Driven>;
}

const spends = { on: 'small', who: 'ordinary', requests: 1, entries: 1 } as const;
const floor = { ...spends, entries: 0 } as const;

/** pgbench, or the same from Node where there is none. */
const plain = ({ small }: Ground, pace: Pace): Promise<Driven> => {
  const program = findPgbench();
  return program ? pgbench(program, small.url, pace) : floorFromNode(small.url, pace);
};
const http = ({ api }: Ground, callers: number) => overHttp(api, callers);

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

export type LegName = keyof typeof LEGS;
export const LEG_NAMES = Object.keys(LEGS) as LegName[];

/** What is compared stands side by side. */
const GROUPS: LegName[][] = [
  ['floor32'],
  ['floor1', 'http1'],
  ['large_direct', 'direct32', 'grants50'],
  ['http32', 'hot32'],
  ['http128'],
  ['naive32'],
  ['hold_capture'],
  ['one_call'],
  ['floor_node'],
];

/** Each round begins with another leg and goes through its groups the other way round, so that no leg is always the warm one. */
export function orderOf(round: number, wanted: ReadonlySet<LegName>): LegName[] {
  const rotated = GROUPS.map((_, i) => GROUPS[(i + round) % GROUPS.length]!);
  return rotated
    .flatMap((group) => (round % 2 === 0 ? group : group.toReversed()))
    .filter((leg) => wanted.has(leg));
}

export interface Run extends Driven {
  /** Subscriptions that were asked to spend. */
  touched: string[];
}

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
