import { describe, expect, test } from 'vitest';
import type { GrantKind } from '../../src/domain/burndown.ts';
import { Refusal } from '../../src/domain/errors.ts';
import { type Book, balance, book, emptyBook, openGrants, spend } from '../../src/domain/model/book.ts';
import { capture, hold, holdDeadline, openHolds, release, releaseDue } from '../../src/domain/model/holds.ts';
import { reverse } from '../../src/domain/model/reversals.ts';
import type { Effect } from '../../src/domain/state.ts';

// Small books whose clock counts from 0: the allowance `a` lives until 30, the pack `p` until 90.

function granted(id: string, kind: GrantKind, credits: number, expiresAt: number): Effect {
  const more = { effectiveAt: 0, cause: id, chargeId: null, reason: null };
  return { type: 'grant', id, kind, credits, expiresAt, ...more };
}

/** 200 of an allowance and 300 of a pack, of which 250 are held from 1 to `deadline`: 200 and 50. */
function held(deadline: number): Book {
  const target = emptyBook();
  book(target, [granted('a', 'allowance', 200, 30), granted('p', 'pack', 300, 90)]);
  hold(target, { id: 'h', credits: 250, at: 1, deadline });
  return target;
}

const captureAt = (target: Book, at: number, credits: number | null = null) =>
  capture(target, 'h', { credits, at, usageId: `use_${at}` });
const reverseAt = (target: Book, at: number, credits: number | null = null, usageId = 'use_1') =>
  reverse(target, usageId, { credits, at });

/** The entries after those that made the book: `kind credits grant @instant`. */
const reported = (target: Book, from = 4) =>
  target.entries.slice(from).map((e) => `${e.kind} ${e.credits} ${e.grantId} @${e.effectiveAt}`);

/** The spendable and the held credits, and why the rest of each grant was taken. */
const left = (target: Book) =>
  [...target.grants.values()].map(
    ({ id, remaining, held: ofIt, taken }) => `${id} ${remaining}+${ofIt}${taken ? ` ${taken}` : ''}`,
  );

/** A refusal's code and pointer; a refusal changes nothing (I7). */
function refused(target: Book, act: () => unknown): string {
  const before = JSON.stringify([...target.grants.values(), target.entries, ...target.holds.values()]);
  try {
    act();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const after = JSON.stringify([...target.grants.values(), target.entries, ...target.holds.values()]);
    expect(after).toBe(before);
    const errors = error.data['errors'] as { pointer: string }[] | undefined;
    return [error.code, ...(errors ?? []).map(({ pointer }) => pointer)].join(' ');
  }
  return 'not refused';
}

describe('R-70: a hold', () => {
  test('sets aside in burn order, out of reach of others', () => {
    const target = held(20);
    expect(reported(target, 2)).toEqual(['hold -200 a @1', 'hold -50 p @1']);
    expect(left(target)).toEqual(['a 0+200', 'p 250+50']);
    expect(balance(target, 1)).toEqual({
      available: 250,
      held: 250,
      by_kind: { allowance: 0, pack: 250, adjustment: 0 },
    });
    expect(spend(target, 251, 1)).toBeNull();
  });

  test('is all or nothing, of at least one credit', () => {
    const target = held(20);
    expect(hold(target, { id: 'h2', credits: 251, at: 1, deadline: 20 })).toBeNull();
    expect(refused(target, () => hold(target, { id: 'h2', credits: 0, at: 1, deadline: 20 }))).toBe(
      'invalid_request /items',
    );
    expect(openHolds(target).map(({ id }) => id)).toEqual(['h']);
  });

  test('lasts an hour unless said, a day at most', () => {
    expect([holdDeadline(5), holdDeadline(5, 1), holdDeadline(5, 86_400)]).toEqual([
      3_600_005, 1_005, 86_400_005,
    ]);
    for (const seconds of [0, -1, 1.5, 86_401, Number.NaN])
      expect(() => holdDeadline(5, seconds)).toThrow('from 1 to 86400');
  });
});

