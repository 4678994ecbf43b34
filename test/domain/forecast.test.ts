import { describe, expect, test } from 'vitest';
import { iso, NEVER } from '../../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { startCharge } from '../../src/domain/charges.ts';
import { nextDue, workThrough } from '../../src/domain/due.ts';
import { balance, openGrants } from '../../src/domain/model/book.ts';
import { hold, openHolds } from '../../src/domain/model/holds.ts';
import {
  advanceLife,
  bookDeadlines,
  command,
  forecast,
  type Life,
  type OpenHold,
  startLife,
} from '../../src/domain/timeline.ts';

function lifeOf(interval: 'month' | 'year', from: string, plan: string = 'creator'): Life {
  const start = {
    id: 'sub_f',
    customerId: 'customer',
    plan,
    interval,
    timeZone: 'UTC',
    paymentMethod: 'sandbox_ok',
    allowance: plan === 'enterprise' ? 5 : null,
    anchorAt: null,
    testClock: true,
  };
  return startLife(start, Date.parse(`${from}T00:00Z`), DEFAULT_CATALOG);
}

const buy = (paymentMethod: string | null) =>
  ({ type: 'buy_packs', purchaseId: 'pur_1', packs: 1, interval: null, paymentMethod }) as const;

function reported(life: Life, bounds: { until?: number; limit?: number; holds?: OpenHold[] }): string[] {
  const { happenings } = forecast(life.state, openGrants(life.book), life.catalog, bounds);
  return happenings.map(({ at, kind, credits, charge, rule }) =>
    [iso(at).slice(0, 10), kind, credits ?? '', charge?.amount_minor ?? '', rule]
      .join(' ')
      .replace(/ +/g, ' '),
  );
}

test('a monthly creator with a pack: expiries, then the renewal, then the refresh', () => {
  const life = lifeOf('month', '2026-01-31');
  command(life, buy(null));
  expect(reported(life, { until: Date.parse('2026-04-30') })).toEqual([
    '2026-02-28 renewal 300 4400 R-32',
    '2026-02-28 refresh 200 R-20',
    '2026-03-02 expiry -200 R-21',
    '2026-03-30 expiry -200 R-21',
    '2026-03-31 renewal 300 4400 R-32',
    '2026-03-31 refresh 200 R-20',
    '2026-04-30 expiry -200 R-21',
    '2026-04-30 renewal 300 4400 R-32',
    '2026-04-30 refresh 200 R-20',
  ]);
});

test('a scheduled end forfeits the credits left, and nothing follows', () => {
  const life = lifeOf('month', '2026-04-17');
  command(life, buy(null));
  command(life, { type: 'cancel', at: 'renewal' });
  expect(reported(life, {})).toEqual(['2026-05-17 expiry -200 R-21', '2026-05-17 end -300 R-50']);
});

test('at most as many as asked for, and the life itself stays where it is', () => {
  const life = lifeOf('year', '2026-01-17');
  const before = JSON.stringify([life.state, life.book.entries]);
  expect(reported(life, { limit: 3 })).toEqual([
    '2026-02-16 expiry -200 R-21',
    '2026-02-17 refresh 200 R-20',
    '2026-03-17 refresh 200 R-20',
  ]);
  expect(JSON.stringify([life.state, life.book.entries])).toBe(before);
});

test('an ended subscription ends once, with any payment still pending', () => {
  const life = lifeOf('month', '2026-04-17');
  command(life, buy('sandbox_pending'));
  command(life, { type: 'cancel', at: 'now' });
  expect(reported(life, {})).toEqual([]);
});

/** Half an hour before its allowance expires on 2026-05-17, all of it is held until half an hour after. */
function holding(): Life {
  const life = lifeOf('month', '2026-04-17');
  command(life, { type: 'cancel', at: 'renewal' });
  advanceLife(life, Date.parse('2026-05-16T23:30Z'));
  hold(life.book, {
    id: 'hld_1',
    credits: 200,
    at: life.state.now,
    deadline: Date.parse('2026-05-17T00:30Z'),
  });
  bookDeadlines(life, life.state.now);
  return life;
}

