import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Database } from '../src/db/client.ts';
import { lastLines } from '../src/embedded/children.ts';
import { freePort } from '../src/embedded/ports.ts';
import { expectWritable, type Running, runCommand, say, whole } from './command.ts';
import { machine } from './machine.ts';
import { startBeside, startWorkflows, type TemporalKind } from './spend-beside.ts';
import { startEmpty } from './spend-empty.ts';
import { findPgbench, makeFloor } from './spend-floor.ts';
import { LEG_NAMES, LEGS, type LegName, NEED_WORKER } from './spend-legs.ts';
import { createMeters } from './spend-meters.ts';
import { ratiosOf } from './spend-ratios.ts';
import { type Figures, report } from './spend-report.ts';
import { checkAll, measureRounds, type Result, Wrong } from './spend-rounds.ts';
import { type Kind, LONG, type LongKind, type Seeded, seed } from './spend-seed.ts';
import { type Place, patient, startApi, startServer } from './spend-stack.ts';
import { findRegularTemporal } from './temporal-regular.ts';

// The rate of spends, beside a plain transaction of two statements on the same machine in the same minute: in process and over
// HTTP, with many callers and one, with long and short histories. Worker, Temporal and workflows run meanwhile, as users run them. Every figure comes from a ledger whose invariants were checked
// afterwards.

interface Flags {
  rounds: number;
  seconds: number;
  large: number;
  workflows: number;
  temporal: TemporalKind;
  legs?: Set<LegName>;
  data?: string;
  json?: string;
  gate: boolean;
}

const SMALL_ENTRIES = 200_000;
const LARGE_ENTRIES = 10_000_000;

const EXAMPLES = `
Legs: ${LEG_NAMES.join(', ')}.

Examples:
  npx tsx bench/spend.ts                                        all of it: an hour on two cores, 12 GB of disk
  npx tsx bench/spend.ts --rounds 1 --seconds 2 --large 0 --workflows 200
                                                                a quick look: five minutes
  npx tsx bench/spend.ts --data .bench                          keeps the large history for the next time
  npx tsx bench/spend.ts --legs floor32,direct32,http32         these alone
  npx tsx bench/spend.ts --temporal regular --legs purchases,empty_update,starts,empty_start
                                                                commands, beside a workflow without work
  npx tsx bench/spend.ts --workflows 0                          the API alone, without worker and Temporal
  npx tsx bench/spend.ts --gate --json spend.json               ends with 1 when a target is missed; figures for a program

Temporal and a worker run beside the API; both are paused for the leg http32_alone. Requests go to subscriptions that have a
workflow, so that every nudge finds one. The programs of Temporal's regular server are taken from PATH (bench/README.md says how to
build them); its databases are bench_temporal and bench_temporal_visibility. There purchases and starts have a target, which is
the rate of an empty workflow with as many events.

PostgreSQL is our own in a temporary folder, dropped at the end (set TMPDIR to choose the disk), or the server of
DATABASE_URL, on which the databases bench_small (made anew) and bench_large (kept for the next time) are left. Ends with 1
when a request failed, an answer was not booked exactly once, or an invariant was broken.`;

function legs(text: string): Set<LegName> {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(LEG_NAMES as string[]).includes(name));
  if (unknown.length > 0)
    throw new InvalidArgumentError(
      `There is no leg ${unknown.join(', ')}. There are ${LEG_NAMES.join(', ')}.`,
    );
  return new Set(names as LegName[]);
}

const flags = new Command('npx tsx bench/spend.ts')
  .description('Measures spending, beside a plain transaction on the same machine.')
  .option('--rounds <n>', 'how often each leg is run', whole(1), 5)
  .option('--seconds <n>', 'how long each leg is measured', whole(1), 10)
  .option('--large <n>', 'entries of the large history; 0 leaves its leg out', whole(0), LARGE_ENTRIES)
  .option(
    '--workflows <n>',
    'subscriptions with a workflow, 10000 at most; 0: neither worker nor Temporal',
    whole(0),
    2_000,
  )
  .addOption(
    new Option('--temporal <kind>', 'the development server, or the regular one on the measured PostgreSQL')
      .choices(['dev', 'regular'])
      .default('dev'),
  )
  .option('--legs <a,b>', 'legs to run (default: all)', legs)
  .option('--data <dir>', 'keep the servers’ folder there, and use the large history that is in it')
  .option('--json <file>', 'write the figures to this file')
  .option('--gate', 'end with 1 when a target is missed', false)
  .allowExcessArguments(false)
  .addHelpText('after', EXAMPLES)
  .parse()
  .opts<Flags>();

await runCommand(run);

