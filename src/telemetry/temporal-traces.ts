import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace-node';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { TraceSinks, WorkflowSpan } from '../workflows/tracing.ts';

// Spans on the way through Temporal: the client's calls, the handlers of workflows (src/workflows/tracing.ts reports them), and activities.

/** The header of Temporal's own interceptors; src/workflows/tracing.ts reads it. */
const TRACE_HEADER = '_tracer-data';

const tracer = () => trace.getTracer('drawdown');

function withTrace(headers: Headers): Headers {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return { ...headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload(carrier)! };
}

function contextIn(headers: Headers): Context {
  const payload = headers[TRACE_HEADER];
  return payload === undefined
    ? ROOT_CONTEXT
    : propagation.extract(ROOT_CONTEXT, defaultPayloadConverter.fromPayload(payload) ?? {});
}

/** Runs work in a span that ends with it. A refusal is no failure of the call, so only its type is kept. */
async function spanned<T>(span: Span, within: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(within, span), work);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).name });
    throw error;
  } finally {
    span.end();
  }
}

/** A call within a trace gets a span and a header; the relay's other calls get neither. */
function called<T>(
  name: string,
  workflowId: string | undefined,
  work: (isTraced: boolean) => Promise<T>,
): Promise<T> {
  if (trace.getSpanContext(context.active()) === undefined) return work(false);
  const span = tracer().startSpan(name, {
    kind: SpanKind.CLIENT,
    attributes: workflowId === undefined ? {} : { 'temporal.workflow_id': workflowId },
  });
  return spanned(span, context.active(), () => work(true));
}

/** The client's interceptor. */
export const clientTraces = (): WorkflowClientInterceptor => ({
  startWithDetails: (input, next) =>
    called(`StartWorkflow:${input.workflowType}`, input.options.workflowId, (isTraced) =>
      next(isTraced ? { ...input, headers: withTrace(input.headers) } : input),
    ),
  startUpdate: (input, next) =>
    called(
      `UpdateWorkflow:${input.updateName}`,
      input.workflowExecution.workflowId ?? undefined,
      (isTraced) => next(isTraced ? { ...input, headers: withTrace(input.headers) } : input),
    ),
  startUpdateWithStart: (input, next) =>
    called(
      `UpdateWithStartWorkflow:${input.workflowType}`,
      input.workflowStartOptions.workflowId,
      (isTraced) =>
        next(
          isTraced
            ? {
                ...input,
                workflowStartHeaders: withTrace(input.workflowStartHeaders),
                updateHeaders: withTrace(input.updateHeaders),
              }
            : input,
        ),
    ),
});

/** Makes a span of each activity whose call is in a trace. */
export const activityTraces: ActivityInterceptorsFactory = ({ info }) => ({
  inbound: {
    execute(input, next) {
      if (input.headers[TRACE_HEADER] === undefined) return next(input);
      const parent = contextIn(input.headers);
      const { activityType, attempt, workflowExecution } = info;
      const span = tracer().startSpan(
        `RunActivity:${activityType}`,
        {
          kind: SpanKind.CONSUMER,
          attributes: {
            'temporal.workflow_id': workflowExecution?.workflowId ?? '',
            'temporal.attempt': attempt,
          },
        },
        parent,
      );
      return spanned(span, parent, () => next(input));
    },
  },
});

/** Makes the ids of spans: random ones, and those that a workflow has made already. */
export interface SpanIds extends IdGenerator {
  /** Runs work whose span gets this id. */
  as<T>(spanId: string, work: () => T): T;
}

/** Makes the ids of a process's spans. */
export function createSpanIds(): SpanIds {
  const random = new RandomIdGenerator();
  let given: string | null = null;
  return {
    generateTraceId: () => random.generateTraceId(),
    generateSpanId: () => given ?? random.generateSpanId(),
    as(spanId, work) {
      given = spanId;
      try {
        return work();
      } finally {
        given = null;
      }
    },
  };
}

/** Exports the spans that workflows report. Their ids were made in the workflow, so that activities could name them. */
export const workflowSink = (ids: SpanIds): InjectedSinks<TraceSinks> => ({
  traces: {
    ended: {
      fn: ({ workflowId, runId }, span) =>
        exported(ids, span, { 'temporal.workflow_id': workflowId, 'temporal.run_id': runId }),
      callDuringReplay: false,
    },
  },
});

function exported(ids: SpanIds, ended: WorkflowSpan, attributes: Record<string, string>): void {
  const own = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, { traceparent: ended.traceparent }));
  const parent = propagation.extract(ROOT_CONTEXT, { traceparent: ended.parent });
  if (own === undefined || (own.traceFlags & TraceFlags.SAMPLED) === 0) return;
  const options = { kind: SpanKind.INTERNAL, attributes, startTime: ended.startedAt };
  const span = ids.as(own.spanId, () => tracer().startSpan(ended.name, options, parent));
  if (ended.hasFailed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(ended.endedAt);
}
