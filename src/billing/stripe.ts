import { hash } from 'node:crypto';
import Stripe from 'stripe';
import type { Charge, Outcome } from '../domain/state.ts';
import type { CancelOutcome, Debtor, Gateway, PartialRefund } from './gateway.ts';
import { metadataOf, type PaymentKey, refusedFor } from './stripe-payments.ts';

/**
 * The ids of our objects at Stripe. They are kept for ever, because Stripe forgets idempotency keys after a day.
 * The second `keep…` for the same object changes nothing; both answer the id that was kept first.
 */
export interface StripeRecords {
  customer(customerId: string): Promise<string | null>;
  keepCustomer(customerId: string, stripeId: string): Promise<string>;
  payment(key: PaymentKey): Promise<string | null>;
  keepPayment(key: PaymentKey, stripeId: string): Promise<string>;
  /** The payments of all attempts at a charge. */
  payments(subscriptionId: string, chargeId: string): Promise<string[]>;
}

/** The options of billing by Stripe. */
interface StripeOptions {
  secretKey: string;
  /** Another address than Stripe's own, for tests. */
  apiUrl?: string | undefined;
  records: StripeRecords;
}

/** A payment that takes longer goes on at Stripe; the next call finds it. */
const TIMEOUT_MS = 20_000;

/** The payment method does not exist, or belongs to another customer. */
class UnusableMethod extends Error {
  override readonly name = 'UnusableMethod';
}

/**
 * Billing by Stripe. A charge is a PaymentIntent that is made without moving money, put on record, and only then confirmed. One
 * intent is paid at most once, at any number of confirmations. So a repeated charge that finds its intent on record can't take
 * money twice, also after Stripe has forgotten its idempotency keys. An intent of a run that died before recording it is never
 * confirmed.
 */
export function createStripe({ secretKey, apiUrl, records }: StripeOptions): Gateway {
  const stripe = new Stripe(secretKey, {
    // The caller repeats: Temporal, with the same keys.
    maxNetworkRetries: 0,
    timeout: TIMEOUT_MS,
    telemetry: false,
    ...addressOf(apiUrl),
  });

  async function charge(wanted: Charge, debtor: Debtor): Promise<Outcome> {
    const { subscriptionId } = debtor;
    const key = { subscriptionId, chargeId: wanted.id, attempt: wanted.attempt };
    try {
      const known = await records.payment(key);
      const intent = known === null ? await make(wanted, debtor, key) : await retrieve(known);
      return (
        outcomeOf(intent) ?? outcomeOf(await confirm(intent.id, key)) ?? neitherPaidNorRefused(intent.id)
      );
    } catch (error) {
      if (error instanceof UnusableMethod) return 'declined';
      if (error instanceof Stripe.errors.StripeCardError) return refusedFor(error.code);
      throw error;
    }
  }

  /** Makes an intent for this attempt and puts it on record, unconfirmed. */
  async function make(wanted: Charge, debtor: Debtor, key: PaymentKey): Promise<Stripe.PaymentIntent> {
    const customer = await customerOf(debtor.customerId);
    await attach(wanted.paymentMethod, customer);
    const made = await stripe.paymentIntents.create(
      {
        amount: wanted.amountMinor,
        currency: wanted.currency.toLowerCase(),
        customer,
        payment_method: wanted.paymentMethod,
        description: wanted.lines
          .map(({ quantity, description }) => `${quantity} × ${description}`)
          .join(', '),
        metadata: metadataOf(key),
        // The customer is not present, so no redirect can be followed.
        automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
      },
      { idempotencyKey: keyOf(key) },
    );
    const kept = await records.keepPayment(key, made.id);
    return kept === made.id ? made : retrieve(kept);
  }

  /** Throws when another run of this activity was faster: the next call finds the outcome. */
  async function confirm(intent: string, key: PaymentKey): Promise<Stripe.PaymentIntent> {
    const idempotencyKey = `${keyOf(key)}/confirm`;
    return stripe.paymentIntents.confirm(intent, { off_session: true }, { idempotencyKey });
  }

  async function cancel(wanted: Charge, attempt: number, { subscriptionId }: Debtor): Promise<CancelOutcome> {
    // An attempt that is not on record was never confirmed, and never will be.
    const known = await records.payment({ subscriptionId, chargeId: wanted.id, attempt });
    return known === null ? 'cancelled' : cancelIntent(known);
  }

  async function cancelIntent(intent: string): Promise<CancelOutcome> {
    try {
      return cancelledOf(await stripe.paymentIntents.cancel(intent));
    } catch (error) {
      if (!isRefusedRequest(error)) throw error;
      // The intent is over already, or under way at the bank.
      return cancelledOf(await retrieve(intent));
    }
  }

  async function retrieve(intent: string): Promise<Stripe.PaymentIntent> {
    return stripe.paymentIntents.retrieve(intent);
  }

  async function customerOf(customerId: string): Promise<string> {
    const known = await records.customer(customerId);
    if (known !== null) return known;
    // A customer id is any text, and the header takes less.
    const idempotencyKey = `customer/${hash('sha256', customerId)}`;
    const made = await stripe.customers.create({ metadata: { customer_id: customerId } }, { idempotencyKey });
    return records.keepCustomer(customerId, made.id);
  }

  /** Attaches a payment method once. One that does not exist, or belongs to another customer, can't pay. */
  async function attach(method: string, customer: string): Promise<void> {
    const owner = await ownerOf(method);
    if (owner === null) await attachFree(method, customer);
    else if (owner !== customer) throw new UnusableMethod('It belongs to another customer.');
  }

  async function attachFree(method: string, customer: string): Promise<void> {
    try {
      await stripe.paymentMethods.attach(method, { customer });
    } catch (error) {
      if (!isRefusedRequest(error)) throw error;
      // Another run of this activity may have attached it meanwhile.
      if ((await ownerOf(method)) !== customer)
        throw new UnusableMethod('It can be attached to no customer.');
    }
  }

  async function ownerOf(method: string): Promise<string | null> {
    try {
      const { customer } = await stripe.paymentMethods.retrieve(method);
      return typeof customer === 'string' ? customer : (customer?.id ?? null);
    } catch (error) {
      if (isRefusedRequest(error) && error.code === 'resource_missing')
        throw new UnusableMethod('There is no such payment method.');
      throw error;
    }
  }

  async function refund(chargeId: string, { subscriptionId }: Debtor): Promise<void> {
    for (const { id } of await paidIntents(subscriptionId, chargeId))
      await refundPayment(id, `${subscriptionId}/${chargeId}/refund/${id}`);
  }

  async function refundPayment(intent: string, idempotencyKey: string): Promise<void> {
    try {
      await stripe.refunds.create({ payment_intent: intent }, { idempotencyKey });
    } catch (error) {
      if (!isRefusedRequest(error) || error.code !== 'charge_already_refunded') throw error;
    }
  }

  async function refundPart(
    { id, chargeId, amountMinor }: PartialRefund,
    { subscriptionId }: Debtor,
  ): Promise<boolean> {
    const [{ id: intent }] = await paidIntents(subscriptionId, chargeId);
    // Stripe forgets idempotency keys after a day, and keeps its refunds for ever.
    if (await isRefunded(intent, id)) return true;
    try {
      await stripe.refunds.create(
        { payment_intent: intent, amount: amountMinor, metadata: { refund_id: id } },
        { idempotencyKey: `${subscriptionId}/${chargeId}/refund/${id}` },
      );
      return true;
    } catch (error) {
      // Somebody refunded it at Stripe itself, or a bank took it.
      if (isRefusedRequest(error) && isBeyondRefund(error)) return false;
      throw error;
    }
  }

  /** The paid payments among all attempts at a charge, the oldest first. */
  async function paidIntents(
    subscriptionId: string,
    chargeId: string,
  ): Promise<[Stripe.PaymentIntent, ...Stripe.PaymentIntent[]]> {
    const known = await records.payments(subscriptionId, chargeId);
    const intents = await Promise.all(known.map(retrieve));
    const [first, ...others] = intents.filter(({ status }) => status === 'succeeded');
    if (!first) throw new Error(`Stripe holds no paid payment of ${chargeId}: nothing to give back.`);
    return [first, ...others];
  }

  async function isRefunded(intent: string, id: string): Promise<boolean> {
    for await (const { metadata, status } of stripe.refunds.list({ payment_intent: intent, limit: 100 }))
      if (metadata?.['refund_id'] === id && status !== 'failed' && status !== 'canceled') return true;
    return false;
  }

  return { charge, cancel, refund, refundPart };
}

