import { collectDefaultMetrics, Registry } from 'prom-client';
import type { RequestWatch } from '../api/deps.ts';
import type { StatementWatch } from '../db/client.ts';
import type { SpendWatch } from '../db/spend-batches.ts';
import type { RelayWatch } from '../relay/rows.ts';
import { fastCounter, fastHistogram, gauge } from './samples.ts';

// The metrics of a process. They exist only where METRICS_PORT is set: without it no watch is made, and nobody measures.

/** The metrics of a process, and the parts that write them. */
export interface Metrics {
  registry: Registry;
  requests: RequestWatch;
  spends: SpendWatch;
  statements: StatementWatch;
  relay: RelayWatch;
  /** Counts one attempt at a delivery. */
  delivered(outcome: string): void;
}

/** A spend takes some milliseconds, a command some hundreds. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A statement of the ledger takes less than a request. */
const SHORT_SECONDS = [0.0005, ...SECONDS];
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** The metrics of Node that say something about this process; the others are removed. */
const OF_NODE =
  /^(process_(cpu|resident|start_time|open_fds|max_fds)|nodejs_(eventloop_lag|heap_size|external|gc|version))/;

/** Makes the metrics of a process. `connections` is the size of its ledger pool. */
export function createMetrics({ connections }: { connections: number }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray())
    if (!OF_NODE.test(name)) registry.removeSingleMetric(name);
  return {
    registry,
    requests: requestWatch(registry),
    spends: spendWatch(registry),
    statements: statementWatch(registry, connections),
    relay: relayWatch(registry),
    delivered: deliveryCount(registry),
  };
}

function requestWatch(registry: Registry): RequestWatch {
  const durations = fastHistogram({
    name: 'drawdown_http_request_duration_seconds',
    help: 'HTTP requests by route, method and outcome (ok, refused: 4xx, failed: 5xx).',
    registry,
    bounds: SECONDS,
  });
  const routes = new Map<string, ReturnType<typeof cellsOf>>();
  function cellsOf(text: string) {
    const [method, route] = split(text);
    const cell = (outcome: string) => durations.cell({ method, route, outcome });
    return { ok: cell('ok'), refused: cell('refused'), failed: cell('failed') };
  }
  return {
    finished(route, status, startedAt) {
      let cells = routes.get(route);
      if (!cells) {
        cells = cellsOf(route);
        routes.set(route, cells);
      }
      const cell = status < 400 ? cells.ok : status < 500 ? cells.refused : cells.failed;
      cell.observe((performance.now() - startedAt) / 1_000);
    },
  };
}

/** `POST /v1/x` is the method and the pattern. */
function split(route: string): [method: string, pattern: string] {
  const at = route.indexOf(' ');
  return [route.slice(0, at), route.slice(at + 1)];
}

function spendWatch(registry: Registry): SpendWatch {
  const answers = fastCounter({
    name: 'drawdown_spends_total',
    help: 'Requests to the ledger alone, by operation and outcome.',
    registry,
  });
  const sizes = fastHistogram({
    name: 'drawdown_spend_batch_size',
    help: 'Requests of one call of spend_batch.',
    registry,
    bounds: BATCH_SIZES,
  }).cell({});
  const waits = fastHistogram({
    name: 'drawdown_spend_batch_wait_seconds',
    help: 'Time that the first request of a call of spend_batch waited for the call.',
    registry,
    bounds: SHORT_SECONDS,
  }).cell({});
  return {
    departed(size, waitedMs) {
      sizes.observe(size);
      waits.observe(waitedMs / 1_000);
    },
    answered: (op, outcome) => answers.cell({ op, outcome }).add(),
  };
}

function statementWatch(registry: Registry, connections: number): StatementWatch {
  const durations = fastHistogram({
    name: 'drawdown_statement_duration_seconds',
    help: 'Statements by the SQL function that they call (other: none), with the wait for a connection.',
    registry,
    bounds: SHORT_SECONDS,
  });
  let underWay = 0;
  const now = (name: string, help: string, read: () => number) =>
    gauge({ name, help, registry }, () => [{ labels: {}, value: read() }]);
  now('drawdown_statements_in_flight', 'Statements sent or waiting for a connection.', () => underWay);
  now('drawdown_statements_waiting', 'Statements that wait for a connection.', () =>
    Math.max(0, underWay - connections),
  );
  now('drawdown_pool_connections', 'The most connections of the pool.', () => connections);
  const failures = fastCounter({
    name: 'drawdown_statement_failures_total',
    help: 'Statements that failed, by SQL function.',
    registry,
  });
  return {
    began(name) {
      underWay += 1;
      const startedAt = performance.now();
      return (hasFailed) => {
        underWay -= 1;
        durations.cell({ function: name }).observe((performance.now() - startedAt) / 1_000);
        if (hasFailed) failures.cell({ function: name }).add();
      };
    },
  };
}

function relayWatch(registry: Registry): RelayWatch {
  const rows = fastCounter({
    name: 'drawdown_relay_rows_total',
    help: 'Rows that the relay worked, by kind (message, nudge, delivery) and outcome (done, refused, away).',
    registry,
  });
  return { worked: (kind, outcome) => rows.cell({ kind, outcome }).add() };
}

function deliveryCount(registry: Registry): Metrics['delivered'] {
  const attempts = fastCounter({
    name: 'drawdown_delivery_attempts_total',
    help: 'Attempts at deliveries of events, by outcome (not_taken is tried again, undelivered is given up).',
    registry,
  });
  return (outcome) => attempts.cell({ outcome }).add();
}
