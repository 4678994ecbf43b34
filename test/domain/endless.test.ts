import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { readCatalog } from '../../src/catalog/read.ts';
import type { Grant } from '../../src/domain/burndown.ts';
import {
  addDays,
  boundary,
  cycleAt,
  cycleUnit,
  INTERVALS,
  type Interval,
  NEVER,
  renewalOf,
} from '../../src/domain/calendar.ts';
import { type Catalog, findPlan, type Plan, packsOn } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { renewalCharge } from '../../src/domain/charges.ts';
import { type Change, curve } from '../../src/domain/curve.ts';
import { nextDue, workAt, workThrough } from '../../src/domain/due.ts';
import { balance, openGrants } from '../../src/domain/model/book.ts';
import type { State } from '../../src/domain/state.ts';
import { advanceLife, forecast, type Life, type OpenHold, startLife } from '../../src/domain/timeline.ts';
import { sized } from '../support/campaign.ts';
import { allowanceTerms, catalogFrom, drawnCatalogs, fileOf } from './catalogs.ts';

// Every forecast and every read ahead ends soon, for any state and catalogue. The test counts steps, not time: one step is one
// instant that the calendar works or looks for.

const RUNS = sized(1_200, 15_000);

const steps = vi.hoisted(() => ({ made: 0, most: Number.POSITIVE_INFINITY }));

/** A loop without an end would never be counted: it is stopped at the bound. */
vi.mock(import('../../src/domain/due.ts'), async (original) => {
  const due = await original();
  const counted =
    <Args extends unknown[], Answer>(work: (...args: Args) => Answer) =>
    (...args: Args): Answer => {
      steps.made += 1;
      if (steps.made > steps.most) throw new Error(`more than ${steps.most} steps`);
      return work(...args);
    };
  return { ...due, nextDue: counted(due.nextDue), workAt: counted(due.workAt) };
});

function within<Answer>(most: number, work: () => Answer): Answer {
  Object.assign(steps, { made: 0, most });
  const answer = work();
  steps.most = Number.POSITIVE_INFINITY;
  return answer;
}

beforeEach(() => void Object.assign(steps, { made: 0, most: Number.POSITIVE_INFINITY }));

const DAY = 86_400_000;
const YEARS_AHEAD = 10;
const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Asia/Kathmandu',
];
/** Ends of months, leap days, changes of the clock, the day that Apia skipped, and the ends of the API's range. */
const days = [
  ...[
    '1970-01-01',
    '1972-02-29',
    '2000-02-29',
    '2011-12-29',
    '2024-02-29',
    '2026-01-31',
    '2026-03-29',
    '2026-10-25',
  ],
  ...['2026-11-30', '2026-12-31', '2027-02-28', '2100-02-28', '2400-02-29', '2999-12-31'],
];
const instant = fc
  .tuple(fc.constantFrom(...days), fc.integer({ min: 0, max: DAY - 1 }))
  .map(([day, ms]) => Date.parse(day) + ms);

/** The built-in plans and packs at the smallest and largest values. */
const extremes: fc.Arbitrary<Catalog> = fc
  .record({
    allowance_term: fc.oneof(
      fc.constant('until_next_refresh' as const),
      fc.record({ days: fc.constantFrom(1, 30, 3_660) }),
    ),
    packTermDays: fc.constantFrom(0, 1, 90, 3_660),
    dunning_days: fc.constantFrom(
      [1],
      [27],
      [1, 3, 5, 7],
      Array.from({ length: 27 }, (_, i) => i + 1),
    ),
    credits: fc.constantFrom(1, 300, 1_000_000_000_000),
    price: fc.constantFrom(1, 1_000_000_000_000),
  })
  .map(({ credits, price, packTermDays, ...policies }) => ({
    ...DEFAULT_CATALOG,
    plans: DEFAULT_CATALOG.plans.map((plan) =>
      plan.contract ? plan : { ...plan, prices: { month: price, year: price }, credits },
    ),
    packs: DEFAULT_CATALOG.packs.map((pack) => ({
      ...pack,
      ...{ price, credits, term: { days_after_renewal: packTermDays } },
    })),
    policies: { ...DEFAULT_CATALOG.policies, ...policies },
  }));

