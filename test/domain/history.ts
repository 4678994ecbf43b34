import fc from 'fast-check';
import { addDays, INTERVALS, type Instant, type Interval, NEVER } from '../../src/domain/calendar.ts';
import type { AddOnItem } from '../../src/domain/state.ts';
import {
  type AllowanceTerm,
  allowanceTerms,
  catalogFrom,
  type Drawn,
  drawnCatalogs,
  type Edit,
  editsOf,
} from './catalogs.ts';

/** Where a spend or an advance stands: counted from an edge, and one beside it. */
export type Beside = -1 | 0 | 1;

/** A part of the whole: `over` is one credit more, `none` names no number. */
export type Share = 'none' | 'one' | 'half' | 'all' | 'over';

export type Op =
  /** To the nth instant from here at which something is due, give or take a millisecond. */
  | { do: 'to_due'; n: number; ms: Beside }
  | { do: 'days'; n: number }
  | { do: 'hours'; n: number }
  /** Nothing ran for so many days; then all is worked late. */
  | { do: 'outage'; days: number }
  /** All that is available, give or take one credit. */
  | { do: 'spend_all'; credits: Beside }
  | { do: 'spend'; credits: number }
  /** Without a pack: the only one sold. */
  | { do: 'buy'; packs: number; pack?: string | null; method: Method | null; interval: Interval | null }
  | { do: 'add_on'; packs: number; items?: AddOnItem[] | null }
  | { do: 'change'; plan: string; interval: Interval }
  | { do: 'activate' }
  | { do: 'reprice' }
  /** Another catalogue comes into force, unless it lacks something in use. */
  | { do: 'catalogue'; edit: Edit }
  /** null: off. */
  | { do: 'top_up'; packs: number; pack: string | null; threshold: number | null }
  /** Of the nth newest charge: half of its money, or all. */
  | { do: 'refund'; n: number; part: 'half' | 'all' }
  | { do: 'cancel'; at: 'renewal' | 'now' }
  | { do: 'resume' }
  | { do: 'method'; method: Method }
  /** Without days: without an end of its own. */
  | { do: 'grant'; credits: number; days: number | null; ms: Beside }
  /** The nth grant ever made, of any kind; -1 is the newest. */
  | { do: 'revoke'; n: number }
  | { do: 'allowance'; credits: number }
  /** The nth charge ever made, settled before or not. */
  | { do: 'settle'; n: number; outcome: 'paid' | 'declined' }
  /** To a deadline minutes from here, or beside the nth instant from here at which something is due. */
  | { do: 'hold'; credits: Share; until: { minutes: number } | { n: number; ms: Beside } }
  /** The nth newest hold, settled or not; the nth newest usage, captures among them. */
  | { do: 'capture'; n: number; credits: Share }
  | { do: 'reverse'; n: number; credits: Share }
  | { do: 'release'; n: number };

export type Method = 'sandbox_ok' | 'sandbox_declined' | 'sandbox_pending';

/** A life as plain JSON: the content of a regression file. */
export interface History {
  plan: string;
  interval: Interval;
  timeZone: string;
  at: Instant;
  /** null: none yet. */
  method: Method | null;
  /** with the plan's trial, where it has one. */
  trial?: boolean;
  /** Left out: the built-in plans and packs. */
  catalog?: Drawn;
  /** moved in with an anchor so many months ago; null for an ordinary start. */
  movedInMonths: number | null;
  allowanceTerm: AllowanceTerm;
  ops: Op[];
}

const beside = fc.constantFrom<Beside>(-1, 0, 0, 1);
const method = fc.constantFrom<Method>(
  'sandbox_ok',
  'sandbox_ok',
  'sandbox_declined',
  'sandbox_pending',
  'sandbox_pending',
);

/** null so many times for one value. */
const seldom = <T>(value: fc.Arbitrary<T>, nulls: number): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: nulls, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: value });

/** Days on which calendars go wrong: ends of months, 29 February, the Sundays the clocks change. */
const edgeDays = [
  ...['2024-02-29', '2026-01-28', '2026-01-29', '2026-01-30', '2026-01-31', '2026-02-28', '2026-03-31'],
  ...['2026-04-30', '2026-08-31', '2026-12-31', '2027-11-30', '2028-01-31', '2028-02-29'],
  ...['2026-03-08', '2026-11-01', '2026-02-08', '2026-10-01', '2026-03-29', '2026-10-25', '2026-09-25'],
  ...['2026-04-05', '2026-10-04', '2026-01-17', '2026-06-15'],
];
const edgeTimes = [
  '00:00:00.000',
  '00:30:00.000',
  '01:30:00.000',
  '06:30:00.000',
  '07:30:00.000',
  '23:59:59.999',
];
const zones = ['UTC', 'UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Auckland'];

