import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packsIn } from '../../src/domain/catalog/packs.ts';
import { balance, spend } from '../../src/domain/model/book.ts';
import { dueBack } from '../../src/domain/model/owed.ts';
import type { MoneyBack } from '../../src/domain/refunds.ts';
import { command, type Life, moneyBack } from '../../src/domain/timeline.ts';
import { simulate } from '../support/lives.ts';

// reports on the money of a purchase, in any order and any number of times.

const PRICE = 4_500;
const CREDITS = 900;

/** A monthly creator that bought three packs, with nothing but them left to spend. */
function bought(): { life: Life; chargeId: string } {
  const life = simulate({ plan: 'creator', interval: 'month', from: '2026-01-17T00:00:00.000Z' });
  spend(life.book, 200, life.state.now);
  command(life, { type: 'buy_packs', purchaseId: 'pur_1', packs: 3, interval: null, paymentMethod: null });
  return { life, chargeId: 'chg_1' };
}

const left = ({ book, state }: Life): number => balance(book, state.now).available;
const refund = (toMinor: number): MoneyBack => ({ kind: 'refund', toMinor });

test.each([
  [900, 1, 4_500, 0],
  [900, 5, 4_500, 1],
  [900, 4_499, 4_500, 899],
  [900, 4_500, 4_500, 900],
  [7, 2, 3, 4],
  // Beyond the precision of a float.
  [9_007_199_254_740_991, 9_007_199_254_740_990, 9_007_199_254_740_991, 9_007_199_254_740_990],
  [300, 0, 0, 0],
])('of %i credits, %i of %i refunded: %i are due', (credits, refundedMinor, amountMinor, due) => {
  expect(dueBack({ credits, refundedMinor, amountMinor })).toBe(due);
});

describe('the same final amounts in every order', () => {
  /** A dispute and its end, in any order; its amount is the same in both. */
  const disputes = fc
    .array(
      fc.record({
        amountMinor: fc.integer({ min: 1, max: PRICE }),
        end: fc.constantFrom('won', 'lost', null),
      }),
      { maxLength: 3 },
    )
    .map((all) =>
      all.flatMap(({ amountMinor, end }, i): MoneyBack[] => {
        const said = (status: 'open' | 'won' | 'lost'): MoneyBack => {
          return { kind: 'dispute', id: `dp_${i}`, amountMinor, status };
        };
        return end === null ? [said('open')] : [said('open'), said(end)];
      }),
    );
  const refunds = fc.array(fc.integer({ min: 1, max: PRICE + 10 }).map(refund), { maxLength: 4 });
  /** The reports, and an order of them with repetitions in which each comes at least once. */
  const orders = fc
    .record({ disputes, refunds })
    .map(({ disputes: some, refunds: others }) => [...others, ...some])
    .filter((said) => said.length > 0)
    .chain((said) =>
      fc.record({
        said: fc.constant(said),
        shuffled: fc.shuffledSubarray(said, { minLength: said.length }),
        again: fc.array(fc.nat({ max: said.length - 1 }), { maxLength: 4 }),
      }),
    );

  test('of the reports; earlier spends stay spent', () => {
    fc.assert(
      fc.property(orders, fc.nat({ max: CREDITS }), ({ said, shuffled, again }, spent) => {
        const ends = [said, [...shuffled, ...again.map((i) => said[i]!)]].map((order) => {
          const { life, chargeId } = bought();
          spend(life.book, spent, life.state.now);
          for (const back of order) moneyBack(life, chargeId, back);
          const { refundedMinor, revokedCredits } = life.book.charges.get(chargeId)!;
          return { refundedMinor, revokedCredits, left: left(life), packs: packsIn(life.state.addOn) };
        });
        expect(ends[1]).toEqual(ends[0]);
        const [{ refundedMinor, revokedCredits, left: unused }] = ends as [(typeof ends)[0]];
        const due = dueBack({ credits: CREDITS, refundedMinor, amountMinor: PRICE });
        expect(revokedCredits).toBe(Math.min(due, CREDITS - spent));
        expect(unused).toBe(CREDITS - spent - revokedCredits);
      }),
      { numRuns: 2_000 },
    );
  });

  test('with spends between: never negative, never more than is due, and all of it accounted for', () => {
    const steps = orders.chain(({ shuffled }) =>
      fc.tuple(
        ...shuffled.map((back) => fc.record({ back: fc.constant(back), spent: fc.nat({ max: 500 }) })),
      ),
    );
    fc.assert(
      fc.property(steps, (all) => {
        const { life, chargeId } = bought();
        const { book, state } = life;
        let spent = 0;
        for (const { back, spent: wanted } of all) {
          if (spend(book, wanted, state.now)) spent += wanted;
          const done = moneyBack(life, chargeId, back);
          const charge = book.charges.get(chargeId)!;
          expect(charge.refundedMinor).toBeLessThanOrEqual(PRICE);
          expect(charge.revokedCredits).toBeGreaterThanOrEqual(0);
          expect(charge.revokedCredits).toBeLessThanOrEqual(dueBack(charge));
          expect(done.unrecoverable).toBe(dueBack(charge) - charge.revokedCredits);
          expect(left(life)).toBe(CREDITS - spent - charge.revokedCredits);
          for (const { balanceAfter } of book.entries) expect(balanceAfter).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

test('a start moves no credits, for any refund of it', () => {
  const { life } = bought();
  const start = [...life.book.charges.values()].find(({ kind }) => kind === 'start')!;
  expect(moneyBack(life, start.id, refund(start.amountMinor))).toMatchObject({
    refunded_minor: start.amountMinor,
    revoked: 0,
    unrecoverable: 0,
    packs: 3,
  });
  expect(left(life)).toBe(CREDITS);
});

describe('the ledger’s count for the add-on', () => {
  const withdrawal = (quantity: number, nth: number) => {
    const packs = quantity > 0 ? [{ pack: 'pack_300', quantity }] : [];
    return { type: 'withdraw_packs', packs, nth } as const;
  };

  test('the newest word wins, whenever the older ones come', () => {
    const { life } = bought();
    for (const said of [withdrawal(3, 1), withdrawal(0, 2), withdrawal(3, 3)].reverse()) command(life, said);
    expect(packsIn(life.state.addOn)).toBe(0);
    command(life, withdrawal(3, 3));
    command(life, withdrawal(0, 4));
    expect(packsIn(life.state.addOn)).toBe(3);
  });

  test('an ended subscription has none', () => {
    const { life } = bought();
    command(life, { type: 'cancel', at: 'now' });
    const before = life.state;
    command(life, withdrawal(3, 1));
    expect(life.state).toEqual(before);
  });
});
