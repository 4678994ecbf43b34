import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import postgres from 'postgres';
import { childEnvironment } from '../src/config.ts';
import { type Child, lastLines, launch } from '../src/embedded/children.ts';
import { StartRefused } from '../src/embedded/data-folder.ts';
import { isFree } from '../src/embedded/ports.ts';
import { run } from '../src/embedded/temporal-binary.ts';
import { ensureSearchAttributes } from '../src/startup.ts';

// Temporal's regular server, as one runs it oneself: its four services in one process, its databases on a PostgreSQL. Its two
// programs come from PATH.

/** A running server. */
export interface RegularTemporal extends Pick<Child, 'pid' | 'exited' | 'stop'> {
  address: string;
  port: number;
  version: string;
}

interface RegularOptions {
  /** The folder of its configuration and log. */
  dataDir: string;
  /** The address of any database of the PostgreSQL; a role that may make databases. */
  databaseUrl: string;
}

/** The names in Temporal's releases, and those that `go install` gives; the answer to --version tells them from other programs. */
const PROGRAMS = {
  server: { names: ['temporal-server', 'server'], says: /^temporal version (\S+)/ },
  schema: { names: ['temporal-sql-tool', 'sql'], says: /^temporal-sql-tool version (\S+)/ },
};
/** Databases and their schemas. */
const DATABASES = { bench_temporal: 'temporal', bench_temporal_visibility: 'visibility' };
const MODULE = 'go.temporal.io/server/cmd';
const VERSION = 'v1.31.0';
const ABSENT =
  `Temporal's regular server is not on PATH. Build it with \`go install ${MODULE}/server@${VERSION}\` and ` +
  `\`go install ${MODULE}/tools/sql@${VERSION}\` (20 minutes on two cores), and add \`$(go env GOPATH)/bin\` to PATH.`;
/** More than the four of Temporal's example, whose locks workflows wait for; few enough for one machine. */
const HISTORY_SHARDS = 64;
const READY_WITHIN_MS = 120_000;
const NAMESPACE = 'default';
/** The server reads its namespaces and their search attributes anew each second. */
const SETTLED_AFTER_MS = 4_000;

/** Starts the server on databases made anew. Throws StartRefused where its programs are not on PATH. */
export async function startRegularTemporal({
  dataDir,
  databaseUrl,
}: RegularOptions): Promise<RegularTemporal> {
  const { server, schema } = findRegularTemporal();
  mkdirSync(dataDir, { recursive: true });
  await makeDatabases(databaseUrl, schema.file);
  const port = await freeLowPort();
  const child = await launch({
    name: 'temporal-regular',
    command: server.file,
    args: [
      '--config-file',
      await writeConfig(dataDir, new URL(databaseUrl), port),
      '--allow-no-auth',
      'start',
    ],
    dataDir,
    env: childEnvironment({}),
    stopSignal: 'SIGTERM',
    orphanSignal: 'SIGKILL',
  });
  try {
    await makeNamespace(`127.0.0.1:${port}`, child);
  } catch (error) {
    await child.stop();
    throw error;
  }
  const { pid, exited } = child;
  return {
    address: `127.0.0.1:${port}`,
    port,
    version: server.version,
    pid,
    exited,
    stop: () => child.stop(),
  };
}

/** The server's two programs. Throws StartRefused where one is not on PATH. */
export function findRegularTemporal() {
  const [server, schema] = [findProgram(PROGRAMS.server), findProgram(PROGRAMS.schema)];
  if (server === null || schema === null) throw new StartRefused(ABSENT);
  return { server, schema };
}

/** The server keeps its own ports in a smallint: they must lie below 32,768, where the system's free ports begin. */
async function freeLowPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}

/** A program on PATH that answers as it should. */
function findProgram({ names, says }: { names: string[]; says: RegExp }) {
  for (const folder of (childEnvironment({})['PATH'] ?? '').split(delimiter))
    for (const file of names.map((name) => join(folder, name)).filter((path) => existsSync(path))) {
      const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8', timeout: 10_000 });
      const [, version] = says.exec(stdout ?? '') ?? [];
      if (version !== undefined) return { file, version };
    }
  return null;
}

