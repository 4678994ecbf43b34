import { type ChargeRow, readGrant } from '../../db/reads.ts';
import { packsIn } from '../../domain/catalog/packs.ts';
import { invalid } from '../../domain/errors.ts';
import { dueBack } from '../../domain/model/owed.ts';
import { stem } from '../../domain/subscription.ts';
import {
  type Action,
  type ActionContext,
  below,
  countOf,
  type FormValues,
  fault,
  idOf,
  oneOf,
  reasonOf,
} from './action-context.ts';
import { line, type Rehearsal, rehearse } from './rehearsal.ts';

// Actions on money: refund a purchase, try the open charge again, settle a pending charge of the sandbox.

const refundable = ({ charges }: ActionContext) =>
  charges.filter(
    (charge) =>
      charge.purchaseId !== null && charge.status === 'paid' && charge.refundedMinor < charge.amountMinor,
  );

/** POST …/purchases/{purchase_id}/refund. */
export const refund: Action = {
  title: 'Refund a purchase',
  verb: 'Refund it',
  says: 'Returns the money, and takes back the unused credits.',
  takesReason: true,
  isOffered: (context) => refundable(context).length > 0,
  fields: (context) => [
    {
      name: 'purchase_id',
      label: 'Which',
      kind: 'select',
      value: '',
      options: refundable(context).map((charge) => ({
        value: charge.purchaseId!,
        label: `${context.format.date(charge.at.getTime())}: ${context.format.money(charge.amountMinor, charge.currency)} (${charge.purchaseId})`,
      })),
    },
    {
      name: 'amount_minor',
      label: 'Amount in minor units',
      kind: 'number',
      value: '',
      isOptional: true,
      hint: 'Cents of a dollar. Empty: all that is not refunded yet.',
    },
  ],
  call: (context, values) => ({
    method: 'POST',
    path: below(context, `purchases/${idOf(values, 'purchase_id')}/refund`),
    body: { ...amountOf(values), reason: reasonOf(values) },
  }),
  rehearse: rehearseRefund,
};

function purchaseOf(context: ActionContext, values: FormValues): ChargeRow {
  const known = refundable(context);
  const id = oneOf(
    values,
    'purchase_id',
    known.map(({ purchaseId }) => purchaseId!),
  );
  return known.find(({ purchaseId }) => purchaseId === id)!;
}

const amountOf = (values: FormValues): { amount_minor?: number } =>
  (values['amount_minor'] ?? '').trim() === '' ? {} : { amount_minor: countOf(values, 'amount_minor') };

/** The refund's effects, as the ledger would compute them now. */
async function rehearseRefund(context: ActionContext, values: FormValues): Promise<Rehearsal> {
  const { deps, state, now, format } = context;
  const charge = purchaseOf(context, values);
  const left = charge.amountMinor - charge.refundedMinor;
  const amount = amountOf(values).amount_minor ?? left;
  if (amount > left)
    return { refusal: `Only ${format.money(left, charge.currency)} of it are not refunded yet.` };
  const refundedMinor = charge.refundedMinor + amount;
  const { credits, amountMinor, packs } = charge;
  const due = dueBack({ credits, refundedMinor, amountMinor }) - charge.revokedCredits;
  const given = await readGrant(deps.db, state.id, `grt_${stem(charge.purchaseId!)}`);
  const isOver = state.status === 'ended' || !given || given.expiresAt.getTime() <= now;
  const taken = Math.min(due, isOver ? 0 : given.remaining);
  const lines = [
    line(`${format.money(amount, charge.currency)} go back.`, 'R-81'),
    line(`${format.creditsOf(taken)} of its ${format.credits(credits)} are taken back.`, 'R-81'),
  ];
  if (due > taken)
    lines.push(line(`${format.creditsOf(due - taken)} can’t be: they are spent, held or gone.`, 'R-81'));
  if (refundedMinor === amountMinor && packsIn(state.addOn) > 0)
    lines.push(
      line(
        `The packs that renew go from ${packsIn(state.addOn)} to ${Math.max(0, packsIn(state.addOn) - packs)}.`,
        'R-81',
      ),
    );
  return { lines };
}

/** PUT …/payment_method: an open charge is tried at once. */
export const retry: Action = {
  title: 'Try the open charge again',
  verb: 'Try it now',
  says: 'Sets the payment method, and tries the unpaid renewal with it at once.',
  takesReason: false,
  isOffered: ({ state }) => state.status === 'past_due' && state.unpaid?.pending === false,
  fields: ({ state, deps }) => [
    {
      name: 'payment_method',
      label: 'Payment method',
      kind: 'text',
      value: deps.billing === 'sandbox' ? 'sandbox_ok' : state.paymentMethod,
    },
  ],
  call: (context, values) => ({
    method: 'PUT',
    path: below(context, 'payment_method'),
    body: { payment_method: methodOf(values) },
  }),
  rehearse: async (context, values) =>
    rehearse(context, { type: 'set_payment_method', paymentMethod: methodOf(values) }),
};

function methodOf(values: FormValues): string {
  const method = (values['payment_method'] ?? '').trim();
  if (method === '') throw invalid(fault('payment_method', 'must name one'));
  return method;
}

const pending = ({ charges }: ActionContext) => charges.filter(({ status }) => status === 'pending');

/** POST /v1/sandbox/charges/{id}/settle. */
export const settle: Action = {
  title: 'Settle a pending charge',
  verb: 'Settle it',
  says: 'Says how a pending charge of the sandbox went, the way a provider would.',
  takesReason: false,
  isOffered: (context) => context.deps.billing === 'sandbox' && pending(context).length > 0,
  fields: (context) => [
    {
      name: 'charge_id',
      label: 'Which',
      kind: 'select',
      value: '',
      options: pending(context).map(({ id, kind, amountMinor, currency }) => ({
        value: id,
        label: `${kind} of ${context.format.money(amountMinor, currency)} (${id})`,
      })),
    },
    {
      name: 'outcome',
      label: 'How it went',
      kind: 'select',
      value: 'paid',
      options: [
        { value: 'paid', label: 'paid' },
        { value: 'declined', label: 'declined' },
      ],
    },
  ],
  call: (_, values) => ({
    method: 'POST',
    path: `/v1/sandbox/charges/${idOf(values, 'charge_id')}/settle`,
    body: { outcome: oneOf(values, 'outcome', ['paid', 'declined']) },
  }),
  rehearse: async (context, values) =>
    rehearse(context, {
      type: 'payment_settled',
      chargeId: chargeOf(context, values),
      outcome: oneOf(values, 'outcome', ['paid', 'declined']) as 'paid' | 'declined',
      at: context.now,
    }),
};

const chargeOf = (context: ActionContext, values: FormValues): string =>
  oneOf(
    values,
    'charge_id',
    pending(context).map(({ id }) => id),
  );