describe('R-71: it settles once', () => {
  test('captured in full: released and spent, grant by grant', () => {
    const target = held(20);
    expect(captureAt(target, 5)).toEqual({
      status: 'captured',
      captured: 250,
      released: 0,
      usageId: 'use_5',
      at: 5,
    });
    expect(reported(target)).toEqual([
      'release 200 a @5',
      'capture -200 a @5',
      'release 50 p @5',
      'capture -50 p @5',
    ]);
    expect(left(target)).toEqual(['a 0+0', 'p 250+0']);
  });

  test('R-74: captured in part, it returns the credits taken last', () => {
    const target = held(20);
    expect(captureAt(target, 5, 170)).toMatchObject({ captured: 170, released: 80 });
    expect(reported(target)).toEqual(['release 200 a @5', 'capture -170 a @5', 'release 50 p @5']);
    expect(target.usages.get('use_5')?.debits).toEqual([{ grant_id: 'a', kind: 'allowance', credits: 170 }]);
    expect(left(target)).toEqual(['a 30+0', 'p 300+0']);
  });

  test('released: all comes back', () => {
    const target = held(20);
    expect(release(target, 'h', 5)).toEqual({
      status: 'released',
      captured: 0,
      released: 250,
      usageId: null,
      at: 5,
    });
    expect(reported(target)).toEqual(['release 200 a @5', 'release 50 p @5']);
    expect(left(target)).toEqual(['a 200+0', 'p 300+0']);
  });

  test('the same settlement again answers as the first, another is refused', () => {
    const captured = held(20);
    const first = captureAt(captured, 5, 170);
    const entries = captured.entries.length;
    expect([captureAt(captured, 6, 170), captureAt(captured, 25, 170)]).toEqual([first, first]);
    expect(refused(captured, () => captureAt(captured, 6))).toBe('hold_already_settled');
    expect(refused(captured, () => captureAt(captured, 6, 251))).toBe('hold_already_settled');
    expect(refused(captured, () => release(captured, 'h', 6))).toBe('hold_already_settled');
    expect([captured.entries.length, captured.usages.size]).toEqual([entries, 1]);

    const released = held(20);
    const given = release(released, 'h', 5);
    expect([release(released, 'h', 6), release(released, 'h', 25)]).toEqual([given, given]);
    expect(refused(released, () => captureAt(released, 25))).toBe('hold_already_settled');
  });

  test('from one credit up to all held', () => {
    const target = held(20);
    expect(refused(target, () => captureAt(target, 5, 251))).toBe('capture_exceeds_hold');
    for (const credits of [0, -1, 1.5, Number.NaN])
      expect(refused(target, () => captureAt(target, 5, credits))).toBe('invalid_request /credits');
    expect(refused(target, () => capture(target, 'no', { credits: null, at: 5, usageId: 'u' }))).toBe(
      'not_found',
    );
    expect(captureAt(target, 5, 1)).toMatchObject({ captured: 1, released: 249 });
  });
});

describe('R-72: the deadline', () => {
  test('releases by itself, dated there however late it is booked', () => {
    const target = held(20);
    releaseDue(target, 19);
    expect(reported(target)).toEqual([]);
    releaseDue(target, 25);
    releaseDue(target, 25);
    expect(reported(target)).toEqual(['release 200 a @20', 'release 50 p @20']);
  });

  test('the soonest first, then in the order of making', () => {
    const target = held(20);
    hold(target, { id: 'b', credits: 3, at: 2, deadline: 15 });
    hold(target, { id: 'a', credits: 4, at: 2, deadline: 15 });
    releaseDue(target, 20);
    expect(reported(target, 6)).toEqual([
      'release 3 p @15',
      'release 4 p @15',
      'release 200 a @20',
      'release 50 p @20',
    ]);
  });

  test('from its instant on capture is refused, booked or not; a release answers the outcome', () => {
    const target = held(20);
    expect(captureAt(structuredClone(target), 19).status).toBe('captured');
    expect(refused(target, () => captureAt(target, 20))).toBe('hold_expired');
    expect(release(target, 'h', 25)).toMatchObject({ released: 250, at: 20 });
    expect(refused(target, () => captureAt(target, 25))).toBe('hold_expired');
    expect(reported(target)).toEqual(['release 200 a @20', 'release 50 p @20']);
  });
});