async function run(running: Running): Promise<number> {
  if (flags.json) expectWritable(flags.json);
  if (flags.temporal === 'regular') findRegularTemporal();
  const figures = await measure(folderFor(running), running);
  process.stdout.write(report(figures));
  if (flags.json) writeFileSync(flags.json, `${JSON.stringify(figures, null, 2)}\n`);
  if (figures.wrong !== null) return 1;
  return flags.gate && figures.ratios.some(({ met }) => met === false) ? 1 : 0;
}

function folderFor({ shutdown }: Running): string {
  if (flags.data !== undefined) {
    mkdirSync(flags.data, { recursive: true });
    return resolve(flags.data);
  }
  const folder = mkdtempSync(join(tmpdir(), 'drawdown-spend-'));
  shutdown.add(2, async () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

async function measure(folder: string, running: Running): Promise<Figures> {
  const { shutdown, stopping } = running;
  const { rounds, seconds } = flags;
  const legs = new Set(flags.legs ?? LEG_NAMES);
  if (flags.large === 0) legs.delete('large_direct');
  if (flags.workflows === 0) for (const leg of NEED_WORKER) legs.delete(leg);
  say('starting PostgreSQL');
  const server = await startServer(folder, running);
  const isLarge = legs.has('large_direct');
  const keep = flags.data !== undefined || !server.isOurs;
  const large = isLarge
    ? await seed(server, { name: 'bench_large', entries: flags.large, long: [], keep, say }, running)
    : null;
  const kinds = kindsOf(legs);
  const long = Object.keys(LONG).filter((kind): kind is LongKind => kinds.has(kind as Kind));
  const wantedSmall = { name: 'bench_small', entries: SMALL_ENTRIES, long, keep: false, say };
  const all = await seed(server, wantedSmall, running);
  const small = flags.workflows === 0 ? all : withFirst(all, flags.workflows);
  const ledgers = { small: patient(small.url), large: large && patient(large.url) };
  for (const db of Object.values(ledgers)) if (db) shutdown.add(0, () => db.$client.end({ timeout: 1 }));
  const sql = ledgers.small.$client;
  await makeFloor(sql);
  const { api, beside, empty, workflows } = await startPrograms(small, legs, folder, ledgers.small, running);
  const pids = { api: api.pid, ...(beside?.pids ?? { worker: null, temporal: null }) };
  const meters = await createMeters({ small: sql, large: ledgers.large?.$client ?? null }, pids);

  const wanted = { rounds, seconds, legs, stopping, say };
  const results: Result[] = [];
  let wrong: string | null = null;
  try {
    await measureRounds({ small, large, api, beside, empty }, ledgers, meters, wanted, results);
    say('reading the rows of bench_small');
    await checkAll(ledgers.small, Object.values(all.subscriptions).flat(), wanted);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    wrong = error.message;
    say(`The last lines of the API:\n${lastLines(api.logFile)}`);
  }
  const [version] = await sql<{ server_version: string }[]>`
    select current_setting('server_version') || ', shared_buffers ' || current_setting('shared_buffers') as server_version`;
  return {
    machine: machine(),
    postgres: version!.server_version,
    floor: findPgbench() ?? 'the same from Node, for pgbench was not found',
    ...{ rounds, seconds, results, wrong, ratios: ratiosOf(results, flags.temporal) },
    history: { small: small.entries, large: large?.entries ?? null },
    ...{ workflows, temporal: flags.temporal, emptyEvents: empty?.events ?? null },
  };
}

/** The kinds of subscriptions that the legs need. */
function kindsOf(legs: Set<LegName>): Set<Kind> {
  return new Set([...legs].map((leg) => LEGS[leg].who));
}

/** The database with fewer ordinary subscriptions to spend from. */
function withFirst(seeded: Seeded, count: number): Seeded {
  const { subscriptions } = seeded;
  return { ...seeded, subscriptions: { ...subscriptions, ordinary: subscriptions.ordinary.slice(0, count) } };
}

/** Starts the API; with workflows also Temporal, the worker, and a workflow for each subscription that is spent from. */
async function startPrograms(
  small: Seeded,
  legs: Set<LegName>,
  folder: string,
  db: Database,
  running: Running,
) {
  if (flags.workflows === 0) {
    const place: Place = { databaseUrl: small.url, temporalAddress: `127.0.0.1:${await freePort()}`, folder };
    return { api: await startApi(place, running), beside: null, empty: null, workflows: 0 };
  }
  say('starting Temporal, API and worker');
  const beside = await startBeside(flags.temporal, small.url, folder, running);
  const api = await startApi(beside.place, running);
  const ids = [...kindsOf(legs)].flatMap((kind) => small.subscriptions[kind]);
  await startWorkflows(beside, db, ids, { stopping: running.stopping, say });
  const needsEmpty = legs.has('empty_update') || legs.has('empty_start');
  const empty = needsEmpty ? await startEmpty(beside, api, running) : null;
  return { api, beside, empty, workflows: ids.length };
}
