import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { childEnvironment } from '../src/config.ts';
import { type Driven, drive, measured, type Pace } from './spend-load.ts';

// The cost of a transaction of two plain statements: no spend and no ceiling, but a measure that every machine has. It changes
// one row of 10,000 and adds one, as PostgreSQL's own benchmark does.

const ROWS = 10_000;
const script = `\\set id random(1, ${ROWS})
BEGIN;
UPDATE bench.accounts SET balance = balance - 1 WHERE id = :id;
INSERT INTO bench.log (account_id, amount) VALUES (:id, -1);
COMMIT;
`;

/** Makes the floor's tables, with the free room of the ledger's pages: every update is as quick as it can be. */
export async function makeFloor(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`
    create table bench.accounts (id int primary key, balance bigint not null) with (fillfactor = 60);
    create table bench.log (account_id int not null, amount bigint not null, at timestamptz not null default now());
    insert into bench.accounts select id, 1000000000 from generate_series(1, ${ROWS}) id`);
  await sql.unsafe('vacuum (analyze) bench.accounts');
}

/** The path of pgbench: in PATH, or Debian's newest; null without one. */
export function findPgbench(): string | null {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(childEnvironment({})['PATH'] ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ];
  return folders.map((folder) => join(folder, 'pgbench')).find((file) => existsSync(file)) ?? null;
}

/** The ways of pgbench to send a statement: as text each time, or prepared once. */
export type Protocol = 'simple' | 'prepared';

/** Runs pgbench over the floor's tables. */
export async function pgbench(
  program: string,
  url: string,
  protocol: Protocol,
  { callers, seconds, stopping }: Pace,
): Promise<Driven> {
  const folder = mkdtempSync(join(tmpdir(), 'drawdown-pgbench-'));
  try {
    const file = join(folder, 'script.sql');
    writeFileSync(file, script);
    const { hostname, port, username, password, pathname } = new URL(url);
    const env = childEnvironment({
      PGHOST: hostname,
      PGPORT: port || '5432',
      PGUSER: decodeURIComponent(username),
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: pathname.slice(1),
    });
    const threads = String(Math.min(2, callers));
    const args = ['-n', '-M', protocol, '-f', file, '-c', String(callers), '-j', threads];
    args.push('-T', String(seconds), '-l', '--log-prefix', join(folder, 'log'));
    await promisify(execFile)(program, args, { env, signal: stopping });
    return fromLog(folder, seconds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The results of pgbench's log: one line a transaction, with its microseconds as the third number. */
function fromLog(folder: string, seconds: number): Driven {
  const latencies = readdirSync(folder)
    .filter((name) => name.startsWith('log'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n'))
    .map((line) => Number(line.split(' ')[2]) / 1_000);
  return {
    ...measured(latencies, seconds),
    counts: { spent: latencies.length, replayed: 0, short: 0 },
    faults: [],
  };
}

/** The same four statements over our own driver, for comparison and for machines without pgbench. */
export async function floorFromNode(url: string, pace: Pace): Promise<Driven> {
  const sql = postgres(url, { max: pace.callers, connect_timeout: 5, onnotice: () => {} });
  try {
    const own = await Promise.all(Array.from({ length: pace.callers }, () => sql.reserve()));
    return await drive(pace, async (caller) => {
      const connection = own[caller]!;
      const id = 1 + Math.floor(Math.random() * ROWS);
      await connection`begin`;
      await connection`update bench.accounts set balance = balance - 1 where id = ${id}`;
      await connection`insert into bench.log (account_id, amount) values (${id}, -1)`;
      await connection`commit`;
      return 'spent';
    });
  } finally {
    await sql.end({ timeout: 1 });
  }
}
