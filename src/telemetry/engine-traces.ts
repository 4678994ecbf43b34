import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { Post } from '../webhooks/post.ts';
import type { TraceSinks } from '../workflows/tracing.ts';

/** The parts of a worker that make spans. */
export interface EngineTraces {
  activities: ActivityInterceptorsFactory;
  sinks: InjectedSinks<TraceSinks>;
  /** A request to a receiver, with the header `traceparent`. */
  post(post: Post): Post;
  /** The running span as a `traceparent`; null where nothing is traced. */
  current(): string | null;
}

/** For a worker without traces: a workflow that was begun in one may still report its spans. */
export const NO_SINKS: InjectedSinks<TraceSinks> = {
  traces: { ended: { fn() {}, callDuringReplay: false } },
};
