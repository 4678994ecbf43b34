import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Identity, isAlive, readIdentity } from '../../src/embedded/identity.ts';
import type { Ready } from '../../src/embedded/welcome.ts';
import { drawdown } from '../support/cli.ts';
import { npmStart, type Start, stopAll } from './npm-start.ts';
import { commandsIn, paste } from './paste.ts';

// The real `npm start`, all four processes, on data folders of its own. One test leads to the next: the
// folder is the same, as it is for a person.

let dataDir: string;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'drawdown-start-'));
});

afterAll(async () => {
  await stopAll();
  rmSync(dataDir, { recursive: true, force: true });
});

describe('npm start', () => {
  let first: Start;
  let ready: Ready;

  it('prints one line of JSON on stdout when ready, and nothing else', async () => {
    first = start(['--json']);
    ready = await first.ready();
    expect(Object.keys(ready)).toEqual([
      ...['api', 'key', 'home', 'demo', 'console', 'temporal_ui', 'temporal_address', 'database_url'],
    ]);
    expect(first.stdout).toBe(`${JSON.stringify(ready)}\n`);
    expect(first.stderr).toMatch(/^PostgreSQL +127\.0\.0\.1:\d+ +\d+\.\d s$/m);
    expect(first.stderr).toMatch(/^Ready in \d+\.\d s$/m);
  });

  it('serves: the key it printed starts a subscription and reads its balance', async () => {
    const subscription = await call<{ id: string }>(ready, 'POST', '/v1/subscriptions', {
      customer_id: 'first-customer',
      plan: 'creator',
      interval: 'month',
    });
    const balance = await call<{ available: number }>(
      ready,
      'GET',
      `/v1/subscriptions/${subscription.id}/balance`,
    );
    expect(balance.available).toBe(200);
  });

  it('keeps passwords and keys from other users', () => {
    for (const secret of ['api-key', 'postgres-password', 'temporal.db', 'addresses.json']) {
      expect(statSync(join(dataDir, secret)).mode & 0o077).toBe(0);
    }
    expect(statSync(join(dataDir, 'postgres')).mode & 0o077).toBe(0);
  });

  it('is found by commands on the same folder that are told of no server', async () => {
    const { code, out } = await drawdown(['keys', 'list'], { DRAWDOWN_DATA: dataDir });
    expect(out).toMatch(/^key_\w+ +\S.*read spend billing operator/m);
    expect(code).toBe(0);
    const verified = await drawdown(['verify', '--workflows'], { DRAWDOWN_DATA: dataDir });
    expect(verified).toMatchObject({ code: 0, out: expect.stringMatching(/^I8 +holds +1 workflows/m) });
  });

  it('refuses a second start on the folder with a sentence that names the first', async () => {
    const second = start(['--json']);
    expect(await second.exitCode()).toBe(1);
    expect(second.stdout).toBe('');
    expect(second.stderr).toContain(`Another start (process ${holder().pid}) already runs on ${dataDir}.`);
  });

  it('refuses a port that was asked for and is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const other = mkdtempSync(join(tmpdir(), 'drawdown-start-'));
    const refused = start(['--json'], { PORT: String(port), DRAWDOWN_DATA: other });
    expect(await refused.exitCode()).toBe(1);
    expect(refused.stderr).toContain(`Port ${port} on 127.0.0.1 is taken.`);
    taken.close();
    rmSync(other, { recursive: true, force: true });
  });

  it('starts a worker again that was killed', async () => {
    const worker = recorded('worker');
    process.kill(worker.pid, 'SIGKILL');
    await vi.waitFor(() => expect(first.stderr).toContain('Worker is back'), {
      timeout: 40_000,
      interval: 100,
    });
    expect(recorded('worker').pid).not.toBe(worker.pid);
  });

  it('leaves no child after SIGTERM, and ends well', async () => {
    const children = allRecorded();
    expect(children).toHaveLength(4);
    first.process.kill('SIGTERM');
    expect(await first.exitCode()).toBe(0);
    expect(children.filter(isAlive)).toEqual([]);
    expect(readdirSync(join(dataDir, 'run'))).toEqual([]);
    for (const file of ['lock.json', 'addresses.json']) expect(existsSync(join(dataDir, file))).toBe(false);
  });

  it('goes on where it stopped: same key, same data; and prints commands that work as pasted', async () => {
    const again = start([]);
    const api = await again.printed(/^ {2}API +(http\S+)\/v1$/m);
    const [key] = await Promise.all([
      again.printed(/^ {2}API key +(\S+)$/m),
      again.printed(/(Ctrl-C stops everything)/),
    ]);
    expect(key).toBe(ready.key);
    const list = await call<{ data: { customer_id: string }[] }>(
      { ...ready, api },
      'GET',
      '/v1/subscriptions',
    );
    expect(list.data.map(({ customer_id }) => customer_id)).toEqual(['first-customer']);
    const said = await paste(commandsIn(again.stdout));
    expect(said).toMatch(/^sub_\w+\n{"id":"use_.*\n{"available":170,.*\n{"url":.*\n/);
    // The last of them asks the workflow itself, which gets news of a spend within a second or two.
    const [, id] = /^(sub_\w+)\n/.exec(said) ?? [];
    const ask = commandsIn(again.stdout).at(-1)!.replace('"$SUB"', id!).replace('$SUB', id!);
    await expect.poll(() => paste([ask]), { timeout: 15_000, interval: 500 }).toContain('"available":170');
    again.process.kill('SIGINT');
    expect(await again.exitCode()).toBe(0);
  });

  it.each([
    ['npm', (start: Start) => start.process.pid!],
    ['the start itself', () => holder().pid],
  ])('leaves no child when %s is killed with SIGKILL', async (_, victim) => {
    const killed = start(['--json']);
    await killed.ready();
    const children = [...allRecorded(), holder()];
    process.kill(victim(killed), 'SIGKILL');
    await vi.waitFor(() => expect(children.filter(isAlive)).toEqual([]), { timeout: 10_000, interval: 100 });
  });

  it('forgets everything with --reset, after a start that was killed too', async () => {
    const fresh = start(['--json', '--reset']);
    const { key, ...rest } = await fresh.ready();
    expect(key).not.toBe(ready.key);
    const list = await call<{ data: unknown[] }>({ key, ...rest }, 'GET', '/v1/subscriptions');
    expect(list.data).toEqual([]);
    await fresh.stop();
  });

  it('drops nothing it did not make', async () => {
    const foreign = mkdtempSync(join(tmpdir(), 'drawdown-foreign-'));
    writeFileSync(join(foreign, 'thesis.txt'), 'years of work');
    const refused = start(['--reset'], { DRAWDOWN_DATA: foreign });
    expect(await refused.exitCode()).toBe(1);
    expect(refused.stderr).toContain(`${foreign} holds files that Drawdown did not make.`);
    expect(readdirSync(foreign)).toEqual(['thesis.txt']);
    rmSync(foreign, { recursive: true, force: true });
  });
});

const start = (flags: string[], env: Record<string, string> = {}): Start =>
  npmStart(flags, { DRAWDOWN_DATA: dataDir, ...env });

async function call<T>(ready: Ready, method: string, path: string, body?: object): Promise<T> {
  const headers = {
    Authorization: `Bearer ${ready.key}`,
    'Content-Type': 'application/json',
    'Idempotency-Key': `test-${path}`,
  };
  const answer = await fetch(ready.api + path, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  expect(answer.ok, `${method} ${path} answered ${answer.status}`).toBe(true);
  return (await answer.json()) as T;
}

function holder(): Identity {
  return readIdentity(join(dataDir, 'lock.json'))!;
}

function recorded(name: string): Identity {
  return readIdentity(join(dataDir, 'run', `${name}.json`))!;
}

function allRecorded(): Identity[] {
  return readdirSync(join(dataDir, 'run')).map((file) => recorded(file.replace(/\.json$/, '')));
}
