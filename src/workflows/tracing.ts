import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { proxySinks, type Sinks, type WorkflowInterceptorsFactory, workflowInfo } from '@temporalio/workflow';
import type { CommandRef } from '../db/ledger.ts';

// The trace of a request goes on through workflows: from the header of a start or an update to the header of the activity that books
// its command. An update's handler only queues its command, so the two are matched by the command's row, not by the call. Without a
// header nothing happens. Commands of the workflow are the same with and without, so histories replay.

/** The header of Temporal's own interceptors; its value is a W3C `traceparent` by name. */
const TRACE_HEADER = '_tracer-data';

/** A part of a workflow's work that has ended, for the worker's exporter. */
export interface WorkflowSpan {
  name: string;
  traceparent: string;
  /** The context of the caller. */
  parent: string;
  /** By Temporal's clock, in milliseconds. */
  startedAt: number;
  endedAt: number;
  hasFailed: boolean;
}

/** The worker's side of traces. */
export interface TraceSinks extends Sinks {
  traces: { ended(span: WorkflowSpan): void };
}

const { traces } = proxySinks<TraceSinks>();

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The `traceparent` of a header; null where there is none. */
function readTrace(headers: Headers): string | null {
  const payload = headers[TRACE_HEADER];
  if (payload === undefined) return null;
  const carrier = defaultPayloadConverter.fromPayload<{ traceparent?: unknown } | null>(payload);
  const traceparent = carrier?.traceparent;
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : null;
}

const withTrace = (headers: Headers, traceparent: string): Headers => ({
  ...headers,
  [TRACE_HEADER]: defaultPayloadConverter.toPayload({ traceparent })!,
});

/** 16 hexadecimal digits made from a text (FNV-1a), the same at each replay: the workflow's random numbers stay its own. */
function spanIdOf(text: string): string {
  let [high, low] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i += 1) {
    high = Math.imul(high ^ text.charCodeAt(i), 0x01000193);
    low = Math.imul(low ^ text.charCodeAt(text.length - 1 - i), 0x811c9dc5);
  }
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

/** A span of the caller's trace, with an id of its own. */
const childOf = (parent: string, name: string): string => {
  const [version, trace, , flags] = parent.split('-');
  const { workflowId, runId } = workflowInfo();
  return [version, trace, spanIdOf(`${workflowId}/${runId}/${name}`), flags].join('-');
};

/**
 * Reports a span at the end of some work, and answers the work's own promise. A promise around it would end later, and a workflow
 * whose promises end in another order replays no history.
 */
function spanned<T>(
  span: Pick<WorkflowSpan, 'name' | 'traceparent' | 'parent'>,
  work: Promise<T>,
): Promise<T> {
  const startedAt = Date.now();
  const ended = (hasFailed: boolean) => () =>
    traces.ended({ ...span, startedAt, endedAt: Date.now(), hasFailed });
  work.then(ended(false), ended(true));
  return work;
}

const keyOf = ({ operation, key, attempt }: CommandRef): string => `${operation}/${key}#${attempt}`;

/** The row of a command in an argument of an update, a start or an activity. */
function refIn(argument: unknown, ...path: string[]): CommandRef | null {
  let value = argument;
  for (const name of path) value = (value as Record<string, unknown> | null | undefined)?.[name];
  return (value as CommandRef | null | undefined)?.operation === undefined ? null : (value as CommandRef);
}

/** The interceptors of every workflow. */
export const interceptors: WorkflowInterceptorsFactory = () => {
  /** The span of each command under way. */
  const byCommand = new Map<string, string>();
  /** The span of a whole run, for workflows without commands: they are short. */
  let ofRun: string | null = null;

  return {
    inbound: [
      {
        // Neither is `async`: see `spanned`.
        execute(input, next) {
          const parent = readTrace(input.headers);
          if (parent === null) return next(input);
          const start = refIn(input.args[0], 'begin', 'ref');
          // A subscription runs for years: its start is in the trace, its life is not.
          if (workflowInfo().workflowType === 'subscription') {
            if (start) byCommand.set(keyOf(start), parent);
            return next(input);
          }
          ofRun = childOf(parent, 'run');
          const name = `RunWorkflow:${workflowInfo().workflowType}`;
          return spanned({ name, traceparent: ofRun, parent }, next(input));
        },
        handleUpdate(input, next) {
          const parent = readTrace(input.headers);
          if (parent === null) return next(input);
          const traceparent = childOf(parent, input.updateId);
          const ref = refIn(input.args[0], 'ref');
          if (ref) byCommand.set(keyOf(ref), traceparent);
          const handled = next(input);
          const forget = () => void (ref && byCommand.delete(keyOf(ref)));
          handled.then(forget, forget);
          return spanned({ name: `HandleUpdate:${input.name}`, traceparent, parent }, handled);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity(input, next) {
          const ref = refIn(input.args[0], 'command');
          const parent = (ref && byCommand.get(keyOf(ref))) ?? ofRun;
          return next(parent ? { ...input, headers: withTrace(input.headers, parent) } : input);
        },
      },
    ],
  };
};
