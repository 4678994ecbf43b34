import { expect, test } from 'vitest';
import { type Instant, iso } from '../../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { answered } from '../../src/domain/charge-outcomes.ts';
import { begin, decide } from '../../src/domain/commands.ts';
import { nextDue, workAt } from '../../src/domain/due.ts';
import { book, bookCharge, emptyBook, openGrants, spend } from '../../src/domain/model/book.ts';
import { hold, releaseDue } from '../../src/domain/model/holds.ts';
import type { Decision, Outcome, State } from '../../src/domain/state.ts';
import { facts } from '../../src/domain/timeline.ts';

// R-13 on a live clock: nothing ran for a while, and then everything missed is worked through at one present.
// The scenario tables can't show this: an advancing test clock is never late.

const at = (day: string): Instant => Date.parse(day.length === 10 ? `${day}T00:00:00Z` : day);

function live(plan: 'creator', interval: 'month' | 'year', from: string) {
  const book0 = emptyBook();
  let state: State;
  let outcome: Outcome = 'paid';

  function carryOut(decision: Decision, booked: Instant): void {
    book(book0, decision.effects);
    state = decision.state;
    if (!decision.charge) return;
    bookCharge(book0, decision.charge, outcome);
    const answer = answered(state, decision.charge, outcome, booked, DEFAULT_CATALOG);
    book(book0, answer.effects);
    state = answer.state;
  }

  const start = {
    id: 'sub_1',
    customerId: 'c',
    plan,
    interval,
    timeZone: 'UTC',
    paymentMethod: 'sandbox_ok',
  };
  carryOut(
    begin({ ...start, allowance: null, anchorAt: null, testClock: false }, at(from), DEFAULT_CATALOG),
    at(from),
  );
  return {
    /** Everything wakes at this instant and works through the missed work. */
    wake(now: string) {
      for (let due = nextDue(state); due && due.at <= at(now); due = nextDue(state))
        carryOut(workAt(state, due.at, at(now), DEFAULT_CATALOG), at(now));
    },
    hold(credits: number, from: string, deadline: string) {
      hold(book0, { id: 'hld_1', credits, at: at(from), deadline: at(deadline) });
    },
    /** The ledger releases overdue holds, and answers the credits left. */
    release(now: string) {
      releaseDue(book0, at(now));
      state = { ...state, grants: openGrants(book0) };
    },
    cancel(now: string) {
      carryOut(decide(state, { type: 'cancel', at: 'renewal' }, at(now), DEFAULT_CATALOG), at(now));
    },
    topUp(now: string) {
      const wish = { threshold: 50, packs: 1, monthlyCeilingMinor: 100_000 };
      carryOut(decide(state, { type: 'set_top_up', wish }, at(now), DEFAULT_CATALOG), at(now));
    },
    changesTo(interval: 'month' | 'year', now: string) {
      const wanted = { type: 'change_plan' as const, chargeId: 'chg_late', plan, interval };
      carryOut(decide(state, wanted, at(now), DEFAULT_CATALOG), at(now));
    },
    /** A nudge from the ledger to the workflow. */
    spends(credits: number, now: string) {
      spend(book0, credits, at(now));
      state = { ...state, now: at(now), grants: openGrants(book0) };
    },
    pays(next: Outcome) {
      outcome = next;
    },
    get state() {
      return state;
    },
    get reported() {
      return facts(book0).map(({ at: when, what, amount }) => `${iso(when).slice(0, 10)} ${what} ${amount}`);
    },
    notes: book0.notes,
    charges: book0.charges,
  };
}

test('R-13: a boundary found a day late is charged and granted at the boundary', () => {
  const life = live('creator', 'month', '2026-01-17');
  life.wake('2026-02-18');
  expect(life.reported).toEqual([
    '2026-01-17 charge start USD 29.00',
    '2026-01-17 grant allowance +200',
    '2026-02-16 expiry allowance -200',
    '2026-02-17 charge renewal USD 29.00',
    '2026-02-17 grant allowance +200',
  ]);
});

test('R-13: ninety days of outage: renewals found when the next was due are skipped and recorded', () => {
  const life = live('creator', 'month', '2026-01-17');
  life.wake('2026-04-20');
  expect(life.reported).toEqual([
    '2026-01-17 charge start USD 29.00',
    '2026-01-17 grant allowance +200',
    '2026-02-16 expiry allowance -200',
    '2026-04-17 charge renewal USD 29.00',
    '2026-04-17 grant allowance +200',
  ]);
  expect(life.notes.map((note) => [iso(note.at).slice(0, 10), note.kind])).toEqual([
    ['2026-01-17', 'started'],
    ['2026-02-17', 'renewal_skipped'],
    ['2026-03-17', 'renewal_skipped'],
    ['2026-04-17', 'renewed'],
  ]);
});

