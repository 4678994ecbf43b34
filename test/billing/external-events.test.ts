import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createExternalReader } from '../../src/api/inbound/external-events.ts';
import { createVerifier } from '../../src/billing/standard-webhooks.ts';
import { Refusal } from '../../src/domain/errors.ts';
import { SECRETS, signed } from '../support/external-events.ts';

// The events of a system that owns billing, and their signatures.

const read = createExternalReader(createVerifier([SECRETS.new, SECRETS.old]));
const bytes = (text: string) => new TextEncoder().encode(text);
const reading = (text: string, headers = signed(text)) => read(bytes(text), new Headers(headers));
const refusalOf = async (asked: Promise<unknown>): Promise<Refusal> => {
  const refusal = await asked.catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Refusal);
  return refusal as Refusal;
};

const settled = {
  subscription: 'sub_1',
  charge: 'chg_1',
  attempt: 2,
  outcome: 'paid',
  at: '2026-02-17T01:00:00.5+01:00',
};
const body = JSON.stringify({ type: 'payment.settled', data: settled });

describe('its content', () => {
  const { attempt: _, ...uncounted } = settled;
  const at = Date.parse('2026-02-17T00:00:00.500Z');
  const message = { kind: 'settled', subscriptionId: 'sub_1', chargeId: 'chg_1', outcome: 'paid', at };
  test.each<[string, object, object | null]>([
    ['payment.settled', settled, { ...message, attempt: 2 }],
    ['payment.settled', uncounted, message],
    ['payment.settled', { ...uncounted, outcome: 'declined' }, { ...message, outcome: 'declined' }],
    [
      'subscription.cancelled',
      { subscription: 'sub_1', at: 'now', reason: 'moved away' },
      { kind: 'cancelled', subscriptionId: 'sub_1', at: 'now', reason: 'moved away' },
    ],
    [
      'subscription.cancelled',
      { subscription: 'sub_1', at: 'renewal' },
      { kind: 'cancelled', subscriptionId: 'sub_1', at: 'renewal' },
    ],
    [
      'plan.changed',
      { subscription: 'sub_1', plan: 'pro', interval: 'year' },
      { kind: 'plan_changed', subscriptionId: 'sub_1', plan: 'pro', interval: 'year' },
    ],
    ['invoice.sent', { anything: [1, null] }, null],
  ])('%s %j', async (type, data, said) => {
    const content = { type, timestamp: '2026-02-17T00:00:01Z', data };
    const text = JSON.stringify(content);
    const event = await reading(text, signed(text, 'msg_1'));
    expect(event).toEqual({ id: 'msg_1', type, message: said, returned: null, content });
  });

  test.each<[string, object, object]>([
    ['payment.refunded', { refunded_minor: 500 }, { kind: 'refund', toMinor: 500 }],
    [
      'payment.disputed',
      { dispute: 'd1', amount_minor: 1500, status: 'won' },
      { kind: 'dispute', id: 'd1', amountMinor: 1500, status: 'won' },
    ],
  ])('%s %j', async (type, data, back) => {
    const event = await reading(
      JSON.stringify({ type, data: { subscription: 'sub_1', charge: 'chg_1', ...data } }),
    );
    const returned = { subscriptionId: 'sub_1', chargeId: 'chg_1', back };
    expect(event).toMatchObject({ type, message: null, returned });
  });

  test.each<[string, string[], object]>([
    ['payment.settled', ['/data'], {}],
    ['payment.settled', ['/data'], { data: 'paid' }],
    ['payment.settled', ['/data/at', '/data/charge', '/data/outcome', '/data/subscription'], { data: {} }],
    ['payment.settled', ['/data/outcome'], { data: { ...settled, outcome: 'pending' } }],
    ['payment.settled', ['/data/attempt'], { data: { ...settled, attempt: 0 } }],
    ['payment.settled', ['/data/attempt'], { data: { ...settled, attempt: 1.5 } }],
    ['payment.settled', ['/data/at'], { data: { ...settled, at: 1771286400 } }],
    ['payment.settled', ['/data/at'], { data: { ...settled, at: 'yesterday' } }],
    ['payment.settled', ['/data/amount'], { data: { ...settled, amount: 2900 } }],
    ['payment.settled', ['/outcome'], { data: settled, outcome: 'paid' }],
    ['payment.settled', ['/timestamp'], { data: settled, timestamp: 'now' }],
    ['subscription.cancelled', ['/data/at'], { data: { subscription: 'sub_1', at: 'later' } }],
    ['subscription.cancelled', ['/data/at'], { data: { subscription: 'sub_1' } }],
    ['plan.changed', ['/data/plan'], { data: { subscription: 'sub_1', plan: 'gold!', interval: 'year' } }],
    [
      'plan.changed',
      ['/data/interval'],
      { data: { subscription: 'sub_1', plan: 'pro', interval: 'fortnight' } },
    ],
    ['payment.refunded', ['/data/refunded_minor'], { data: { subscription: 'sub_1', charge: 'chg_1' } }],
    [
      'payment.refunded',
      ['/data/refunded_minor'],
      { data: { subscription: 'sub_1', charge: 'chg_1', refunded_minor: 0 } },
    ],
    [
      'payment.disputed',
      ['/data/amount_minor', '/data/dispute', '/data/status'],
      { data: { subscription: 'sub_1', charge: 'chg_1', status: 'closed' } },
    ],
    ['', ['/type'], {}],
  ])('refused: %s, for %j: %j', async (type, pointers, rest) => {
    const refusal = await refusalOf(reading(JSON.stringify({ type, ...rest })));
    expect(refusal.code).toBe('invalid_request');
    const errors = refusal.data['errors'] as { pointer: string }[];
    expect(errors.map(({ pointer }) => pointer).sort()).toEqual(pointers);
  });

  test.each([
    ['{"type":', 'malformed_json'],
    ['', 'malformed_json'],
    ['[]', 'invalid_request'],
    ['null', 'invalid_request'],
    ['"a"', 'invalid_request'],
    ['{"data":{}}', 'invalid_request'],
    ['{"type":"a","data":"\\u0000"}', 'invalid_request'],
    ['{"type":"a","\\u0000":1}', 'invalid_request'],
    ['{"type":"a","data":["\\ud800"]}', 'invalid_request'],
  ])('refused: %s', async (text, code) => {
    expect((await refusalOf(reading(text))).code).toBe(code);
  });

  test('text that only looks like a NUL is kept', async () => {
    const text = '{"type":"a","data":"\\\\u0000 😀"}';
    expect((await reading(text)).content).toEqual({ type: 'a', data: '\\u0000 😀' });
  });
});

