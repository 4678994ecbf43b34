import type { Gateway, ReadEvent } from '../billing/gateway.ts';
import type { Database } from '../db/client.ts';
import type { Reading } from '../db/reading/batches.ts';
import type { Safe } from '../db/secrets/safe.ts';
import type { Spending } from '../db/spend-batches.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import type { Logger } from '../telemetry/log.ts';
import type { TemporalCaller } from '../temporal.ts';
import type { Authenticate } from './auth.ts';
import type { Tickets } from './tickets.ts';

/** Sees each request at its end: for metrics, and for the log at its level debug. */
export interface RequestWatch {
  /** `startedAt` is a `performance.now()`. */
  finished(route: string, status: number, startedAt: number, requestId: string): void;
}

/** The limits of a process. Each process counts for itself. */
export interface Limits {
  /** Takes a place for a request; answers its headers `RateLimit-Policy` and `RateLimit`. Throws `rate_limited`. */
  admit(keyId: string, subscriptionId: string | undefined): Record<string, string>;
}

/** The clients and settings of the routes; `createDeps` (src/app.ts) builds them, once a process. */
export interface Deps {
  db: Database;
  /** A small pool of its own for reads that may take long: tables of all entries, the console's. They leave spends their connections. */
  longReads: Database;
  /** Spends, holds and returns of credits; it batches them. */
  spending: Spending;
  /** Reads of a subscription with its balance; it batches them. */
  reading: Reading;
  /** Keeps secrets encrypted at rest. */
  safe: Safe;
  /** Links that open a wallet once. */
  tickets: Tickets;
  authenticate: Authenticate;
  /** null: callers may send as much as they like. */
  limits: Limits | null;
  temporal: TemporalCaller;
  catalogs: { current(): Promise<Catalog>; forget(): void };
  taskQueue: string;
  testMode: boolean;
  /** The second part of a new key's text, `dd_test_` or `dd_live_`. */
  keyMode: 'test' | 'live';
  /** Development only: a webhook endpoint may have a private address and use http. */
  allowsPrivateReceivers: boolean;
  billing: 'sandbox' | 'stripe' | 'external';
  /** Refunds money when an operator asks for it. */
  gateway: Pick<Gateway, 'refundPart'>;
  /** Verifies and reads a provider's webhook request; null with sandbox billing, which sends none. */
  readEvent: ReadEvent | null;
  /** The address of this server for people and callers. */
  publicUrl: string;
  temporalUiUrl: string | undefined;
  temporalNamespace: string;
  log: Logger;
  /** Absent where nobody watches. */
  watch?: RequestWatch | undefined;
  /** Whether the ledger's schema and catalogue are up to date: until then a route that needs them answers 503. */
  isOpen(): boolean;
}
