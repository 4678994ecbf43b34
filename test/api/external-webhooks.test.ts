import { asc, count, eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { inbox } from '../../src/db/schema.ts';
import { openEventReader } from '../../src/startup.ts';
import { deliver, eventId, PATH, SECRETS, signed } from '../support/external-events.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { bodyOf, codeOf, Driver, faultsOf, start } from './driver.ts';
import { expectProblem } from './problem.ts';

// The webhook of a system that owns billing, through HTTP: a forged or wrong event leaves no trace, a signed one is stored once
// and answered. Its effects: test/billing/external-life.test.ts.

const external = { webhookSecrets: [SECRETS.new, SECRETS.old] };

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ external });
});
afterAll(() => stack?.stop());

const send = (text: string, headers: Record<string, string>) =>
  stack.request('POST', PATH, { text, headers: { Authorization: '', ...headers } });

const storedOf = (id: string) =>
  stack.db.select().from(inbox).where(eq(inbox.eventId, id)).orderBy(asc(inbox.id));

async function stored(): Promise<number> {
  const [row] = await stack.db.select({ n: count() }).from(inbox);
  return row!.n;
}

const settled = { subscription: 'sub_1', charge: 'chg_1', outcome: 'paid', at: '2026-02-17T00:00:00Z' };
const body = JSON.stringify({ type: 'payment.settled', data: settled });

describe('leaves no trace', () => {
  const now = Date.now();
  test.each<[string, string, Record<string, string>]>([
    ['no signature', body, {}],
    ['forged', body, signed(body, 'msg_1', SECRETS.other)],
    ['of another body', body.replace('paid', 'declined'), signed(body)],
    ['truncated', body.slice(0, 40), signed(body)],
    ['replayed after the tolerance', body, signed(body, 'msg_1', SECRETS.new, now - 310_000)],
    ['dated in the future', body, signed(body, 'msg_1', SECRETS.new, now + 600_000)],
  ])('%s: 401', async (_, text, headers) => {
    const before = await stored();
    expectProblem(await send(text, headers), 'unauthenticated');
    expect(await stored()).toBe(before);
  });

  test('a key of ours is no signature', async () => {
    const before = await stored();
    expectProblem(await stack.request('POST', PATH, { text: body }), 'unauthenticated');
    expect(await stored()).toBe(before);
  });

  test.each<[string, object, string]>([
    ['payment.settled', { ...settled, outcome: 'pending' }, 'invalid_request: /data/outcome'],
    ['payment.settled', { ...settled, amount: 1 }, 'invalid_request: /data/amount'],
    ['subscription.cancelled', { subscription: 'sub_1' }, 'invalid_request: /data/at'],
    ['plan.changed', { subscription: 'sub_1', plan: 'pro' }, 'invalid_request: /data/interval'],
  ])('signed, and wrong: %s %j: 400', async (type, data, faults) => {
    const before = await stored();
    const answer = await deliver(stack, type, data);
    expectProblem(answer, 'invalid_request');
    expect(faultsOf(answer)).toBe(faults);
    expect(await stored()).toBe(before);
  });

  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  test.each<[string, string]>([
    [
      `{"type":"subscription.cancelled","data":{"subscription":"sub_1","at":"now","reason":"ok \\ud83d"}}`,
      '/data/reason',
    ],
    ['{"type":"invoice.sent","data":{"lines":[{"text":"a\\u0000"}]}}', '/data/lines/0/text'],
    ['{"type":"invoice.sent","data":{"\\ude00":1}}', '/data'],
    ['{"type":"invoice.\\ud83d"}', '/type'],
    [`{"type":"invoice.sent","data":${deep}}`, `/data${'/0'.repeat(99)}`],
    [
      '{"type":"payment.settled","data":{"subscription":"s","charge":"c","attempt":2147483648,"outcome":"paid","at":"2026-02-17T00:00:00Z"}}',
      '/data/attempt',
    ],
  ])('signed, and nothing that PostgreSQL keeps (%#): 400', async (text, pointer) => {
    const before = await stored();
    const answer = await send(text, signed(text));
    expectProblem(answer, 'invalid_request');
    expect(faultsOf(answer)).toBe(`invalid_request: ${pointer}`);
    expect(await stored()).toBe(before);
  });

  test('signed, and no JSON: 400', async () => {
    const before = await stored();
    expectProblem(await send('{"type":', signed('{"type":')), 'malformed_json');
    expect(await stored()).toBe(before);
  });
});

