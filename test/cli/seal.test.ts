import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawdown } from '../support/cli.ts';
import { did, subscribe } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// `drawdown seal` and `drawdown verify --against`, as an operator runs them.

const folder = mkdtempSync(join(tmpdir(), 'heads-'));
const file = (name: string): string => join(folder, name);
const MONTHLY = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
let stack: Stack;
let id: string;
const spend = () => did(stack, id, 'POST usage', { items: [{ feature: 'generate_look', quantity: 1 }] });

beforeAll(async () => {
  stack = await startStack();
  id = await subscribe(stack, MONTHLY);
  await spend();
  await subscribe(stack, MONTHLY);
  for (const name of ['seal', 'other']) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(file(`${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(file(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
  }
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true });
});

const run = (...words: string[]) => drawdown(words, { DATABASE_URL: stack.databaseUrl });

test('heads are written, signed, and compared with the ledger', async () => {
  const sealed = await run('seal', '--out', file('heads.jsonl'), '--key', file('seal.key'));
  expect(sealed).toEqual({
    code: 0,
    err: '',
    out: `Sealed: 2 ledgers. Their heads are in ${file('heads.jsonl')}.\n`,
  });
  await spend();
  const { code, out } = await run(
    'verify',
    '--against',
    file('heads.jsonl'),
    '--public-key',
    file('seal.pub'),
  );
  expect(out).toMatch(
    /^I11 {2}holds .* seals of 2 ledgers, 1 wait for a seal; 2 heads kept at \S+, with a good signature$/m,
  );
  expect(code).toBe(0);
  expect((await run('verify', '--against', file('heads.jsonl'))).out).toMatch(/signature not checked$/m);
});

describe('a file that is not as it was written is refused, exit code 2', () => {
  const changed = (change: (text: string) => string) => {
    writeFileSync(file('changed.jsonl'), change(readFileSync(file('heads.jsonl'), 'utf8')));
    return file('changed.jsonl');
  };
  test.each<[string, () => string[], RegExp]>([
    [
      'a head in it was changed',
      () => ['--against', changed((text) => text.replace('"seq":2', '"seq":1'))],
      /was changed: its lines have another digest/,
    ],
    [
      'its end is missing',
      () => ['--against', changed((text) => text.slice(0, text.lastIndexOf('{')))],
      /its end is missing/,
    ],
    [
      'another key signed it',
      () => ['--against', file('heads.jsonl'), '--public-key', file('other.pub')],
      /was signed by another key/,
    ],
    ['it is not there', () => ['--against', file('nothing.jsonl')], /can't be read/],
    [
      'the key is no key',
      () => ['--against', file('heads.jsonl'), '--public-key', file('heads.jsonl')],
      /is no public key in PEM/,
    ],
    ['a key without a file', () => ['--public-key', file('seal.pub')], /name both/],
  ])('%s', async (_, words, sentence) => {
    const { code, err } = await run('verify', ...words());
    expect(err).toMatch(sentence);
    expect(code).toBe(2);
  });
});

test('an address gets the heads by PUT, and verify reads them from there', async () => {
  let kept = '';
  const server = createServer(async (request, response) => {
    if (request.method === 'PUT') for await (const part of request) kept += part;
    response.end(request.method === 'PUT' ? '' : kept);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/heads?secret=1`;
    const { code, out } = await run('seal', '--out', address);
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/^Sealed: 2 ledgers\. Their heads are in http:\/\/127\.0\.0\.1:\d+\.\n$/),
    });
    expect(await run('verify', '--against', address)).toMatchObject({ code: 0 });
  } finally {
    server.close();
  }
});

test('a change that was sealed anew is named by the kept heads, exit code 1', async () => {
  await stack.db.transaction(async (tx) => {
    await tx.execute(sql`set local session_replication_role = replica`);
    await tx.execute(sql`update usages set reference = 'forged' where subscription_id = ${id}`);
    await tx.execute(sql`delete from seals`);
  });
  await run('seal');
  expect(await run('verify')).toMatchObject({ code: 0 });
  const { code, out } = await run('verify', '--against', file('heads.jsonl'));
  expect(out).toMatch(
    new RegExp(`^I11 a ledger’s rows are those that were sealed\n {5}${id} {2}entries 1 to 2, `, 'm'),
  );
  expect(code).toBe(1);
});
