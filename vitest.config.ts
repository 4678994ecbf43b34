import { defineConfig } from 'vitest/config';

/** Two cores are what CI has; more workers only wait for each other. */
const WORKERS = 2;

// Three rooms: `core` needs no service and takes seconds; `laws` neither, but runs ten thousand histories; `stack` runs on real PostgreSQL and a real
// Temporal server, which the global set-up starts once for all files.
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
            'test/domain/**/*.test.ts',
            'test/project/**/*.test.ts',
            'test/web/**/*.test.ts',
            'test/webhooks/**/*.test.ts',
            'test/scenarios/core.test.ts',
            'test/client/contract.test.ts',
            'test/billing/stripe-events.test.ts',
            'test/billing/external-events.test.ts',
          ],
          exclude: ['test/domain/properties.test.ts'],
        },
      },
      {
        test: {
          name: 'laws',
          include: ['test/domain/properties.test.ts'],
          testTimeout: 300_000,
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
            'test/scenarios/stack.test.ts',
          ],
          exclude: [
            'test/billing/stripe-events.test.ts',
            'test/billing/external-events.test.ts',
            'test/client/contract.test.ts',
          ],
          globalSetup: ['test/support/services.ts', 'test/support/built-client.ts'],
          pool: 'forks',
          maxWorkers: WORKERS,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
    reporters: ['default', './test/support/closing-line.ts'],
  },
});
