import { expect, test } from 'vitest';
import type { GrantKind } from '../../src/domain/burndown.ts';
import { balance, book, bookOf, emptyBook, openGrants, spend } from '../../src/domain/model/book.ts';
import type { Effect } from '../../src/domain/state.ts';

function granted(id: string, kind: GrantKind, credits: number, expiresAt: number): Effect {
  const more = { effectiveAt: 0, cause: id, chargeId: null, reason: null };
  return { type: 'grant', id, kind, credits, expiresAt, ...more };
}

test('I4: one grant for one cause, however often it is booked', () => {
  const target = emptyBook();
  const once = granted('grt_a0_0', 'allowance', 200, 30);
  book(target, [once, once]);
  spend(target, 50, 1);
  book(target, [once]);
  expect(balance(target, 1).available).toBe(150);
  expect(target.entries.map(({ kind, credits, balanceAfter }) => [kind, credits, balanceAfter])).toEqual([
    ['grant', 200, 200],
    ['debit', -50, 150],
  ]);
});

test('R-82: only an adjustment is revoked, its unused part, once', () => {
  const target = emptyBook();
  book(target, [granted('p', 'pack', 300, 90), granted('x', 'adjustment', 100, 60)]);
  spend(target, 40, 1);
  const revoke = (grantId: string): Effect => ({ type: 'revoke', grantId, at: 2, reason: 'test' });
  book(target, [revoke('p'), revoke('x'), revoke('x'), revoke('missing')]);
  expect(balance(target, 2).by_kind).toEqual({ allowance: 0, pack: 300, adjustment: 0 });
  expect(target.entries.filter(({ kind }) => kind === 'revocation').map(({ credits }) => credits)).toEqual([
    -60,
  ]);
});

test('R-50: credits that had expired by the end expire, the rest is forfeited, once', () => {
  const target = emptyBook();
  book(target, [granted('a', 'allowance', 200, 30), granted('p', 'pack', 300, 90)]);
  book(target, [
    { type: 'forfeit', at: 30 },
    { type: 'forfeit', at: 31 },
    { type: 'expire', grantId: 'p', at: 90 },
  ]);
  expect(
    target.entries.slice(2).map(({ kind, credits, effectiveAt }) => [kind, credits, effectiveAt]),
  ).toEqual([
    ['expiry', -200, 30],
    ['forfeiture', -300, 30],
  ]);
  expect(openGrants(target)).toEqual([]);
});

test('R-61: a spend that does not suffice leaves the book as it was', () => {
  const target = emptyBook();
  book(target, [granted('a', 'allowance', 200, 30)]);
  expect(spend(target, 201, 1)).toBeNull();
  expect(spend(target, 1, 30)).toBeNull();
  expect(target.entries).toHaveLength(1);
});

test('a book begun from open grants leaves the caller’s grants alone', () => {
  const source = emptyBook();
  book(source, [granted('a', 'allowance', 200, 30)]);
  const copy = bookOf(openGrants(source));
  spend(copy, 200, 1);
  expect([balance(copy, 1).available, balance(source, 1).available]).toEqual([0, 200]);
});
