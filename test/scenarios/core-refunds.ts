import { invalid } from '../../src/domain/errors.ts';
import type { ChargeRecord } from '../../src/domain/model/book.ts';
import type { MoneyBack } from '../../src/domain/refunds.ts';
import { type Life, moneyBack } from '../../src/domain/timeline.ts';
import { said } from './core-spending.ts';
import type { Answer } from './driver.ts';
import type { Made, Step } from './steps.ts';

type Of<V extends Step['verb']> = Extract<Step, { verb: V }>;

function purchase({ book }: Life, which: Made): ChargeRecord {
  const paid = [...book.charges.values()].filter(
    ({ kind, status }) => kind === 'purchase' && status === 'paid',
  );
  const found = which === 'oldest' ? paid[0] : paid.at(-1);
  if (!found) throw new Error('there is no paid purchase yet');
  return found;
}

/** R-81, as the API does it: at most the amount that is not refunded yet. */
export function refund(life: Life, { which, amount }: Of<'refund'>): Answer {
  const { id, amountMinor, refundedMinor, returnedMinor } = purchase(life, which);
  const left = amountMinor - refundedMinor;
  if (left === 0 || (amount ?? left) > left)
    throw invalid({ pointer: '/amount_minor', detail: `must be at most ${left}` });
  const done = moneyBack(life, id, { kind: 'refund', toMinor: returnedMinor + (amount ?? left) });
  const { revoked, unrecoverable, packs } = done;
  return said('ok', { revoked, unrecoverable, money: amount ?? left, left_on: packs });
}

/** Billing's own report, which has no caller. */
export function sayBack(life: Life, step: Of<'refunded' | 'dispute'>): Answer {
  const back: MoneyBack =
    step.verb === 'refunded'
      ? { kind: 'refund', toMinor: step.amount }
      : { kind: 'dispute', id: step.name, amountMinor: step.amount, status: step.status };
  moneyBack(life, purchase(life, step.which).id, back);
  return said('ok');
}