test('either secret will do; ten deliveries of one event at once are stored once', async () => {
  const id = eventId();
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => send(body, signed(body, id, i % 2 ? SECRETS.new : SECRETS.old))),
  );
  const duplicates = answers.map((answer) => bodyOf(answer)['duplicate']);
  expect(duplicates.filter((duplicate) => duplicate === false)).toHaveLength(1);
  expect(await storedOf(id)).toHaveLength(1);
});

describe('an event that no workflow waits for is kept, acknowledged and marked', () => {
  test.each<[string, object, string, string]>([
    ['invoice.sent', { number: 7 }, '', 'ignored'],
    ['payment.settled', settled, 'sub_1', 'unknown'],
    ['subscription.cancelled', { subscription: 'sub_1', at: 'now' }, 'sub_1', 'unknown'],
    ['plan.changed', { subscription: 'sub_1', plan: 'pro', interval: 'year' }, 'sub_1', 'unknown'],
  ])('%s %j', async (type, data, subscriptionId, outcome) => {
    const id = eventId();
    expect(bodyOf(await deliver(stack, type, data, id))).toEqual({ received: true, duplicate: false });
    const [row, ...more] = await storedOf(id);
    expect(more).toEqual([]);
    expect(row).toMatchObject({
      provider: 'external',
      subscriptionId,
      kind: type,
      outcome,
      payload: { type, data },
    });
    expect(row!.relayedAt).not.toBeNull();
  });

  test('a charge that this subscription has not, and will not have', async () => {
    const driver = await Driver.open(stack);
    for (const charge of ['chg_nobody', 'chg_nobody_r0_1', `chg_${driver.id.slice(4)}_r0_0`]) {
      const id = eventId();
      bodyOf(await deliver(stack, 'payment.settled', { ...settled, subscription: driver.id, charge }, id));
      expect(await storedOf(id)).toMatchObject([{ outcome: 'unknown', subscriptionId: driver.id }]);
    }
  });
});

describe('who bills', () => {
  /** An app with nothing but the ledger: a call of anything else would fail. */
  const appFor = async (billing: 'sandbox' | 'external') => {
    const readEvent = await openEventReader({
      stripe: undefined,
      external: billing === 'external' ? external : undefined,
    });
    return createApp({ db: stack.db, billing, readEvent, isOpen: () => true, log: () => {} } as never);
  };
  const request = () => ({ method: 'POST', body, headers: signed(body) });

  test('Temporal is not asked', async () => {
    expect((await (await appFor('external')).request(PATH, request())).status).toBe(200);
  });

  test('the route of another answers 404', async () => {
    expect((await (await appFor('sandbox')).request(PATH, request())).status).toBe(404);
    const stripes = await stack.request('POST', '/v1/billing/webhooks/stripe', { text: body });
    expect(codeOf(stripes)).toBe('not_found');
  });

  test('the sandbox’s settling is closed; any payment method will do, or none', async () => {
    const driver = await Driver.open(stack, { payment_method: 'invoice 30 days' });
    const charge = `chg_${driver.id.slice(4)}_s`;
    const settle = await stack.request('POST', `/v1/sandbox/charges/${charge}/settle`, {
      body: { outcome: 'paid' },
    });
    expect(codeOf(settle)).toBe('not_found');
    expect((await start(stack)).status).toBe(202);
    // enterprise is paid by contract.
    expect((await start(stack, { plan: 'enterprise', allowance: 10 })).status).toBe(201);
  });
});