test('R-72: open holds are released at their deadlines; credits whose term is over expire then', () => {
  const life = holding();
  expect(reported(life, { holds: openHolds(life.book) })).toEqual([
    '2026-05-17 end 0 R-50',
    '2026-05-17 expiry -200 R-21',
  ]);
  expect(reported(life, { until: Date.parse('2026-05-17'), holds: openHolds(life.book) })).toEqual([
    '2026-05-17 end 0 R-50',
  ]);
});

test('without the holds held credits count as returned from the start', () => {
  const life = holding();
  expect(reported(life, {})).toEqual(['2026-05-17 expiry -200 R-21', '2026-05-17 end 0 R-50']);
  const { life: now } = forecast(life.state, openGrants(life.book), life.catalog, { until: life.state.now });
  expect(balance(now.book, life.state.now)).toMatchObject({ available: 200, held: 0 });
  expect(balance(life.book, life.state.now)).toMatchObject({ available: 0, held: 200 });
});

test('R-73: held credits of a grant whose term is over do not come back', () => {
  const life = holding();
  advanceLife(life, Date.parse('2026-05-17'));
  const at = life.state.now;
  expect(openGrants(life.book).map(({ held, taken }) => [held, taken])).toEqual([[200, 'expired']]);
  const { life: without } = forecast(life.state, openGrants(life.book), life.catalog, { until: at });
  expect(balance(without.book, at)).toMatchObject({ available: 0, held: 0 });
  expect(reported(life, { holds: openHolds(life.book) })).toEqual(['2026-05-17 expiry -200 R-21']);
});

describe('a forecast ends', () => {
  test('ten years from now, where nothing comes any more', () => {
    const life = lifeOf('month', '2026-01-31', 'enterprise');
    command(life, { type: 'set_allowance', credits: 0 });
    expect(reported(life, { limit: 2 })).toEqual(['2026-03-02 expiry -5 R-21']);
    expect(reported(life, {})).toEqual(['2026-03-02 expiry -5 R-21']);
  });

  test('at the horizon, for any bound', () => {
    const life = lifeOf('month', '2026-01-31');
    for (const bounds of [{}, { until: Date.parse('2999-01-01') }, { limit: 1e9 }])
      expect(reported(life, bounds).at(-1)).toBe('2036-01-31 refresh 200 R-20');
  });

  test('with an error where done work stays due', () => {
    const { state } = lifeOf('month', '2026-01-31');
    // No command leads here: a first payment that is both open and paid.
    const at = Date.parse('2026-02-28');
    const unpaid = {
      charge: startCharge(state, DEFAULT_CATALOG, at),
      pending: false,
      retries: 0,
      retryAt: [],
    };
    expect(() =>
      forecast(
        { ...state, unpaid: { ...unpaid, charge: { ...unpaid.charge, kind: 'renewal' } } },
        [],
        DEFAULT_CATALOG,
        {},
      ),
    ).toThrow('renewal of 2026-02-28T00:00:00.000Z stays due');
  });
});

test('R-90: a step of an advance has an end, also where its cycles bring nothing', () => {
  const life = lifeOf('year', '2026-01-31', 'enterprise');
  command(life, { type: 'set_allowance', credits: 0 });
  const to = Date.parse('2126-01-31');
  let steps = 0;
  for (let step = { state: life.state, reached: false }; !step.reached; steps += 1)
    step = workThrough(step.state, to, DEFAULT_CATALOG);
  // 1,200 cycles and the expiry of the first allowance, 200 instants a step.
  expect(steps).toBe(7);
});

test('R-83: the end of a grant without one is never due and never foretold, also in the last years of the calendar', () => {
  const life = lifeOf('year', '2995-01-31', 'enterprise');
  command(life, { type: 'issue_grant', grantId: 'grt_1', credits: 7, expiresAt: NEVER, reason: 'r' });
  const { changes, life: ahead } = forecast(life.state, openGrants(life.book), life.catalog, {});
  expect(changes.filter(({ grantId }) => grantId === 'grt_1')).toEqual([]);
  expect(balance(ahead.book, NEVER - 1).by_kind.adjustment).toBe(7);
  expect(nextDue({ ...life.state, status: 'past_due', grants: life.state.grants.slice(-1) })).toBeNull();
});
