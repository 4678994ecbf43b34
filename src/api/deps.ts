import type { Gateway, ReadEvent } from '../billing/gateway.ts';
import type { Database } from '../db/client.ts';
import type { Spending } from '../db/spend-batches.ts';
import type { Catalog } from '../domain/catalog.ts';
import type { TemporalCaller } from '../temporal.ts';
import type { Authenticate } from './auth.ts';
import type { Tickets } from './tickets.ts';

/** What the routes are made with; only the roots build it. */
export interface Deps {
  db: Database;
  /** What callers spend, hold and give back: it travels together. */
  spending: Spending;
  /** Links that open a wallet, once. */
  tickets: Tickets;
  authenticate: Authenticate;
  temporal: TemporalCaller;
  catalogs: { current(): Promise<Catalog>; forget(): void };
  taskQueue: string;
  testMode: boolean;
  /** What new keys are named by. */
  keyMode: 'test' | 'live';
  /** In development: webhook endpoints may be at private addresses, and be spoken to over http. */
  allowsPrivateReceivers: boolean;
  billing: 'sandbox' | 'stripe' | 'external';
  /** What gives money back when an operator says so. */
  gateway: Pick<Gateway, 'refundPart'>;
  /** Reads what who bills sends to its webhook; null where the sandbox does, which sends nothing. */
  readEvent: ReadEvent | null;
  /** The address under which people and callers reach this server. */
  publicUrl: string;
  temporalUiUrl: string | undefined;
  temporalNamespace: string;
  log: (line: string) => void;
  /** Whether the ledger's schema and catalogue are up to date: until then everything that needs them answers 503. */
  isOpen(): boolean;
}
