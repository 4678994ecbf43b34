import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';
import { rounded } from './machine.ts';
import { type Cpu, createCpuClock, type Pids, used } from './spend-cpu.ts';
import type { Counts } from './spend-load.ts';

// The resources of a leg: read before and after it, never during.

/** The measured resources. */
export interface Measures {
  /** Requests in one transaction, on average. */
  batch: number | null;
  walBytes: number | null;
  /** The share of updates that touched no index. */
  hot: { ledgers: number | null; grants: number | null };
  cpu: Cpu | null;
  /** Successes and refusals with that CPU: a pair of requests is one. */
  answered: number;
}

/** The processes that serve requests. */
export const SERVERS = ['postgres', 'api', 'worker', 'temporal'] as const;

/** Milliseconds of the servers' CPU for each answer; null without answers or without /proc. */
export function cpuEach({ cpu, answered }: Measures, of: readonly (keyof Cpu)[] = SERVERS): number | null {
  if (cpu === null || answered === 0) return null;
  return (of.reduce((sum, who) => sum + cpu[who], 0) * 1_000) / answered;
}

interface Reading {
  wal: number;
  /** The transaction counter: only a transaction that writes takes a number. */
  xid: number;
  cpu: Cpu | null;
}

interface Updates {
  relname: 'ledgers' | 'grants';
  updates: number;
  hot: number;
}

/** A reading that waits for its end. */
export interface Meter {
  /** `requests` is the number of requests in a success: two for a hold and its capture. */
  stop(counts: Counts, requests: number): Promise<Measures>;
}

/** Milliseconds to wait for table counts: a server reports them when a connection is idle, or a second later. */
const REPORTED_AFTER_MS = 150;

/** Makes the meters of the servers and the processes. */
export async function createMeters(servers: Record<'small' | 'large', postgres.Sql | null>, pids: Pids) {
  const [row] = await servers.small!<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const clock = createCpuClock(row!.pid, pids);

  async function read(sql: postgres.Sql): Promise<Reading> {
    const [now] = await sql<{ wal: number; xid: number }[]>`
      select (pg_current_wal_lsn() - '0/0')::float8 as wal, pg_snapshot_xmax(pg_current_snapshot())::text::float8 as xid`;
    return { ...now!, cpu: clock() };
  }

  const updates = (sql: postgres.Sql) => sql<Updates[]>`
    select relname, n_tup_upd::int as updates, n_tup_hot_upd::int as hot
    from pg_stat_user_tables where schemaname = 'public' and relname in ('ledgers', 'grants')`;

  return {
    async start(on: 'small' | 'large'): Promise<Meter> {
      const sql = servers[on]!;
      const updatedBefore = await updates(sql);
      const before = await read(sql);
      return {
        async stop({ spent, replayed, short }, requests) {
          const after = await read(sql);
          await sleep(REPORTED_AFTER_MS);
          const updated = await updates(sql);
          const asked = (spent + replayed) * requests + short;
          const written = after.xid - before.xid;
          return {
            batch: written > 0 ? rounded(asked / written, 2) : null,
            walBytes: spent > 0 ? rounded((after.wal - before.wal) / spent, 0) : null,
            hot: { ledgers: share('ledgers'), grants: share('grants') },
            cpu: used(before.cpu, after.cpu),
            answered: spent + replayed + short,
          };

          function share(table: Updates['relname']): number | null {
            const of = (rows: Updates[]) => rows.find(({ relname }) => relname === table)!;
            const all = of(updated).updates - of(updatedBefore).updates;
            return all > 0 ? rounded((of(updated).hot - of(updatedBefore).hot) / all, 2) : null;
          }
        },
      };
    },
  };
}

/** The meters of a run. */
export type Meters = Awaited<ReturnType<typeof createMeters>>;
