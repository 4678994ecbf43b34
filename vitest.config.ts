import { defineConfig } from 'vitest/config';

/** CI has two cores; more workers only wait for each other. */
const WORKERS = 2;

/** Thousands of random histories, states and catalogues. */
const LAWS = ['test/domain/properties.test.ts', 'test/domain/endless.test.ts'];

// Three rooms: `core` needs no service and takes seconds; `laws` neither, but runs random histories; `stack` runs on real PostgreSQL and a real
// Temporal server, which the global set-up starts once for all files. `npm run campaigns` lives the laws, and those files of the others that have a
// size, at their full size (test/support/campaign.ts). `npm run test:regular` runs some files of `stack` on Temporal's regular server, whose programs
// must be on PATH.
/** Too long for `npm test` at any size: processes that die by the dozen, every kind of life, every route at its largest. */
const ALONE = [
  'test/api/longest-slice.test.ts',
  'test/billing/orders.test.ts',
  'test/cli/rehydrate.test.ts',
  'test/faults/connections.test.ts',
  'test/faults/deliveries-killed.test.ts',
  'test/faults/relay-refused.test.ts',
  'test/faults/servers-down.test.ts',
  'test/faults/spending-killed.test.ts',
  'test/faults/stripe-killed.test.ts',
  'test/faults/worker-killed.test.ts',
];

/** Run on Temporal's regular server too: every life of the scenario tables, hand-overs, signals. */
const REGULAR = [
  'test/scenarios/stack.test.ts',
  'test/workflows/continue-as-new.test.ts',
  'test/workflows/signals.test.ts',
];

/** Starts the servers, once for all files of a room. */
const SERVERS = {
  globalSetup: ['test/support/services.ts', 'test/support/built-client.ts'],
  pool: 'forks' as const,
  maxWorkers: WORKERS,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'core',
          // Random histories take their time on a busy machine.
          testTimeout: 60_000,
          maxWorkers: WORKERS,
          include: [
            'test/catalog/**/*.test.ts',
            'test/domain/**/*.test.ts',
            'test/project/**/*.test.ts',
            'test/install/**/*.test.ts',
            'test/web/**/*.test.ts',
            'test/webhooks/**/*.test.ts',
            'test/telemetry/log.test.ts',
            'test/scenarios/core.test.ts',
            'test/client/contract.test.ts',
            'test/billing/stripe-events.test.ts',
            'test/billing/external-events.test.ts',
            'test/api/event-loop.test.ts',
          ],
          exclude: LAWS,
        },
      },
      {
        test: {
          name: 'laws',
          include: LAWS,
          testTimeout: 900_000,
          maxWorkers: WORKERS,
        },
      },
      {
        test: {
          name: 'stack',
          include: [
            'test/db/**/*.test.ts',
            'test/api/**/*.test.ts',
            'test/billing/**/*.test.ts',
            'test/cli/**/*.test.ts',
            'test/workflows/**/*.test.ts',
            'test/faults/**/*.test.ts',
            'test/browser/**/*.test.ts',
            'test/client/**/*.test.ts',
            'test/start/**/*.test.ts',
            'test/telemetry/**/*.test.ts',
            'test/scenarios/stack.test.ts',
          ],
          exclude: [
            'test/api/event-loop.test.ts',
            'test/billing/stripe-events.test.ts',
            'test/billing/external-events.test.ts',
            'test/client/contract.test.ts',
            'test/telemetry/log.test.ts',
            ...ALONE,
          ],
          ...SERVERS,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'regular',
          include: REGULAR,
          ...SERVERS,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'campaigns',
          include: [
            ...ALONE,
            'test/domain/paid-ahead.test.ts',
            'test/workflows/drawn-lives.test.ts',
            'test/web/outlook.test.ts',
            'test/api/entries-csv.test.ts',
            'test/api/list-plans.test.ts',
            'test/db/burndown.test.ts',
            'test/db/drawn-lives.test.ts',
            'test/db/instant.test.ts',
            'test/db/orders.test.ts',
            'test/db/plan-functions.test.ts',
            'test/db/processes.test.ts',
          ],
          ...SERVERS,
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
    ],
    reporters: ['default', './test/support/closing-line.ts'],
  },
});