const start = fc
  .tuple(fc.constantFrom(...edgeDays), fc.constantFrom(...edgeTimes))
  .map(([day, time]) => Date.parse(`${day}T${time}Z`));

const share = fc.constantFrom<Share>('none', 'none', 'one', 'half', 'half', 'all', 'over');
const until = fc.oneof(
  fc.record({ minutes: fc.integer({ min: 0, max: 1_440 }) }),
  fc.record({ n: fc.integer({ min: 1, max: 3 }), ms: beside }),
);
const newest = fc.oneof(fc.constant(0), fc.nat({ max: 3 }));

const toDue = fc.record({
  do: fc.constant('to_due' as const),
  n: fc.integer({ min: 1, max: 9 }),
  ms: beside,
});
const hold = fc.record({ do: fc.constant('hold' as const), credits: share, until });
const capture = fc.record({ do: fc.constant('capture' as const), n: newest, credits: share });
const reverse = fc.record({ do: fc.constant('reverse' as const), n: newest, credits: share });
const release = fc.record({ do: fc.constant('release' as const), n: newest });
const grant = fc.record({
  do: fc.constant('grant' as const),
  credits: fc.integer({ min: 1, max: 400 }),
  days: fc.option(fc.integer({ min: 0, max: 120 }), { freq: 6 }),
  ms: beside,
});

/** The operations that no catalogue matters to. */
const calendarOps: fc.WeightedArbitrary<Op>[] = [
  { weight: 3, arbitrary: hold },
  { weight: 3, arbitrary: capture },
  { weight: 3, arbitrary: reverse },
  { weight: 1, arbitrary: release },
  { weight: 9, arbitrary: toDue },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('days' as const), n: fc.integer({ min: 0, max: 70 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('outage' as const), days: fc.integer({ min: 1, max: 100 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('spend_all' as const), credits: beside }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('spend' as const), credits: fc.integer({ min: 0, max: 500 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('cancel' as const),
      at: fc.constantFrom('renewal' as const, 'renewal' as const, 'now' as const),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'resume' as const }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('method' as const), method }) },
  { weight: 2, arbitrary: grant },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const), n: fc.nat({ max: 6 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('allowance' as const), credits: fc.nat({ max: 900 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      n: fc.oneof(fc.constant(0), fc.nat({ max: 5 })),
      outcome: fc.constantFrom('paid' as const, 'paid' as const, 'declined' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('refund' as const),
      n: fc.nat({ max: 3 }),
      part: fc.constantFrom('half' as const, 'all' as const, 'all' as const),
    }),
  },
];

/** A plan and an interval of a catalogue, seldom one that it is not sold by. */
const plansOf = ({ plans }: Drawn): fc.Arbitrary<{ plan: string; interval: Interval }> => {
  const isShort = plans.length < 3;
  return fc.oneof(
    ...plans.map(({ id, contract, prices }) => ({
      weight: contract ? 1 : 6,
      arbitrary: fc.record({
        plan: fc.constant(id),
        interval: contract
          ? fc.constantFrom(...INTERVALS)
          : fc.constantFrom(...INTERVALS.filter((each) => prices[each] !== undefined)),
      }),
    })),
    {
      weight: isShort ? 1 : 2,
      arbitrary: fc.record({
        plan: fc.constantFrom(...plans.map(({ id }) => id)),
        interval: fc.constantFrom(...INTERVALS),
      }),
    },
  );
};

/** The operations on plans and packs of a catalogue. */
function opsOf(catalog: Drawn): fc.Arbitrary<Op> {
  const ids = catalog.packs.map(({ id }) => id);
  // Where several are sold, a purchase must name one.
  const pack =
    ids.length === 0 ? fc.constant(null) : fc.option(fc.constantFrom(...ids), { freq: ids.length * 2 });
  const items = fc.array(
    fc.record({ pack: fc.constantFrom(...ids, 'pack_x'), quantity: fc.nat({ max: 2 }) }),
    { maxLength: 2 },
  );
  return fc.oneof(
    ...calendarOps,
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant('buy' as const),
        packs: fc.integer({ min: 1, max: 3 }),
        pack,
        method: seldom(method, 1),
        interval: seldom(fc.constantFrom(...INTERVALS), 9),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('add_on' as const),
        packs: fc.nat({ max: 3 }),
        items: fc.option(items, { freq: 1 }),
      }),
    },
    {
      weight: 5,
      arbitrary: plansOf(catalog).map((wanted) => ({ do: 'change' as const, ...wanted })),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'activate' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'reprice' as const }) },
    {
      weight: 3,
      arbitrary: editsOf(catalog).map((edit) => ({ do: 'catalogue' as const, edit })),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('top_up' as const),
        packs: fc.integer({ min: 1, max: 2 }),
        pack,
        threshold: fc.option(fc.integer({ min: 1, max: 300 }), { freq: 4 }),
      }),
    },
  );
}

