import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { isAwaited, type Settlement, withEarly } from '../../src/domain/charge-outcomes.ts';
import { type Command, decide } from '../../src/domain/commands.ts';
import { Refusal } from '../../src/domain/errors.ts';
import type { Outcome } from '../../src/domain/state.ts';
import { advanceLife, command, type Life, moneyBack } from '../../src/domain/timeline.ts';
import { sized } from '../support/campaign.ts';
import { simulate } from '../support/lives.ts';

// a renewal is paid before its boundary, and its bill changes before, between and after. In every order the renewal is
// paid at the boundary if enough came, and each payment is either its own amount or owed back.

const FROM = '2026-01-17T00:00:00.000Z';
const BOUNDARY = Date.parse('2026-02-17T00:00:00Z');
const RENEWAL = 'chg_simulated_r0_1';

type Act =
  | { pays: number }
  | { buys: number }
  | { keeps: number }
  | { changes: 'creator' | 'business' | 'pro' };

/** The bills that these acts can lead to, and amounts beside them. */
const AMOUNTS = [0, 1, 2_899, 2_900, 2_901, 4_400, 5_900, 7_400, 14_900, 152_900];
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ pays: fc.constantFrom(...AMOUNTS) }),
  fc.record({ buys: fc.constantFrom(1, 2, 100) }),
  fc.record({ keeps: fc.constantFrom(0, 1) }),
  fc.record({ changes: fc.constantFrom('creator' as const, 'business' as const, 'pro' as const) }),
);

/** Renewals wait for their settlement, as with a system that owns billing; all else is paid at once. */
function open(): Life {
  const life = simulate({ plan: 'pro', interval: 'month', from: FROM });
  life.payer = ({ kind }): Outcome => (kind === 'renewal' ? 'pending' : 'paid');
  return life;
}

let early: Settlement[] = [];

/** A payment as the workflow gets it. Answers false where it is refused. */
function pay(life: Life, amountMinor: number): boolean {
  const settlement: Settlement = {
    ...{ chargeId: RENEWAL, outcome: 'paid', at: life.state.now, amountMinor, currency: 'USD' },
  };
  const kept = withEarly(early, settlement);
  if (kept) early = kept;
  else command(life, { type: 'payment_settled', ...settlement });
  return kept !== null;
}

function attempt(life: Life, wanted: Command): void {
  try {
    command(life, wanted);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

function commandOf(wanted: Exclude<Act, { pays: number }>, nth: number): Command {
  if ('keeps' in wanted) return { type: 'set_add_on', packs: wanted.keeps };
  if ('changes' in wanted)
    return { type: 'change_plan', chargeId: `chg_${nth}`, plan: wanted.changes, interval: 'month' };
  const purchaseId = `pur_p${nth}`;
  return { type: 'buy_packs', purchaseId, packs: wanted.buys, interval: null, paymentMethod: null };
}

const notes = (life: Life, kind: string) => life.book.notes.filter((note) => note.kind === kind).length;

test('paid ahead in any order with changes of the bill: paid if enough came, and the rest is owed back', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 1, maxLength: 8 }), (acts) => {
      const life = open();
      early = [];
      let first: number | null = null;
      let refused = 0;
      for (const [nth, wanted] of acts.entries()) {
        // An upgrade begins a new series, whose first renewal is another one.
        if (!('pays' in wanted)) attempt(life, commandOf(wanted, nth));
        else if (pay(life, wanted.pays)) first ??= wanted.pays;
        else refused += 1;
      }
      fc.pre(life.state.series === 0);
      expect(notes(life, 'payment_refused')).toBe(refused);
      advanceLife(life, BOUNDARY);
      const charge = life.book.charges.get(RENEWAL)!;
      const bill = charge.amountMinor;
      for (const settlement of early)
        if (isAwaited(life.state, settlement)) command(life, { type: 'payment_settled', ...settlement });
      const came = first ?? 0;
      const isPaid = first !== null && came >= bill;
      expect([charge.status, charge.owedMinor]).toEqual([
        isPaid ? 'paid' : 'pending',
        isPaid ? came - bill : came,
      ]);
      expect(life.state.status).toBe(isPaid ? 'active' : 'past_due');

      // The owed amount goes back first, and moves no credits; then the bill is paid as always.
      const entries = life.book.entries.length;
      moneyBackTwice(life, charge.owedMinor);
      expect(charge).toMatchObject({ owedReturnedMinor: charge.owedMinor, refundedMinor: 0 });
      expect(life.book.entries).toHaveLength(entries);
      if (isPaid) return;
      command(life, {
        ...{ type: 'payment_settled', chargeId: RENEWAL, outcome: 'paid', at: BOUNDARY },
        ...{ amountMinor: bill, currency: 'USD' },
      });
      expect([charge.status, life.state.status]).toEqual(['paid', 'active']);
    }),
    { numRuns: sized(500, 10_000) },
  );
});

function moneyBackTwice(life: Life, toMinor: number): void {
  if (toMinor === 0) return;
  for (const _ of [1, 2]) moneyBack(life, RENEWAL, { kind: 'refund', toMinor });
}

test('a settlement of a charge that exists is of its amount, or is refused and told', () => {
  const life = open();
  advanceLife(life, BOUNDARY);
  const reported = { type: 'payment_settled', chargeId: RENEWAL, outcome: 'paid', at: BOUNDARY } as const;
  for (const wrong of [
    { amountMinor: 1, currency: 'USD' },
    { amountMinor: 14_900, currency: 'EUR' },
  ]) {
    const before = structuredClone(life.state);
    command(life, { ...reported, ...wrong });
    expect(life.state).toEqual(before);
  }
  expect(notes(life, 'payment_refused')).toBe(2);
  command(life, reported);
  expect(life.state.status).toBe('active');
});

test('R-45: where an attempt can not be cancelled the state is the one before, with the new method', () => {
  const life = open();
  advanceLife(life, BOUNDARY);
  const { unpaid } = life.state;
  const method = { type: 'set_payment_method', paymentMethod: 'another' } as const;
  const { state, charge } = decide(life.state, method, BOUNDARY, DEFAULT_CATALOG);
  expect(charge).toMatchObject({ attempt: 2, cancels: 1, paymentMethod: 'another' });
  expect(state).toMatchObject({ unpaid, paymentMethod: 'another' });
});