const catalogs: fc.Arbitrary<Catalog> = fc.oneof(
  extremes,
  fc.tuple(drawnCatalogs, allowanceTerms).map(([drawn, term]) => catalogFrom(drawn, term)),
);

/** The nth plan of a catalogue, at the nth interval that it is sold by. */
function planAt({ plans }: Catalog, n: number, nth: number): { plan: string; interval: Interval } {
  const plan: Plan = plans[n % plans.length]!;
  const sold = INTERVALS.filter((interval) => plan.contract || plan.prices[interval] !== undefined);
  return { plan: plan.id, interval: sold[nth % sold.length]! };
}

/** Months that the calendar is behind its now: nothing ran for so long, or the subscription was moved in from then. */
const behind = fc.constantFrom(0, 0, 0, 1, 13, 700);

interface Case {
  state: State;
  catalog: Catalog;
  holds: OpenHold[];
  behind: number;
}

/** States as the calendar and the ledger make them, and some that neither would: a step that nothing bounds is found either way. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    catalog: catalogs,
    at: instant,
    behind,
    lived: fc.integer({ min: 0, max: 600 }),
    timeZone: fc.constantFrom(...zones),
    plan: fc.nat({ max: 3 }),
    interval: fc.nat({ max: 3 }),
    status: fc.constantFrom<State['status']>(
      ...(['active', 'active', 'active', 'trialing', 'past_due', 'incomplete', 'ended'] as const),
    ),
    method: fc.constantFrom('sandbox_ok', 'sandbox_ok', 'sandbox_ok', ''),
    kept: fc.constantFrom(null, null, 0, 900),
    packs: fc.constantFrom(0, 1, 100, 9_007_199),
    allowance: fc.constantFrom(null, 0, 0, 1, 1_000_000_000_000),
    scheduled: fc.constantFrom<'cancel' | 'plan' | null>(null, null, 'cancel', 'plan'),
    unpaid: fc.constantFrom<'declined' | 'pending' | null>(null, null, 'declined', 'pending'),
    waiting: fc.nat({ max: 3 }),
    isTerm: fc.boolean(),
    grants: fc.array(
      fc.record({
        credits: fc.constantFrom(0, 1, 100, 1_000_000_000_000),
        held: fc.constantFrom(0, 0, 7),
        days: fc.integer({ min: -400, max: 9_000 }),
        taken: fc.constantFrom(undefined, undefined, 'expired' as const, 'revoked' as const),
      }),
      { maxLength: 40 },
    ),
  })
  .map((wanted): Case => {
    const { at, timeZone, catalog, isTerm, kept } = wanted;
    const { plan, interval } = planAt(catalog, wanted.plan, wanted.interval);
    const unit = cycleUnit(interval);
    const isTrial = wanted.status === 'trialing';
    const anchorAt = isTrial
      ? addDays(at, timeZone, 7)
      : boundary(at, timeZone, -Math.min(wanted.lived, monthsSince1970(at)), unit);
    const known = cycleAt(anchorAt, timeZone, at, unit);
    const cycle = isTrial ? -1 : Math.max(0, known - wanted.behind);
    const grants = wanted.grants.map(
      ({ credits, held, days: term, taken }, i): Grant => ({
        id: `grt_${i}`,
        kind: (['allowance', 'pack', 'adjustment'] as const)[i % 3]!,
        amount: credits + held,
        remaining: taken === undefined ? credits : 0,
        held,
        effectiveAt: at - 500 * DAY,
        expiresAt: at + term * DAY + i,
        made: i,
        ...(taken !== undefined && held > 0 ? { taken } : {}),
      }),
    );
    const state: State = {
      rulesVersion: 2,
      id: 'sub_e',
      customerId: 'customer',
      plan,
      interval,
      timeZone,
      status: wanted.status,
      testClock: true,
      now: at,
      series: 0,
      anchorAt,
      cycle,
      paidRenewal: isTrial ? -1 : isTerm ? renewalOf(cycle, interval) : 0,
      ...(kept === null ? {} : { kept: { priceMinor: kept, credits: 7 } }),
      addOn: packsOn(catalog, plan, interval)
        .slice(0, wanted.packs)
        .map(({ id }) => ({ pack: id, quantity: wanted.packs })),
      allowance: wanted.allowance,
      paymentMethod: wanted.method,
      scheduled: null,
      unpaid: null,
      waiting: [],
      givenUp: [],
      grants,
      endedAt: wanted.status === 'ended' ? at : null,
    };
    const nextAt = boundary(anchorAt, timeZone, cycle + 1, unit);
    if (wanted.scheduled === 'cancel') state.scheduled = { kind: 'cancel', at: nextAt };
    if (wanted.scheduled === 'plan')
      state.scheduled = { kind: 'plan', at: nextAt, ...planAt(catalog, wanted.waiting, wanted.waiting) };
    if (findPlan(catalog, plan, interval)!.price_minor) {
      const asked = { ...state, scheduled: null, kept: { priceMinor: 900, credits: 7 } };
      const charge = renewalCharge(asked, catalog, Math.max(cycle, 0), at);
      const retryAt = catalog.policies.dunning_days.map((day) => addDays(at, timeZone, day));
      if (wanted.unpaid) state.unpaid = { charge, pending: wanted.unpaid === 'pending', retries: 0, retryAt };
      state.waiting = Array.from({ length: wanted.waiting }, (_, i) => ({
        charge: { ...charge, id: `chg_w${i}`, kind: 'purchase', purchaseId: `pur_${i}` },
      }));
    }
    const holds = grants.flatMap(({ id, held, kind }, i): OpenHold[] =>
      held === 0
        ? []
        : [
            {
              id: `hld_${i}`,
              credits: held,
              deadline: at + (i - 5) * 3_600_000,
              debits: [{ grant_id: id, kind, credits: held }],
            },
          ],
    );
    return { state, catalog, holds, behind: known - cycle };
  });

const monthsSince1970 = (at: number): number => new Date(at).getUTCFullYear() * 12 - 1_970 * 12;

/** The most boundaries of so many years: a life may come to a weekly plan. */
const boundariesIn = (years: number, { plans }: Catalog): number =>
  years * (plans.some(({ prices, contract }) => contract || prices.week !== undefined) ? 53 : 12);