describe('R-73: a hold outlives its grant and its subscription', () => {
  const expire: Effect = { type: 'expire', grantId: 'a', at: 30 };

  test('captured after the expiry; the rest expires at once', () => {
    const target = held(40);
    book(target, [expire, expire]);
    expect(left(target)).toEqual(['a 0+200 expired', 'p 250+50']);
    captureAt(target, 35, 170);
    expect(reported(target)).toEqual([
      'release 200 a @35',
      'capture -170 a @35',
      'expiry -30 a @35',
      'release 50 p @35',
    ]);
    expect(left(target)).toEqual(['a 0+0', 'p 300+0']);
  });

  test('released at the expiry or after: it expires at once, the booked expiry takes only the rest', () => {
    const target = emptyBook();
    book(target, [granted('a', 'allowance', 200, 30)]);
    hold(target, { id: 'h', credits: 150, at: 1, deadline: 40 });
    release(target, 'h', 30);
    expect(reported(target, 2)).toEqual(['release 150 a @30', 'expiry -150 a @30']);
    book(target, [expire]);
    expect(reported(target, 4)).toEqual(['expiry -50 a @30']);
    expect(openGrants(target)).toEqual([]);
  });

  test('released before the expiry, booked after it: the credits lived, and expired with their grant', () => {
    const target = held(20);
    book(target, [expire]);
    releaseDue(target, 35);
    expect(reported(target)).toEqual(['release 200 a @20', 'expiry -200 a @30', 'release 50 p @20']);
    expect(left(target)).toEqual(['a 0+0', 'p 300+0']);
  });

  test('released before the expiry, the expiry not booked: usable until then', () => {
    const target = held(20);
    releaseDue(target, 20);
    expect(left(target)).toEqual(['a 200+0', 'p 300+0']);
    book(target, [expire]);
    expect(reported(target, 6)).toEqual(['expiry -200 a @30']);
  });

  test('captured after the end; the rest is forfeited at once', () => {
    const target = held(40);
    book(target, [{ type: 'forfeit', at: 10 }]);
    expect(left(target)).toEqual(['a 0+200 forfeited', 'p 0+50 forfeited']);
    captureAt(target, 15, 170);
    expect(reported(target)).toEqual([
      'forfeiture -250 p @10',
      'release 200 a @15',
      'capture -170 a @15',
      'forfeiture -30 a @15',
      'release 50 p @15',
      'forfeiture -50 p @15',
    ]);
    expect(left(target)).toEqual(['a 0+0', 'p 0+0']);
  });

  test('released after the end: forfeited, but expired where the grant had ended by then', () => {
    const target = held(40);
    book(target, [{ type: 'forfeit', at: 30 }]);
    expect(left(target)).toEqual(['a 0+200 expired', 'p 0+50 forfeited']);
    releaseDue(target, 40);
    expect(reported(target, 5)).toEqual([
      'release 200 a @40',
      'expiry -200 a @40',
      'release 50 p @40',
      'forfeiture -50 p @40',
    ]);
  });

  test('released before the end, booked after it: forfeited where it ended', () => {
    const target = held(8);
    book(target, [{ type: 'forfeit', at: 10 }]);
    releaseDue(target, 12);
    expect(reported(target, 5)).toEqual([
      'release 200 a @8',
      'forfeiture -200 a @10',
      'release 50 p @8',
      'forfeiture -50 p @10',
    ]);
  });
});

/** Spends as `use_1`. */
function spendOf(target: Book, credits: number, at = 2): string {
  spend(target, credits, at, 'use_1');
  return 'use_1';
}

