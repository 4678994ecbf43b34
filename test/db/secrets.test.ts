import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../src/db/client.ts';
import { lockSecrets } from '../../src/db/secrets/at-rest.ts';
import { createSafe, SafeLocked } from '../../src/db/secrets/safe.ts';
import { bodyOf } from '../api/driver.ts';
import { until } from '../support/deliveries.ts';
import { startReceiver, verified } from '../support/receiver.ts';
import { createDatabase, type Stack, startStack } from '../support/stack.ts';

// Secrets at rest: what signs is encrypted by a key from outside of the database.

const [key, other] = [randomBytes(32), randomBytes(32)];

describe('a safe', () => {
  const stored = createSafe([key]).lock('endpoint 1', 'whsec_1');

  test.each<[string, () => string, string | RegExp]>([
    ['its key reads it', () => createSafe([key]).unlock('endpoint 1', stored), 'whsec_1'],
    [
      'the key before does, while keys are changed',
      () => createSafe([other, key]).unlock('endpoint 1', stored),
      'whsec_1',
    ],
    [
      'another key does not',
      () => createSafe([other]).unlock('endpoint 1', stored),
      /is encrypted by the key [0-9a-f]{8}: add it to SECRETS_KEY/,
    ],
    ['nor no key', () => createSafe([]).unlock('endpoint 1', stored), /add it to SECRETS_KEY/],
    [
      'in another row it can’t be read',
      () => createSafe([key]).unlock('endpoint 2', stored),
      /The secret of endpoint 2 was changed/,
    ],
    [
      'nor when it was changed',
      () => createSafe([key]).unlock('endpoint 1', `${stored.slice(0, -2)}AA`),
      /was changed/,
    ],
    ['a secret of before stays readable', () => createSafe([key]).unlock('endpoint 1', 'whsec_1'), 'whsec_1'],
    ['without a key it is kept as it is', () => createSafe([]).lock('endpoint 1', 'whsec_1'), 'whsec_1'],
  ])('%s', (_, read, wanted) => {
    if (typeof wanted === 'string') expect(read()).toBe(wanted);
    else expect(read).toThrow(wanted);
  });

  test('equal secrets are stored differently each time', () => {
    expect(createSafe([key]).lock('endpoint 1', 'whsec_1')).not.toBe(stored);
  });
});

describe('a database', () => {
  let db: Database;
  beforeAll(async () => {
    db = connect(await createDatabase(), { max: 2 });
    await db.execute(sql`insert into webhook_endpoints (id, url, secret, previous_secret) values
      ('whe_1', 'https://a.example', 'whsec_new', 'whsec_old'), ('whe_2', 'https://b.example', 'whsec_b', null)`);
  });
  afterAll(() => db.$client.end());

  const texts = async (): Promise<string[]> => {
    const rows = await db.execute<{ text: string }>(sql`
      select secret as text from webhook_endpoints union all select previous_secret from webhook_endpoints where previous_secret is not null
      union all select value from secrets`);
    return rows.map(({ text }) => text);
  };

  test('a first key encrypts all, a second start changes nothing, a new key takes its place', async () => {
    expect((await texts()).filter((text) => text.startsWith('aes1.'))).toEqual([]);
    await lockSecrets(db, createSafe([key]));
    const locked = await texts();
    expect(locked).toHaveLength(4);
    expect(locked.filter((text) => text.startsWith('aes1.'))).toHaveLength(4);
    await lockSecrets(db, createSafe([key]));
    expect(await texts()).toEqual(locked);
    await lockSecrets(db, createSafe([other, key]));
    await lockSecrets(db, createSafe([other]));
    expect((await texts()).filter((text) => locked.includes(text))).toEqual([]);
    await expect(lockSecrets(db, createSafe([key]))).rejects.toThrow(SafeLocked);
    await expect(lockSecrets(db, createSafe([]))).rejects.toThrow(SafeLocked);
  });
});

describe('an installation with a key', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ secretsKeys: [key] });
  });
  afterAll(() => stack.stop());

  test('a new endpoint’s secret and a rotated one are encrypted, and links into the wallet work', async () => {
    const { id, secret } = bodyOf<{ id: string; secret: string }>(
      await stack.request('POST', '/v1/webhook_endpoints', { body: { url: 'http://127.0.0.1:1/' } }),
      201,
    );
    const before = createSafe([key]);
    const rowOf = async () => {
      const [row] = await stack.db.execute<{ secret: string; previous: string | null }>(
        sql`select secret, previous_secret as previous from webhook_endpoints where id = ${id}`,
      );
      return row!;
    };
    const made = await rowOf();
    expect(made.secret).toMatch(/^aes1\./);
    expect(before.unlock(`webhook_endpoints/${id}`, made.secret)).toBe(secret);
    const rotated = bodyOf<{ secret: string }>(
      await stack.request('POST', `/v1/webhook_endpoints/${id}/rotate_secret`),
    );
    const now = await rowOf();
    expect(before.unlock(`webhook_endpoints/${id}`, now.secret)).toBe(rotated.secret);
    expect(now.previous).toBe(made.secret);
    const { text } = await stack.deps.tickets.issue('sub_1');
    expect(await stack.deps.tickets.read(text)).toBe('sub_1');
  });

  test('a delivery is signed by the secret that its receiver was given', async () => {
    const receiver = await startReceiver();
    try {
      const { id, secret } = bodyOf<{ id: string; secret: string }>(
        await stack.request('POST', '/v1/webhook_endpoints', { body: { url: receiver.url } }),
        201,
      );
      expect((await stack.request('POST', `/v1/webhook_endpoints/${id}/test`)).status).toBeLessThan(300);
      await until(
        async () => receiver.received.length,
        (count) => count > 0,
      );
      expect(verified(secret, receiver.received[0]!)).toMatchObject({ type: 'webhook.test' });
    } finally {
      await receiver.stop();
    }
  });
});
