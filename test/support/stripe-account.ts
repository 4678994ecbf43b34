import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StripeConfig } from '../../src/config.ts';
import { startStripeMock } from './stripe-mock.ts';

// An account at Stripe. stripe-mock checks every request and gives answers their shape, but remembers nothing and never
// declines. So the memory is here: intents and their states, the owners of payment methods, idempotency keys. The name of a
// payment method decides its outcome. Refusals are Stripe's documented ones.

export const WEBHOOK_SECRETS = ['whsec_new', 'whsec_old'];

export interface Seen {
  method: string;
  path: string;
  /** The Idempotency-Key. */
  key: string | null;
  body: Record<string, string>;
}

export interface Intent {
  id: string;
  status: string;
  amount: number;
  currency: string;
  customer: string;
  payment_method: string;
  metadata: Record<string, string>;
  last_payment_error: Refused | null;
  /** All of it was given back. */
  refunded: boolean;
  refunds: { amount: number; metadata: Record<string, string> }[];
}

interface Refused {
  type: string;
  code?: string;
  param?: string;
  decline_code?: string;
  message: string;
}

/** The fate of a request: `lost` was carried out and not answered, `held` too until it is let go, else it is refused. */
export type Fault = 'lost' | 'held' | { status: number; error: Refused };

export interface StripeAccount {
  /** The configuration with which Drawdown bills through it. */
  config: StripeConfig;
  /** Every request as it came. */
  seen: Seen[];
  intents: Map<string, Intent>;
  /** The intents of a charge that took money. */
  paid(chargeId: string): Intent[];
  /** The newest intent of an attempt at a charge. */
  intent(chargeId: string, attempt?: number): Intent;
  /** The next requests whose `METHOD path` fits meet a fault. */
  fail(request: RegExp, fault: Fault, times?: number): void;
  /** Settles once a request was held, until `letGo`. */
  held(): Promise<void>;
  letGo(): void;
  /** Every request takes so long from now on, in milliseconds. */
  slowDown(ms: number): void;
  /** A day passes: idempotency keys are forgotten. */
  forgetKeys(): void;
  stop(): Promise<void>;
}

interface Reply {
  status: number;
  body: object;
}

const refused = (status: number, error: Refused): Reply => ({ status, body: { error } });
const invalidRequest = (code: string | undefined, message: string, status = 400): Reply =>
  refused(status, { type: 'invalid_request_error', ...(code ? { code } : {}), message });

const DECLINED: Refused = {
  type: 'card_error',
  code: 'card_declined',
  decline_code: 'generic_decline',
  message: 'Your card was declined.',
};
const AUTHENTICATION_REQUIRED: Refused = {
  type: 'card_error',
  code: 'authentication_required',
  decline_code: 'authentication_required',
  message: 'Your card was declined. This transaction requires authentication.',
};

/** How a confirmation ends, by a part of the payment method's name; paid for any other. */
const ENDS: [part: string, status: string, error: Refused | null][] = [
  ['chargeDeclined', 'requires_payment_method', DECLINED],
  ['authenticationRequired', 'requires_payment_method', AUTHENTICATION_REQUIRED],
  ['threeDSecure', 'requires_action', null],
  ['bankDebit', 'processing', null],
];