describe('R-80: a reversal', () => {
  const bought = () => {
    const target = emptyBook();
    book(target, [granted('a', 'allowance', 200, 30), granted('p', 'pack', 300, 90)]);
    spendOf(target, 250);
    return target;
  };

  test('gives all back to the grants it came from', () => {
    const target = bought();
    expect(reverseAt(target, 5)).toEqual({
      restored: 250,
      expired_at_once: 0,
      forfeited_at_once: 0,
      revoked_at_once: 0,
    });
    expect(reported(target)).toEqual(['reversal 200 a @5', 'reversal 50 p @5']);
    expect(left(target)).toEqual(['a 200+0', 'p 300+0']);
  });

  test('R-74: in parts, the credits taken last first', () => {
    const target = bought();
    reverseAt(target, 5, 30);
    reverseAt(target, 6, 40);
    reverseAt(target, 7);
    expect(reported(target)).toEqual([
      'reversal 30 p @5',
      'reversal 20 a @6',
      'reversal 20 p @6',
      'reversal 180 a @7',
    ]);
    expect(target.usages.get('use_1')).toMatchObject({ credits: 250, reversed: 250 });
  });

  test('never more than was spent', () => {
    const target = bought();
    expect(refused(target, () => reverseAt(target, 5, 251))).toBe('reversal_exceeds_usage');
    reverseAt(target, 5, 249);
    expect(refused(target, () => reverseAt(target, 5, 2))).toBe('reversal_exceeds_usage');
    expect(reverseAt(target, 5)).toMatchObject({ restored: 1 });
    expect(refused(target, () => reverseAt(target, 5))).toBe('reversal_exceeds_usage');
    expect(refused(target, () => reverseAt(target, 5, 0))).toBe('invalid_request /credits');
    expect(refused(target, () => reverseAt(target, 5, 1, 'no'))).toBe('not_found');
  });

  test('of a use that cost nothing gives nothing back, however often', () => {
    const target = bought();
    spend(target, 0, 3, 'free');
    const nothing = { restored: 0, expired_at_once: 0, forfeited_at_once: 0, revoked_at_once: 0 };
    expect([reverseAt(target, 5, null, 'free'), reverseAt(target, 5, null, 'free')]).toEqual([
      nothing,
      nothing,
    ]);
    expect(refused(target, () => reverseAt(target, 5, 1, 'free'))).toBe('reversal_exceeds_usage');
  });

  test('credits of an expired grant expire at once, also before its expiry is booked', () => {
    const target = bought();
    expect(reverseAt(target, 30)).toEqual({
      restored: 50,
      expired_at_once: 200,
      forfeited_at_once: 0,
      revoked_at_once: 0,
    });
    expect(reported(target)).toEqual(['reversal 200 a @30', 'expiry -200 a @30', 'reversal 50 p @30']);
  });

  test('after the end credits that had expired by then expire, the rest is forfeited', () => {
    const target = bought();
    book(target, [{ type: 'forfeit', at: 30 }]);
    expect(reverseAt(target, 31)).toEqual({
      restored: 0,
      expired_at_once: 200,
      forfeited_at_once: 50,
      revoked_at_once: 0,
    });
    expect(left(target)).toEqual(['a 0+0', 'p 0+0']);
  });

  test('of a capture: the captured credits, no more', () => {
    const target = held(20);
    captureAt(target, 5, 210);
    expect(refused(target, () => reverseAt(target, 6, 211, 'use_5'))).toBe('reversal_exceeds_usage');
    expect(reverseAt(target, 6, null, 'use_5')).toMatchObject({ restored: 210 });
    expect(left(target)).toEqual(['a 200+0', 'p 300+0']);
  });
});

describe('R-82: a revocation beside a hold', () => {
  const revoke: Effect = { type: 'revoke', grantId: 'x', at: 5, reason: 'test' };
  const revoked = (credits: number): Book => {
    const target = emptyBook();
    book(target, [granted('x', 'adjustment', 100, 30)]);
    hold(target, { id: 'h', credits, at: 1, deadline: 20 });
    book(target, [revoke]);
    return target;
  };

  test('takes unused credits; held ones may be captured', () => {
    const target = revoked(60);
    expect(left(target)).toEqual(['x 0+60 revoked']);
    captureAt(target, 10);
    expect(left(target)).toEqual(['x 0+0']);
    expect(reported(target, 2)).toEqual(['revocation -40 x @5', 'release 60 x @10', 'capture -60 x @10']);
  });

  test('returned credits can be spent, expire in their time, and may be revoked again', () => {
    const target = revoked(100);
    expect(left(target)).toEqual(['x 0+100 revoked']);
    captureAt(target, 10, 70);
    expect(left(target)).toEqual(['x 30+0']);
    spend(target, 10, 11);
    book(target, [revoke]);
    expect(left(target)).toEqual(['x 0+0']);
  });

  test('a part that comes back makes it due again, though more of it is held', () => {
    const target = emptyBook();
    book(target, [granted('x', 'adjustment', 100, 30)]);
    hold(target, { id: 'h', credits: 60, at: 1, deadline: 20 });
    hold(target, { id: 'i', credits: 40, at: 1, deadline: 40 });
    book(target, [revoke]);
    release(target, 'h', 10);
    expect(left(target)).toEqual(['x 60+40']);
    book(target, [{ type: 'expire', grantId: 'x', at: 30 }]);
    expect(left(target)).toEqual(['x 0+40 expired']);
  });

  test('released after the expiry it expires', () => {
    const target = revoked(100);
    release(target, 'h', 20);
    book(target, [{ type: 'expire', grantId: 'x', at: 30 }]);
    expect(reported(target, 2)).toEqual(['release 100 x @20', 'expiry -100 x @30']);
  });
});