/** Instants there can be: one a month or week, one a grant, hold, retry and payment in flight; a few lookings at each. */
function mostSteps({ state, holds, behind: months, catalog }: Case): number {
  const instants =
    boundariesIn(YEARS_AHEAD + Math.ceil(months / 12), catalog) +
    state.grants.length +
    holds.length +
    state.waiting.length +
    catalog.policies.dunning_days.length;
  return 4 * (instants + 5);
}

/** The answer; or null where the state is one that no command leads to, and the core says so (src/domain/due.ts). */
function answered<Answer>(work: () => Answer): Answer | null {
  try {
    return work();
  } catch (error) {
    if (!String(error).includes('stays due: a broken invariant')) throw error;
    return null;
  }
}

describe(`${RUNS} states and catalogues`, { timeout: 900_000 }, () => {
  const assert = <T>(arbitrary: fc.Arbitrary<T>, law: (value: T) => void, numRuns = RUNS) =>
    fc.assert(fc.property(arbitrary, law), { numRuns });

  test('the catalogues are ones that a start would accept', () => {
    fc.assert(
      fc.property(catalogs, (catalog) => void expect(readCatalog(fileOf(catalog))).toEqual({ catalog })),
    );
  });

  test('a forecast, and a balance read off it, ends without a bound, at a number, and at an instant however far', () => {
    assert(
      fc.tuple(cases, fc.constantFrom({}, { limit: 1 }, { limit: 100 }, { until: 8.64e15 }), fc.boolean()),
      ([one, bounds, withHolds]) => {
        const { state, catalog, holds } = one;
        const wanted = withHolds ? { ...bounds, holds } : bounds;
        const reported = within(mostSteps(one), () =>
          answered(() => forecast(state, state.grants, catalog, wanted)),
        );
        if (!reported) return;
        const horizon = boundary(state.now, 'UTC', 12 * YEARS_AHEAD);
        for (const { at } of reported.happenings) expect(at).toBeLessThanOrEqual(horizon);
        expect(balance(reported.life.book, horizon).available).toBeGreaterThanOrEqual(0);
      },
    );
  });

  test('a curve looks at each grant, change and entry a few times', () => {
    assert(
      cases,
      ({ state, catalog }) => {
        const { now, grants } = state;
        const ahead = answered(() => forecast(state, grants, catalog, { until: now + 60 * DAY }));
        if (!ahead) return;
        let looks = 0;
        const past = grants.flatMap(({ id }) => [1, 2].map((day) => change(id, now - day * DAY)));
        function change(id: string, at: number): Change {
          return {
            at,
            credits: -1,
            kind: 'use',
            get grantId() {
              looks += 1;
              return id;
            },
          };
        }
        curve(
          grants,
          past,
          { changes: ahead.changes, grants: ahead.life.book.grants },
          { from: now - 30 * DAY, now, ends: null },
        );
        expect(looks).toBeLessThanOrEqual(4 * past.length);
      },
      RUNS / 2,
    );
  });

  test('a simulated life has one instant a month or week, and its grants', () => {
    const lives = fc.record({
      catalog: catalogs,
      at: instant,
      timeZone: fc.constantFrom(...zones),
      plan: fc.nat({ max: 3 }),
      interval: fc.nat({ max: 3 }),
      trial: fc.boolean(),
      allowance: fc.constantFrom(0, 1, 5_000),
      outcome: fc.constantFrom('paid' as const, 'declined' as const, 'pending' as const),
      months: fc.constantFrom(0, 1, 13, 120),
    });
    assert(
      lives,
      ({ catalog, at, timeZone, plan, interval, trial, allowance, outcome, months }) => {
        const at0 = planAt(catalog, plan, interval);
        const hasTrial = trial && catalog.plans.find(({ id }) => id === at0.plan)!.trial !== null;
        const start = { id: 'sub_e', customerId: 'c', ...at0, timeZone, allowance, trial: hasTrial };
        const more = { paymentMethod: 'sandbox_ok', anchorAt: null, testClock: true };
        const payer: Life['payer'] = ({ kind }) => (kind === 'start' ? 'paid' : outcome);
        const life = startLife({ ...start, ...more }, at, catalog, payer);
        // Of an instant: looked for, worked, and looked at by each. A month has a boundary, and the term of an allowance ends.
        const boundaries = at0.interval === 'week' ? 5 * months : months;
        within(5 * (2 * boundaries + 40), () => advanceLife(life, boundary(at, timeZone, months)));
        // the API's time ends at NEVER, and nothing is due there.
        const now = Math.min(life.state.now, NEVER - 1);
        expect(openGrants(life.book).every(({ expiresAt }) => expiresAt > now)).toBe(true);
      },
      RUNS / 2,
    );
  });

  test('R-90: an advance of a hundred years is a bounded number of steps, each with a bounded number of instants', () => {
    fc.assert(
      fc.property(cases, ({ state, catalog, behind: months }) => {
        const to = boundary(state.now, 'UTC', 1_200);
        const most = (boundariesIn(100 + Math.ceil(months / 12), catalog) + state.grants.length + 40) / 50;
        let now = state;
        let made = 0;
        answered(() => {
          for (let isReached = false; !isReached; made += 1) {
            // Every charge is paid, and the next step goes on from the state after it.
            const step = workThrough(now, to, catalog);
            if (step.charge) return;
            expect(made).toBeLessThanOrEqual(most);
            now = step.state;
            isReached = step.reached;
          }
        });
      }),
      { numRuns: RUNS / 20 },
    );
  });

  test('work due at an instant is due no more once it is done', () => {
    assert(cases, ({ state, catalog }) => {
      answered(() => {
        const due = nextDue(state);
        if (due === null) return;
        const { state: after, charge } = workAt(state, due.at, Math.max(due.at, state.now), catalog);
        if (charge === null) expect(nextDue(after)?.at ?? Number.POSITIVE_INFINITY).toBeGreaterThan(due.at);
      });
    });
  });
});
