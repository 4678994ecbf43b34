import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProcesses, type Processes } from '../support/processes.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

// One trace from a request to the delivery of its event: API, workflow, activity, statement and POST, as a collector gets them.

interface Span {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  attributes: Record<string, unknown>;
}

interface Collector {
  endpoint: string;
  spans: Span[];
  text(): string;
  stop(): void;
}

interface Sent {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: { spans: (Omit<Span, 'attributes' | 'service'> & { attributes: Attribute[] })[] }[];
  }[];
}
interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

const attributesOf = (list: Attribute[]) =>
  Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));

/** Takes OTLP over HTTP in JSON. */
async function startCollector(): Promise<Collector> {
  const spans: Span[] = [];
  let all = '';
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    all += body;
    for (const { resource, scopeSpans } of (JSON.parse(body) as Sent).resourceSpans) {
      const service = String(attributesOf(resource.attributes)['service.name']);
      for (const span of scopeSpans.flatMap((scope) => scope.spans))
        spans.push({
          ...span,
          parentSpanId: span.parentSpanId ?? '',
          service,
          attributes: attributesOf(span.attributes),
        });
    }
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    text: () => all,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

let [collector, receiver]: [Collector, Receiver] = [] as never;
let processes: Processes;
beforeAll(async () => {
  [collector, receiver] = [await startCollector(), await startReceiver()];
  processes = await createProcesses(undefined, {
    WEBHOOK_PRIVATE_ADDRESSES: 'allow',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    // The batches go out every 100 ms instead of every 5 s.
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  await Promise.all([processes.startApi(), processes.startWorker()]);
});
afterAll(async () => {
  await processes?.stop();
  await receiver?.stop();
  collector?.stop();
});

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`;

const namesOf = (spans: Span[]) => spans.map(({ name }) => name);
const ofTrace = (id: string) => collector.spans.filter(({ traceId }) => traceId === id);

/** The names from a span up to its root; `caller` is the span of the caller outside. */
function way(span: Span): string[] {
  if (span.parentSpanId === CALLER) return [span.name, 'caller'];
  const parent = ofTrace(span.traceId).find(({ spanId }) => spanId === span.parentSpanId);
  return parent ? [span.name, ...way(parent)] : [span.name, `no ${span.parentSpanId}`];
}

async function subscribed(): Promise<string> {
  const { status, body } = await processes.request('POST', '/v1/subscriptions', {
    body: { customer_id: 'c-1', plan: 'creator', interval: 'month', payment_method: 'sandbox_ok' },
  });
  expect(status).toBe(201);
  return `/v1/subscriptions/${(body as { id: string }).id}`;
}

describe('a purchase', () => {
  let path = '';
  let secret = '';

  test('is one trace from the caller to the receiver of its event', async () => {
    const made = await processes.request('POST', '/v1/webhook_endpoints', {
      body: { url: `${receiver.url}/hook?token=t0psecret`, types: ['purchase.paid'] },
    });
    secret = String((made.body as { secret: string }).secret);
    path = await subscribed();
    const { status } = await processes.request('POST', `${path}/purchases`, {
      body: { packs: 1 },
      headers: { traceparent: TRACEPARENT },
    });
    expect(status).toBe(201);
    const posted = () => ofTrace(TRACE).find(({ name }) => name === 'RunWorkflow:webhook');
    await expect.poll(posted, { timeout: 30_000 }).toBeDefined();

    const post = ofTrace(TRACE).find(({ name, service }) => name === 'POST' && service === 'drawdown-worker');
    expect(way(post!)).toEqual([
      'POST',
      'RunActivity:deliver',
      'RunWorkflow:webhook',
      'StartWorkflow:webhook',
      'RunActivity:bill',
      'HandleUpdate:buyPacks',
      'UpdateWorkflow:buyPacks',
      'POST /v1/subscriptions/:id/purchases',
      'caller',
    ]);
    expect(receiver.received[0]!.headers['traceparent']).toBe(`00-${TRACE}-${post!.spanId}-01`);
  });

  test('has the statement of its step under the activity', () => {
    const statement = ofTrace(TRACE).find(({ name }) => name === 'SQL book_step')!;
    expect(way(statement)).toEqual([
      'SQL book_step',
      'RunActivity:bill',
      'HandleUpdate:buyPacks',
      'UpdateWorkflow:buyPacks',
      'POST /v1/subscriptions/:id/purchases',
      'caller',
    ]);
    expect(new Set(ofTrace(TRACE).map(({ service }) => service))).toEqual(
      new Set(['drawdown-api', 'drawdown-worker']),
    );
  });

  test('has spans with ids, and without addresses, keys and secrets (I15)', () => {
    const request = ofTrace(TRACE).find(({ name }) => name.endsWith('/purchases'))!;
    expect(request.attributes).toMatchObject({
      'http.route': '/v1/subscriptions/:id/purchases',
      'http.response.status_code': 201,
      'drawdown.request_id': expect.stringMatching(/^req_/),
    });
    expect(secret).toMatch(/^whsec_/);
    for (const part of ['t0psecret', receiver.url, secret, 'dd_test_', 'sandbox_ok'])
      expect(collector.text()).not.toContain(part);
  });

  test('starts a trace of its own without a caller’s; a spend over the fast path too', async () => {
    const spent = await processes.request('POST', `${path}/usage`, {
      body: { items: [{ feature: 'video_asset', quantity: 1 }] },
    });
    expect(spent.status).toBe(201);
    const found = () => collector.spans.find(({ name }) => name === 'POST /v1/subscriptions/:id/usage');
    await expect.poll(found, { timeout: 10_000 }).toBeDefined();
    expect(found()!.parentSpanId).toBe('');
    // Besides, the look-up of the key, which lasts a second.
    const names = namesOf(ofTrace(found()!.traceId)).filter((name) => name !== 'SQL other');
    expect(names.sort()).toEqual(['POST /v1/subscriptions/:id/usage', 'SQL spend_batch']);
  });
});

test('the start of a subscription is in the trace of its request, its life is not', () => {
  const start = collector.spans.find(({ name }) => name === 'POST /v1/subscriptions')!;
  const names = namesOf(ofTrace(start.traceId));
  expect(names).toEqual(
    expect.arrayContaining(['UpdateWithStartWorkflow:subscription', 'RunActivity:bill', 'SQL book_step']),
  );
  expect(names).not.toContain('RunWorkflow:subscription');
});