describe('who may say it', () => {
  const now = Date.now();
  const { 'webhook-signature': other } = signed(body, 'msg_1', SECRETS.other, now);
  const { 'webhook-signature': old } = signed(body, 'msg_1', SECRETS.old, now);
  const both = (...signatures: (string | undefined)[]) => ({
    ...signed(body, 'msg_1', SECRETS.new, now),
    'webhook-signature': signatures.join(' '),
  });

  test.each<[string, Record<string, string>]>([
    ['the new secret', signed(body)],
    ['the old secret', signed(body, 'msg_1', SECRETS.old)],
    ['one of several signatures', both(other, 'v1a,c2ln', 'v1', old)],
    ['nearly five minutes ago', signed(body, 'msg_1', SECRETS.new, now - 290_000)],
    ['a clock that is a little ahead', signed(body, 'msg_1', SECRETS.new, now + 290_000)],
  ])('signed with %s', async (_, headers) => {
    expect(await reading(body, headers)).toMatchObject({ type: 'payment.settled' });
  });

  test('signed by hand, as the specification has it', async () => {
    const timestamp = String(Math.floor(now / 1_000));
    const key = Buffer.from(SECRETS.new.slice('whsec_'.length), 'base64');
    const signature = createHmac('sha256', key).update(`msg_1.${timestamp}.${body}`).digest('base64');
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    };
    expect((await reading(body, headers)).id).toBe('msg_1');
  });

  const without = (name: string) => ({ ...signed(body), [name]: '' });
  test.each<[string, string, Record<string, string>]>([
    ['no headers', body, {}],
    ['no id', body, without('webhook-id')],
    ['no timestamp', body, without('webhook-timestamp')],
    ['no signature', body, without('webhook-signature')],
    ['a word', body, both('signed')],
    ['no version', body, both(signed(body, 'msg_1', SECRETS.new, now)['webhook-signature']!.slice(3))],
    ['an older scheme', body, both(old?.replace('v1,', 'v0,'))],
    ['another secret', body, both(other)],
    ['another body', body.replace('chg_1', 'chg_2'), signed(body)],
    ['a truncated body', body.slice(0, -1), signed(body)],
    ['no body', '', signed(body)],
    ['another id', body, { ...signed(body, 'msg_1'), 'webhook-id': 'msg_2' }],
    ['another instant', body, { ...signed(body), 'webhook-timestamp': String(Math.floor(now / 1_000) - 7) }],
    ['no instant', body, { ...signed(body), 'webhook-timestamp': 'now' }],
    ['replayed after the tolerance', body, signed(body, 'msg_1', SECRETS.new, now - 310_000)],
    ['dated in the future', body, signed(body, 'msg_1', SECRETS.new, now + 330_000)],
  ])('refused: %s', async (_, text, headers) => {
    expect((await refusalOf(reading(text, headers))).code).toBe('unauthenticated');
  });

  test('refused: bytes that are not text, though their nearest text is signed', async () => {
    const text = '{"type":"\uFFFD"}';
    const broken = bytes(text).filter((byte) => byte !== 0xbf);
    const asked = read(broken, new Headers(signed(text)));
    expect((await refusalOf(asked)).code).toBe('unauthenticated');
  });

  test('a mark at the beginning belongs to the signed text', async () => {
    expect((await refusalOf(reading(`\uFEFF${body}`, signed(body)))).code).toBe('unauthenticated');
  });

  test.each([[`msg ${1}`], ['m'.repeat(256)]])('refused: signed, under the id %s', async (id) => {
    expect((await refusalOf(reading(body, signed(body, id)))).code).toBe('invalid_request');
  });
});