/** Events that are rare by chance: credits that return after something happened to their grants. */
const between = fc.oneof(
  fc.record({ do: fc.constant('to_due' as const), n: fc.integer({ min: 1, max: 2 }), ms: beside }),
  fc.constant<Op>({ do: 'cancel', at: 'now' }),
  fc.constant<Op>({ do: 'revoke', n: -1 }),
  fc.record({ do: fc.constant('outage' as const), days: fc.integer({ min: 1, max: 45 }) }),
);
const comingBack: fc.Arbitrary<Op[]> = fc.tuple(
  fc.oneof(grant, hold, fc.constant<Op>({ do: 'cancel', at: 'renewal' })),
  hold,
  between,
  fc.oneof(capture, capture, release, between),
  fc.oneof(capture, reverse, between),
);

/** a trial and a free plan may begin without a payment method. */
function canWait({ contract, trial, prices }: Drawn['plans'][0], interval: Interval, withTrial: boolean) {
  return contract || (withTrial && trial !== null) || prices[interval] === 0;
}

/** Packs that are bought, and whose money goes back after something happened to them. */
const goingBack = (catalog: Drawn): fc.Arbitrary<Op[]> => {
  const ids = catalog.packs.map(({ id }) => id);
  const buy = fc.record({
    do: fc.constant('buy' as const),
    packs: fc.integer({ min: 1, max: 2 }),
    pack: ids.length === 0 ? fc.constant(null) : fc.constantFrom(...ids),
    method: fc.constant<Method>('sandbox_ok'),
    interval: fc.constant(null),
  });
  const refund = fc.constantFrom<Op>(
    { do: 'refund', n: 0, part: 'all' },
    { do: 'refund', n: 1, part: 'all' },
    { do: 'refund', n: 0, part: 'half' },
  );
  return fc.tuple(buy, fc.oneof(toDue, buy, fc.constant<Op>({ do: 'spend_all', credits: 0 })), refund, toDue);
};

/** Lives by a catalogue: undefined is the built-in one. */
export function historiesOf(catalog: Drawn | undefined): fc.Arbitrary<History> {
  const known = catalogFrom(catalog, 30);
  /** Flat: a history is replayed op by op. */
  const ops = fc
    .array(
      fc.oneof(
        { weight: 40, arbitrary: fc.tuple(opsOf(known)) },
        { weight: 1, arbitrary: comingBack },
        { weight: 2, arbitrary: goingBack(known) },
      ),
      { minLength: 1, maxLength: 18, size: 'max' },
    )
    .map((some) => some.flat());
  return fc
    .record({
      begins: plansOf(known),
      timeZone: fc.constantFrom(...zones),
      at: start,
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant<Method>('sandbox_ok') },
        { weight: 1, arbitrary: method },
      ),
      isNamed: fc.boolean(),
      trial: fc.constantFrom(true, true, false),
      movedInMonths: seldom(fc.integer({ min: 1, max: 30 }), 6),
      allowanceTerm: allowanceTerms,
      ops,
    })
    .map(({ begins, isNamed, trial, ...rest }): History => {
      const plan = known.plans.find(({ id }) => id === begins.plan)!;
      const isSold = plan.contract || plan.prices[begins.interval] !== undefined;
      const interval = isSold ? begins.interval : INTERVALS.find((each) => plan.prices[each] !== undefined)!;
      const canStart = rest.movedInMonths === null && canWait(plan, interval, trial);
      const named = {
        ...rest,
        plan: plan.id,
        interval,
        trial,
        method: isNamed || !canStart ? rest.method : null,
      };
      return catalog ? { ...named, catalog } : named;
    });
}

/** A third lives by the built-in catalogue. */
export const histories: fc.Arbitrary<History> = fc
  .oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary: drawnCatalogs })
  .chain(historiesOf);

export const expiryOf = (
  now: Instant,
  zone: string,
  { days, ms }: { days: number | null; ms: Beside },
): Instant => (days === null ? NEVER : addDays(now, zone, days) + ms);
