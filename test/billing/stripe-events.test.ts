import { describe, expect, test } from 'vitest';
import { createStripeReader, read } from '../../src/billing/stripe-events.ts';
import { Refusal } from '../../src/domain/errors.ts';
import { eventOf, signatureOf } from '../support/stripe-events.ts';

// The content of an event, and its signature.

const at = Date.parse('2026-02-17T00:00:05Z');
const metadata = { subscription_id: 'sub_1', charge_id: 'chg_1', attempt: '2' };
const settled = (outcome: 'paid' | 'declined') => ({
  kind: 'settled',
  subscriptionId: 'sub_1',
  chargeId: 'chg_1',
  attempt: 2,
  outcome,
  at,
  amountMinor: 2_900,
  currency: 'USD',
});

describe('its content', () => {
  test.each<[string, object, object | null]>([
    ['payment_intent.succeeded', { metadata }, settled('paid')],
    [
      'payment_intent.payment_failed',
      { metadata, last_payment_error: { code: 'card_declined' } },
      settled('declined'),
    ],
    [
      // The customer was asked, and could not prove to be the card's holder.
      'payment_intent.payment_failed',
      { metadata, last_payment_error: { code: 'payment_intent_authentication_failure' } },
      settled('declined'),
    ],
    // The bank wants its customer to be asked: that comes yet.
    [
      'payment_intent.payment_failed',
      { metadata, last_payment_error: { code: 'authentication_required' } },
      null,
    ],
    ['payment_intent.canceled', { metadata }, settled('declined')],
    ['payment_intent.processing', { metadata }, null],
    ['payment_intent.requires_action', { metadata }, null],
    ['payment_intent.created', { metadata }, null],
    ['charge.refunded', { metadata }, null],
    ['charge.dispute.created', { metadata }, null],
    ['invoice.paid', { metadata }, null],
    ['something.nobody.knows', {}, null],
    // Payments of other software through the same account.
    ['payment_intent.succeeded', { metadata: {} }, null],
    ['payment_intent.succeeded', { metadata: { ...metadata, subscription_id: '' } }, null],
    ['payment_intent.succeeded', { metadata: { ...metadata, charge_id: '' } }, null],
    ['payment_intent.succeeded', { metadata: { ...metadata, attempt: 'first' } }, null],
    ['payment_intent.succeeded', { metadata: { ...metadata, attempt: '0' } }, null],
    ['payment_intent.succeeded', { metadata: { ...metadata, attempt: '1.5' } }, null],
  ])('%s %j', (type, object, message) => {
    const event = eventOf(type, { amount: 2_900, currency: 'usd', ...object }, at / 1_000);
    expect(read(event)).toMatchObject({ id: event.id, type, message, returned: null });
  });

  const dispute = (status: string, more: object = {}) => ({
    id: 'dp_1',
    amount: 700,
    status,
    payment_intent: 'pi_1',
    ...more,
  });
  const disputed = (status: 'open' | 'won' | 'lost') => ({
    payment: 'pi_1',
    back: { kind: 'dispute', id: 'dp_1', amountMinor: 700, status },
  });
  const refunded = { payment: 'pi_1', back: { kind: 'refund', toMinor: 500 } };
  test.each<[string, object, object | null]>([
    ['charge.refunded', { payment_intent: 'pi_1', amount: 1500, amount_refunded: 500 }, refunded],
    ['charge.refunded', { payment_intent: { id: 'pi_1' }, amount_refunded: 500 }, refunded],
    ['charge.dispute.created', dispute('needs_response'), disputed('open')],
    ['charge.dispute.created', dispute('under_review'), disputed('open')],
    ['charge.dispute.funds_withdrawn', dispute('needs_response'), disputed('open')],
    ['charge.dispute.closed', dispute('won'), disputed('won')],
    ['charge.dispute.closed', dispute('lost'), disputed('lost')],
    // An inquiry takes no money.
    ['charge.dispute.created', dispute('warning_needs_response'), null],
    ['charge.dispute.closed', dispute('warning_closed'), null],
    // Of a charge that no PaymentIntent made.
    ['charge.refunded', { payment_intent: null, amount_refunded: 500 }, null],
    ['charge.dispute.created', dispute('needs_response', { payment_intent: null }), null],
    ['charge.refund.updated', { payment_intent: 'pi_1', amount: 500 }, null],
    ['charge.dispute.updated', dispute('under_review'), null],
  ])('%s %j', (type, object, returned) => {
    expect(read(eventOf(type, object))).toMatchObject({ type, message: null, returned });
  });

  test('it is kept whole, but for the secret with which a browser pays', () => {
    const event = eventOf('payment_intent.processing', {
      id: 'pi_1',
      client_secret: 'pi_1_secret_2',
      metadata,
    });
    const { content } = read(event);
    expect(content).toMatchObject({ id: event.id, data: { object: { id: 'pi_1', metadata } } });
    expect(JSON.stringify(content)).not.toContain('secret');
  });
});

describe('who may say it', () => {
  const body = JSON.stringify(
    eventOf('payment_intent.succeeded', { metadata, amount: 2_900, currency: 'usd' }),
  );
  const now = Math.floor(Date.now() / 1_000);
  const readWith = createStripeReader(['whsec_new', 'whsec_old']);
  const reading = (text: string, signature: string | undefined) =>
    readWith(
      new TextEncoder().encode(text),
      new Headers(signature === undefined ? {} : { 'Stripe-Signature': signature }),
    );

  test.each<[string, () => string]>([
    ['the new secret', () => signatureOf(body, 'whsec_new')],
    ['the old secret', () => signatureOf(body, 'whsec_old')],
    ['both', () => `${signatureOf(body, 'whsec_old', now)},${signatureOf(body, 'whsec_new', now)}`],
    ['nearly five minutes ago', () => signatureOf(body, 'whsec_new', now - 290)],
    ['a clock that is a little ahead', () => signatureOf(body, 'whsec_new', now + 290)],
  ])('signed with %s', async (_, signature) => {
    expect(await reading(body, signature())).toMatchObject({ type: 'payment_intent.succeeded' });
  });

  test.each<[string, string, () => string | undefined]>([
    ['no signature', body, () => undefined],
    ['an empty one', body, () => ''],
    ['a word', body, () => 'signed'],
    ['another secret', body, () => signatureOf(body, 'whsec_other')],
    ['another body', body.replace('chg_1', 'chg_2'), () => signatureOf(body, 'whsec_new')],
    ['a truncated body', body.slice(0, -1), () => signatureOf(body, 'whsec_new')],
    ['no body', '', () => signatureOf(body, 'whsec_new')],
    ['replayed after the tolerance', body, () => signatureOf(body, 'whsec_new', now - 310)],
    ['dated in the future', body, () => signatureOf(body, 'whsec_new', now + 330)],
    ['an older scheme', body, () => signatureOf(body, 'whsec_new').replace('v1=', 'v0=')],
    ['another instant', body, () => signatureOf(body, 'whsec_new').replace(/t=\d+/, `t=${now - 7}`)],
  ])('refused: %s', async (_, text, signature) => {
    const refusal = await reading(text, signature()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: 'unauthenticated' });
  });

  test('refused: signed, and no event', async () => {
    for (const text of ['{"object":', '{"object":"v2.core.event"}', '{}', '[]', 'null', '"a"'])
      await expect(reading(text, signatureOf(text, 'whsec_new'))).rejects.toMatchObject({
        code: 'malformed_json',
      });
  });
});