test('R-13 R-51: a change scheduled for a renewal that is skipped is told anew, of the renewal that follows', () => {
  const life = live('creator', 'year', '2026-01-17');
  life.changesTo('month', '2026-02-01');
  life.wake('2028-01-18');
  const notes = life.notes.filter(({ kind }) => /scheduled|skipped|changed/.test(kind));
  expect(
    notes.map((note) => [
      note.kind,
      iso(note.at).slice(0, 10),
      'change' in note && note.change ? iso(note.change.at).slice(0, 10) : null,
    ]),
  ).toEqual([
    ['change_scheduled', '2026-02-01', '2027-01-17'],
    ['change_scheduled', '2027-01-17', '2028-01-17'],
    ['renewal_skipped', '2027-01-17', null],
    ['changed', '2028-01-17', null],
  ]);
});

test('R-13 R-20: missed refreshes of a paid year come one by one, each with its own expiry', () => {
  const life = live('creator', 'year', '2026-01-17');
  life.wake('2026-04-20');
  expect(life.reported).toEqual([
    '2026-01-17 charge start USD 288.00',
    '2026-01-17 grant allowance +200',
    '2026-02-16 expiry allowance -200',
    '2026-02-17 grant allowance +200',
    '2026-03-17 grant allowance +200',
    '2026-03-19 expiry allowance -200',
    '2026-04-16 expiry allowance -200',
    '2026-04-17 grant allowance +200',
  ]);
});

test('R-13 R-20: a skipped year brings no allowances', () => {
  const life = live('creator', 'year', '2026-01-17');
  life.wake('2028-01-20');
  const renewals = [...life.charges.values()].filter(({ kind }) => kind === 'renewal');
  expect(renewals.map((charge) => iso(charge.at).slice(0, 10))).toEqual(['2028-01-17']);
  expect(life.reported.filter((line) => line.startsWith('2027-') && line.includes('grant'))).toEqual([]);
});

test('R-13 R-41: retries missed while nothing ran count as one, and the end waits for a retry really made', () => {
  const life = live('creator', 'month', '2026-01-17');
  life.pays('declined');
  life.wake('2026-02-17T01:00:00Z');
  expect(life.state.status).toBe('past_due');

  const paid = live('creator', 'month', '2026-01-17');
  paid.pays('declined');
  paid.wake('2026-02-17T01:00:00Z');
  paid.pays('paid');
  paid.wake('2026-03-01');
  expect(paid.state.status).toBe('active');

  life.wake('2026-03-01');
  expect([life.state.status, iso(life.state.endedAt!)]).toEqual(['ended', '2026-03-01T00:00:00.000Z']);
});

test('R-13: missed retries leave those still ahead', () => {
  const life = live('creator', 'month', '2026-01-17');
  life.pays('declined');
  life.wake('2026-02-17T01:00:00Z');
  life.wake('2026-02-21');
  expect([life.state.status, life.state.unpaid?.retries]).toEqual(['past_due', 2]);
  expect(nextDue(life.state)).toEqual({ at: at('2026-02-22'), kind: 'retry' });
});

test('R-13 R-51: a scheduled end found late is dated at its boundary', () => {
  const life = live('creator', 'month', '2026-01-17');
  life.cancel('2026-01-20');
  life.wake('2026-03-30');
  expect([life.state.status, iso(life.state.endedAt!)]).toEqual(['ended', '2026-02-17T00:00:00.000Z']);
  expect(life.charges.size).toBe(1);
});

test('R-72 R-13: a deadline passed before the expiry, found after it: released in time, and expired in time', () => {
  const life = live('creator', 'month', '2026-01-17');
  life.hold(150, '2026-02-15', '2026-02-15T01:00:00Z');
  life.wake('2026-02-16');
  life.release('2026-02-16');
  expect(life.reported.slice(2)).toEqual([
    '2026-02-15 hold allowance -150',
    '2026-02-15 release allowance +150',
    '2026-02-16 expiry allowance -50',
    '2026-02-16 expiry allowance -150',
  ]);
});

test('R-73 R-13: held credits are not due at their expiry; released late, they are gone at once', () => {
  const life = live('creator', 'month', '2026-01-17');
  life.hold(200, '2026-02-15T23:30:00Z', '2026-02-16T00:30:00Z');
  life.wake('2026-02-16T00:15:00Z');
  life.release('2026-02-16T00:15:00Z');
  expect(life.state.grants.map(({ held, taken }) => [held, taken])).toEqual([[200, 'expired']]);
  expect(nextDue(life.state)).toEqual({ at: at('2026-02-17'), kind: 'renewal' });
  life.release('2026-02-18');
  expect(life.reported.slice(3)).toEqual([
    '2026-02-16 release allowance +200',
    '2026-02-16 expiry allowance -200',
  ]);
});

test('R-39 R-13: tries of a declined top-up that were missed count as one', () => {
  const life = live('creator', 'month', '2026-01-17');
  life.topUp('2026-01-17');
  life.pays('declined');
  life.spends(190, '2026-01-18');
  const tries = () => [...life.charges.values()].filter(({ id }) => /_t\d+$/.test(id)).length;
  life.wake('2026-01-18');
  expect(tries()).toBe(1);
  // An hour, six and a day later were the next; nothing ran for ten days.
  life.wake('2026-01-28');
  expect(tries()).toBe(2);
  life.wake('2026-01-28T05:59:59Z');
  expect(tries()).toBe(2);
  life.wake('2026-01-28T06:00:00Z');
  expect(tries()).toBe(3);
});
