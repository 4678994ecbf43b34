import type { RequestListener } from 'node:http';
import {
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { RequestWatch } from '../api/deps.ts';
import type { StatementWatch } from '../db/client.ts';
import type { Post } from '../webhooks/post.ts';
import type { EngineTraces } from './engine-traces.ts';
import { activityTraces, clientTraces, createSpanIds, workflowSink } from './temporal-traces.ts';

// Traces of a process, by OpenTelemetry. This file is loaded only where OTEL_EXPORTER_OTLP_ENDPOINT is set. No span has a body, a
// parameter, an address of a receiver or a secret (I15).

/** The traces of a process, and the parts that make spans. */
export interface Traces {
  /** Makes a span of each request; a caller's `traceparent` is its parent. */
  listener(next: RequestListener): RequestListener;
  /** Names the request's span by its route. */
  requests: RequestWatch;
  statements: StatementWatch;
  client: WorkflowClientInterceptor;
  engine: EngineTraces;
  /** Runs work in the trace of a row; a row without one starts no trace. */
  within<T>(traceparent: string | null, work: () => Promise<T>): Promise<T>;
  /** Sends the spans that are left. */
  stop(): Promise<void>;
}

/** Starts the traces of a process. The exporter reads the other variables of OpenTelemetry itself. */
export function startTraces(name: 'api' | 'worker', endpoint: string): Traces {
  const ids = createSpanIds();
  const provider = new NodeTracerProvider({
    idGenerator: ids,
    resource: resourceFromAttributes({ 'service.name': `drawdown-${name}` }),
    spanProcessors: [
      new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` })),
    ],
  });
  provider.register();
  return {
    listener,
    requests: { finished: nameRequest },
    statements: { began: beginStatement },
    client: clientTraces(),
    engine: { activities: activityTraces, sinks: workflowSink(ids), post: tracedPost, current: currentTrace },
    within: (traceparent, work) =>
      traceparent === null ? work() : context.with(contextOf(traceparent), work),
    stop: () => provider.shutdown().catch(() => {}),
  };
}

const tracer = () => trace.getTracer('drawdown');

const contextOf = (traceparent: string | undefined) =>
  propagation.extract(ROOT_CONTEXT, traceparent === undefined ? {} : { traceparent });

/** The running span as a `traceparent`; null where nothing is traced or its trace is not sampled. */
function currentTrace(): string | null {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent?.endsWith('-01') ? carrier.traceparent : null;
}

const listener =
  (next: RequestListener): RequestListener =>
  (incoming, outgoing) => {
    const { method = '', headers } = incoming;
    const parent = contextOf(headers['traceparent'] as string | undefined);
    const span = tracer().startSpan(
      method,
      { kind: SpanKind.SERVER, attributes: { 'http.request.method': method } },
      parent,
    );
    const active = trace.setSpan(parent, span);
    // A body arrives in another asynchronous context than its request.
    context.bind(active, incoming);
    outgoing.once('close', () => {
      const { statusCode } = outgoing;
      span.setAttribute('http.response.status_code', statusCode);
      if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    });
    context.with(active, () => next(incoming, outgoing));
  };

function nameRequest(route: string, _status: number, _startedAt: number, requestId: string): void {
  const span = trace.getActiveSpan();
  span?.updateName(route);
  span?.setAttributes({
    'http.route': route.slice(route.indexOf(' ') + 1),
    'drawdown.request_id': requestId,
  });
}

/** Only within a trace: the relay's own statements come ten times a second. */
function beginStatement(name: string): (hasFailed: boolean) => void {
  const parent = trace.getActiveSpan();
  if (parent === undefined || !isSpanContextValid(parent.spanContext())) return () => {};
  const span = tracer().startSpan(`SQL ${name}`, {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'postgresql', 'db.stored_procedure.name': name },
  });
  return (hasFailed) => {
    if (hasFailed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
}

const tracedPost =
  (post: Post): Post =>
  (url, headers, body) =>
    tracer().startActiveSpan('POST', { kind: SpanKind.CLIENT }, async (span) => {
      const carried = { ...headers };
      propagation.inject(context.active(), carried);
      const answered = await post(url, carried, body);
      if (answered.status !== null) span.setAttribute('http.response.status_code', answered.status);
      if (answered.failure !== null)
        span.setStatus({ code: SpanStatusCode.ERROR, message: answered.failure });
      span.end();
      return answered;
    });