/** Makes both databases, and their tables from the tool's own copy of the schema. */
async function makeDatabases(databaseUrl: string, tool: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    for (const name of Object.keys(DATABASES)) {
      await sql.unsafe(`drop database if exists ${name} with (force)`);
      await sql.unsafe(`create database ${name}`);
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
  const { hostname, port, username, password } = new URL(databaseUrl);
  for (const [name, schema] of Object.entries(DATABASES)) {
    const env = childEnvironment({
      ...{ SQL_PLUGIN: 'postgres12', SQL_HOST: hostname, SQL_PORT: port || '5432', SQL_DATABASE: name },
      ...{ SQL_USER: decodeURIComponent(username), SQL_PASSWORD: decodeURIComponent(password) },
    });
    await run(tool, ['setup-schema', '-v', '0.0'], env);
    await run(tool, ['update-schema', '-s', `postgresql/v12/${schema}`], env);
  }
}

/** The server's configuration: YAML, which JSON is a part of. */
async function writeConfig(dataDir: string, database: URL, grpcPort: number): Promise<string> {
  const dynamic = join(dataDir, 'dynamic.json');
  const file = join(dataDir, 'temporal.json');
  const store = (databaseName: string, maxConns: number) => ({
    sql: {
      ...{ pluginName: 'postgres12', databaseName, connectProtocol: 'tcp', maxConns, maxIdleConns: maxConns },
      connectAddr: `${database.hostname}:${database.port || '5432'}`,
      user: decodeURIComponent(database.username),
      password: decodeURIComponent(database.password),
      maxConnLifetime: '1h',
    },
  });
  const rpc = async (port?: number) => ({
    rpc: {
      grpcPort: port ?? (await freeLowPort()),
      membershipPort: await freeLowPort(),
      bindOnIP: '127.0.0.1',
    },
  });
  const config = {
    log: { stdout: true, level: 'warn' },
    persistence: {
      ...{ defaultStore: 'default', visibilityStore: 'visibility', numHistoryShards: HISTORY_SHARDS },
      datastores: {
        default: store('bench_temporal', 20),
        visibility: store('bench_temporal_visibility', 10),
      },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' } },
    services: {
      frontend: await rpc(grpcPort),
      matching: await rpc(),
      history: await rpc(),
      worker: await rpc(),
    },
    clusterMetadata: {
      ...{ enableGlobalNamespace: false, failoverVersionIncrement: 10 },
      ...{ masterClusterName: 'active', currentClusterName: 'active' },
      clusterInformation: {
        active: {
          ...{ enabled: true, initialFailoverVersion: 1, rpcName: 'frontend' },
          rpcAddress: `127.0.0.1:${grpcPort}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    dynamicConfigClient: { filepath: dynamic, pollInterval: '60s' },
  };
  writeFileSync(dynamic, JSON.stringify({ 'system.namespaceCacheRefreshInterval': [{ value: '1s' }] }));
  writeFileSync(file, JSON.stringify(config, null, 2), { mode: 0o600 });
  return file;
}

/** Waits for the server, then makes its namespace and our search attributes. */
async function makeNamespace(address: string, child: Child): Promise<void> {
  const connection = await untilItAnswers(address, child);
  try {
    await connection.workflowService.registerNamespace({
      namespace: NAMESPACE,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    await sleep(SETTLED_AFTER_MS);
    await ensureSearchAttributes(connection, NAMESPACE, (line) => {
      throw new Error(line);
    });
    await sleep(SETTLED_AFTER_MS);
  } finally {
    await connection.close();
  }
}

async function untilItAnswers(address: string, child: Child): Promise<Connection> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const connection = Connection.lazy({ address, connectTimeout: 2_000 });
    try {
      await connection.ensureConnected();
      await connection.withDeadline(Date.now() + 2_000, () => connection.workflowService.getClusterInfo({}));
      return connection;
    } catch (error) {
      await connection.close();
      if (child.hasExited() || Date.now() > deadline)
        throw new Error(`Temporal did not come up:\n${ends(child) || String(error)}`);
    }
    await sleep(250);
  }
}

/** Its last lines, without the stacks. */
const ends = ({ logFile }: Child): string =>
  lastLines(logFile, 5)
    .split('\n')
    .map((line) => line.slice(0, 300))
    .join('\n');