/** Stripe's errors for a refund of more than is left of a payment. */
const isBeyondRefund = ({ code, param }: Stripe.errors.StripeInvalidRequestError): boolean =>
  code === 'charge_already_refunded' || code === 'charge_disputed' || param === 'amount';

/** The idempotency key of one attempt at a charge: the same at every retry, for ever. */
const keyOf = ({ subscriptionId, chargeId, attempt }: PaymentKey): string =>
  `${subscriptionId}/${chargeId}/${attempt}`;

/** The outcome of an intent; null while it is not confirmed. */
function outcomeOf({ id, status, last_payment_error: refusal }: Stripe.PaymentIntent): Outcome | null {
  switch (status) {
    case 'succeeded':
      return 'paid';
    case 'processing':
    case 'requires_action':
      return 'pending';
    case 'canceled':
      return 'declined';
    case 'requires_payment_method':
      return refusal ? refusedFor(refusal.code) : null;
    case 'requires_confirmation':
      return null;
    default:
      throw new Error(`Payment ${id} has the status ${status}, which nothing here asks for.`);
  }
}

const cancelledOf = ({ status }: Stripe.PaymentIntent): CancelOutcome => {
  if (status === 'succeeded') return 'paid';
  return status === 'canceled' ? 'cancelled' : 'kept';
};

function neitherPaidNorRefused(intent: string): never {
  throw new Error(`Payment ${intent} was confirmed, and Stripe says that it was not.`);
}

const isRefusedRequest = (error: unknown): error is Stripe.errors.StripeInvalidRequestError =>
  error instanceof Stripe.errors.StripeInvalidRequestError;

function addressOf(apiUrl: string | undefined): Stripe.StripeConfig {
  if (apiUrl === undefined) return {};
  const { protocol, hostname, port } = new URL(apiUrl);
  const isPlain = protocol === 'http:';
  return { protocol: isPlain ? 'http' : 'https', host: hostname, port: port || (isPlain ? 80 : 443) };
}