export async function openStripeAccount(): Promise<StripeAccount> {
  const mock = await startStripeMock();
  const seen: Seen[] = [];
  const intents = new Map<string, Intent>();
  const owners = new Map<string, string>();
  /** By idempotency key; without a reply while the first request is under way. */
  const replies = new Map<string, { request: string; reply: Reply | null }>();
  const faults: { request: RegExp; fault: Fault; times: number }[] = [];
  let delayMs = 0;
  let wasHeld = () => {};
  let letGo = () => {};
  let holding = new Promise<void>((resolve) => {
    wasHeld = resolve;
  });

  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const wanted: Seen = {
      method: request.method!,
      path: request.url!,
      key: request.headers['idempotency-key']?.toString() ?? null,
      body: Object.fromEntries(new URLSearchParams(text)),
    };
    seen.push(wanted);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const fault = takeFault(`${wanted.method} ${wanted.path}`);
    if (typeof fault === 'object') return send(response, refused(fault.status, fault.error));
    const reply = await remembered(wanted, text, () => carryOut(wanted, text, request.headers));
    if (fault === 'lost') return void response.destroy();
    if (fault === 'held') {
      const released = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      wasHeld();
      await released;
    }
    send(response, reply);
  }

  function takeFault(request: string): Fault | undefined {
    const found = faults.find((fault) => fault.times > 0 && fault.request.test(request));
    if (found) found.times -= 1;
    return found?.fault;
  }

  /** The same key gets the same answer; with another request, or while the first runs, it is refused. */
  async function remembered(wanted: Seen, text: string, work: () => Promise<Reply>): Promise<Reply> {
    if (wanted.key === null || wanted.method === 'GET') return work();
    const request = `${wanted.path} ${text}`;
    const known = replies.get(wanted.key);
    const type = 'idempotency_error';
    if (known && known.request !== request)
      return refused(400, { type, message: 'Keys can only be used with the same parameters.' });
    if (known?.reply) return known.reply;
    if (known) return refused(409, { type, code: 'idempotency_key_in_use', message: 'The key is in use.' });
    replies.set(wanted.key, { request, reply: null });
    const reply = await work();
    replies.set(wanted.key, { request, reply });
    return reply;
  }

  async function carryOut(wanted: Seen, text: string, headers: IncomingMessage['headers']): Promise<Reply> {
    const example = await ofMock(wanted, text, headers);
    if (example.status !== 200) return example;
    const [path = '', query] = wanted.path.split('?');
    const [, , kind, id = '', verb] = path.split('/');
    const body = example.body as { id: string };
    switch (`${wanted.method} ${kind}${id && '/id'}${verb ? `/${verb}` : ''}`) {
      case 'POST customers':
        return example;
      case 'GET payment_methods/id':
        if (id.includes('missing'))
          return invalidRequest('resource_missing', `No such PaymentMethod: '${id}'`, 404);
        return { status: 200, body: { ...body, id, customer: ownerOf(id) } };
      case 'POST payment_methods/id/attach':
        return attach(id, wanted.body['customer']!, body);
      case 'POST payment_intents':
        return make(wanted.body, body);
      case 'GET payment_intents/id':
        return intents.has(id)
          ? { status: 200, body: { ...body, ...intents.get(id) } }
          : invalidRequest('resource_missing', `No such payment_intent: '${id}'`, 404);
      case 'POST payment_intents/id/confirm':
        return confirm(intents.get(id)!, body);
      case 'POST payment_intents/id/cancel':
        return cancel(intents.get(id)!, body);
      case 'POST refunds':
        return refund(intents.get(wanted.body['payment_intent']!)!, wanted.body, body);
      case 'GET refunds':
        return refundsOf(intents.get(new URLSearchParams(query).get('payment_intent')!)!, body);
      default:
        throw new Error(`${wanted.method} ${wanted.path} is not asked for by Drawdown`);
    }
  }

  async function ofMock(wanted: Seen, text: string, headers: IncomingMessage['headers']): Promise<Reply> {
    const answer = await fetch(`${mock.url}${wanted.path}`, {
      method: wanted.method,
      headers: {
        Authorization: headers.authorization!,
        ...(wanted.method === 'GET' ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' }),
      },
      ...(wanted.method === 'GET' ? {} : { body: text }),
    });
    return { status: answer.status, body: (await answer.json()) as object };
  }

  const ownerOf = (method: string): string | null =>
    method.includes('stranger') ? 'cus_stranger' : (owners.get(method) ?? null);

  function attach(method: string, customer: string, body: object): Reply {
    if (method.includes('usedUp'))
      return invalidRequest(undefined, 'The provided PaymentMethod may not be used again.');
    if (owners.has(method))
      return invalidRequest(undefined, 'The payment method has already been attached to a customer.');
    owners.set(method, customer);
    return { status: 200, body: { ...body, id: method, customer } };
  }

  function make(wanted: Record<string, string>, body: { id: string }): Reply {
    const intent: Intent = {
      id: body.id,
      status: 'requires_confirmation',
      amount: Number(wanted['amount']),
      currency: wanted['currency']!,
      customer: wanted['customer']!,
      payment_method: wanted['payment_method']!,
      metadata: metadataIn(wanted),
      last_payment_error: null,
      refunded: false,
      refunds: [],
    };
    intents.set(intent.id, intent);
    return { status: 200, body: { ...body, ...intent } };
  }

  function confirm(intent: Intent, body: object): Reply {
    if (!['requires_confirmation', 'requires_payment_method'].includes(intent.status))
      return invalidRequest(
        'payment_intent_unexpected_state',
        'This PaymentIntent has already been confirmed.',
      );
    const [, status, error] = ENDS.find(([part]) => intent.payment_method.includes(part)) ?? [
      '',
      'succeeded',
      null,
    ];
    Object.assign(intent, { status, last_payment_error: error });
    return error ? refused(402, error) : { status: 200, body: { ...body, ...intent } };
  }

  function cancel(intent: Intent, body: object): Reply {
    if (['succeeded', 'canceled', 'processing'].includes(intent.status))
      return invalidRequest('payment_intent_unexpected_state', `This PaymentIntent is ${intent.status}.`);
    intent.status = 'canceled';
    return { status: 200, body: { ...body, ...intent } };
  }

  function refund(intent: Intent, wanted: Record<string, string>, body: object): Reply {
    const left = intent.amount - intent.refunds.reduce((sum, { amount }) => sum + amount, 0);
    if (left === 0) return invalidRequest('charge_already_refunded', 'The charge has already been refunded.');
    const amount = Number(wanted['amount'] ?? left);
    if (amount > left) {
      const message = 'Refund amount is greater than unrefunded amount on charge.';
      return refused(400, { type: 'invalid_request_error', param: 'amount', message });
    }
    const metadata = metadataIn(wanted);
    intent.refunds.push({ amount, metadata });
    intent.refunded = amount === left;
    return { status: 200, body: { ...body, amount, metadata } };
  }

  function refundsOf({ refunds }: Intent, body: object): Reply {
    const data = refunds.map((one) => ({ ...one, status: 'succeeded' }));
    return { status: 200, body: { ...body, data, has_more: false } };
  }

  return {
    config: {
      secretKey: 'sk_test_123',
      webhookSecrets: WEBHOOK_SECRETS,
      apiUrl: `http://127.0.0.1:${port}`,
    },
    seen,
    intents,
    paid: (chargeId) =>
      [...intents.values()].filter(
        ({ status, metadata }) => status === 'succeeded' && metadata['charge_id'] === chargeId,
      ),
    intent: (chargeId, attempt = 1) =>
      [...intents.values()].findLast(
        ({ metadata }) => metadata['charge_id'] === chargeId && metadata['attempt'] === String(attempt),
      )!,
    fail: (request, fault, times = 1) => void faults.push({ request, fault, times }),
    held: () => holding,
    letGo() {
      letGo();
      holding = new Promise<void>((resolve) => {
        wasHeld = resolve;
      });
    },
    slowDown: (ms) => {
      delayMs = ms;
    },
    forgetKeys: () => replies.clear(),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await mock.stop();
    },
  };
}

/** `metadata[name]=value` of a form. */
const metadataIn = (form: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(form)
      .filter(([name]) => name.startsWith('metadata['))
      .map(([name, value]) => [name.slice(9, -1), value]),
  );

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
