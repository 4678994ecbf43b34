import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connect } from '../../src/db/client.ts';
import { snapshot } from '../../src/db/ledger.ts';
import { SIGNAL, workflowId } from '../../src/workflows/messages.ts';
import { drawdown, type Run } from '../support/cli.ts';
import { did, subscribe } from '../support/lives.ts';
import { createDatabase, type Stack, startStack } from '../support/stack.ts';

// `drawdown verify` as an operator runs it, on books that are whole and on books with one row bent.

const MONTHLY = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
const look = { items: [{ feature: 'generate_look', quantity: 1 }] };

let stack: Stack;
let ids: string[];
beforeAll(async () => {
  stack = await startStack();
  ids = await Promise.all([1, 2, 3].map(() => subscribe(stack, MONTHLY)));
  for (const id of ids) {
    await did(stack, id, 'POST purchases', { packs: 1 });
    await did(stack, id, 'POST usage', look);
  }
  await did(stack, ids[2]!, 'POST cancel', { at: 'now' });
});
afterAll(() => stack?.stop());

const verify = (words: string[] = [], env: Record<string, string> = {}): Promise<Run> =>
  drawdown(['verify', ...words], {
    DATABASE_URL: stack.databaseUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    ...env,
  });

/** Statements that no guard of the tables stops; one statement a round trip, so nothing can come in between. */
const past = (...statements: SQL[]): Promise<void> =>
  stack.db.transaction(async (tx) => {
    await tx.execute(sql`set local session_replication_role = replica`);
    for (const statement of statements) await tx.execute(statement);
  });

/** The output while something is bent. */
async function bent(bend: SQL, mend: SQL, words: string[] = []): Promise<Run> {
  await past(bend);
  try {
    return await verify(words);
  } finally {
    await past(mend);
  }
}

test('whole: each invariant holds, the unchecked parts are named, exit code 0', async () => {
  const { code, out, err } = await verify();
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.replace(/^at \S+: /, 'at …: ')).toBe(
    [
      'at …: 3 subscriptions, 11 entries',
      'I1   holds',
      'I2   holds',
      'I3   holds',
      'I4   holds',
      'I6   holds',
      'I8   not looked at: --workflows asks the workflows',
      'I11  holds   the guards of entries and grants, the seals of 0 ledgers, 3 wait for a seal; not looked at: heads kept outside (--against)',
      'Rules and copies of rows agree: terms, answers, causes, events.',
      'Every invariant that was looked at holds.',
      '',
    ].join('\n'),
  );
});

test('the workflows are asked too: those that must be running', async () => {
  const { code, out } = await verify(['--workflows']);
  expect(out).toMatch(/^I8 +holds +2 workflows agree with their ledgers$/m);
  expect(code).toBe(0);
  expect(JSON.parse((await verify(['--workflows', '1', '--json'])).out)).toMatchObject({
    subscriptions: 3,
    checked: ['I1', 'I2', 'I3', 'I4', 'I6', 'I11', 'I8', 'I14'],
    workflows: { equal: 1, silent: [], stuck: [] },
    broken: [],
  });
});

describe('a row breaks an invariant: it is named, exit code 1', () => {
  const more = (by: number) =>
    sql`update grants set remaining = remaining + ${by} where kind = 'allowance' and subscription_id in (${ids[0]}, ${ids[1]})`;

  test('the first, and nobody looks any further', async () => {
    const { code, out } = await bent(more(1), more(-1));
    expect(code).toBe(1);
    const [first] = [...ids.slice(0, 2)].sort();
    expect(out.replace(/^at \S+: /, 'at …: ')).toMatch(
      new RegExp(
        `^at …: 3 subscriptions, 11 entries\nBroken:\n(I1|a ledger).*\n {5}${first} {2}.*\nNobody looked any further: --all names every such row\\.\n$`,
      ),
    );
  });

  test('every one, with --all', async () => {
    const { code, out } = await bent(more(1), more(-1), ['--all']);
    expect(code).toBe(1);
    expect(out).toMatch(/^I1 +broken$/m);
    expect(out).toMatch(/^I2 +holds$/m);
    for (const id of ids.slice(0, 2))
      expect(out).toMatch(new RegExp(`^I1 .*\n {5}${id} {2}grt_\\w+_a0_0 `, 'm'));
    const json = await bent(more(1), more(-1), ['--all', '--json']);
    expect(JSON.parse(json.out).broken).toHaveLength(4);
    expect(json.code).toBe(1);
  });

  test('only of those that are looked at', async () => {
    expect(await bent(more(1), more(-1), ['--subscription', ids[2]!])).toMatchObject({ code: 0 });
  });

  test.each<[string, () => SQL, () => SQL, RegExp]>([
    [
      'a guard of the entries that is off',
      () => sql`alter table entries disable trigger entries_append_only`,
      () => sql`alter table entries enable trigger entries_append_only`,
      /^I11 .*\n {5}entries\w* lacks its guard against (delete|update)$/m,
    ],
    [
      'a guard of the grants that is off',
      () => sql`alter table grants disable trigger grants_kept`,
      () => sql`alter table grants enable trigger grants_kept`,
      /^I11 .*\n {5}grants lacks its guard against delete$/m,
    ],
    [
      'rows of no subscription',
      () => sql`update ledgers set subscription_id = 'sub_stray' where subscription_id = ${ids[0]}`,
      () => sql`update ledgers set subscription_id = ${ids[0]} where subscription_id = 'sub_stray'`,
      /^a row belongs to a subscription that is there\n {5}sub_stray {2}ledgers$/m,
    ],
  ])('%s', async (_, bend, mend, reported) => {
    const { code, out } = await bent(bend(), mend());
    expect(out).toMatch(reported);
    expect(code).toBe(1);
  });

  test('in whichever part of a large ledger it lies', async () => {
    const of = (n: number) => sql`'sub_~' || lpad(${n}::text, 3, '0')`;
    await past(
      sql`insert into subscriptions (id, customer_id, plan, interval, status, state, metadata, created_at)
        select 'sub_~' || lpad(n::text, 3, '0'), 'many-' || n, 'creator', 'month', 'ended',
          jsonb_build_object('id', 'sub_~' || lpad(n::text, 3, '0'), 'customerId', 'many-' || n, 'plan', 'creator', 'interval', 'month',
            'timeZone', 'UTC', 'testClock', false, 'status', 'ended', 'waiting', '[]'::jsonb, 'endedAt', 0, 'now', 0), '{}', now()
        from generate_series(1, 450) n`,
      sql`insert into ledgers (subscription_id, status, ends_at)
        select 'sub_~' || lpad(n::text, 3, '0'), 'ended', 'epoch' from generate_series(1, 450) n`,
      sql`insert into commands (scope, operation, key, body_hash, status, attempt, subscription_id, object_id)
        select 'start', 'start', 'many-' || n, '', 'done', 1, 'sub_~' || lpad(n::text, 3, '0'), 'sub_~' || lpad(n::text, 3, '0')
        from generate_series(1, 450) n`,
      sql`insert into notes (subscription_id, step, line, at, kind, rule, detail)
        select 'sub_~' || lpad(n::text, 3, '0'), 1, 0, 'epoch', 'ended', 'R-51', '' from generate_series(1, 450) n`,
    );
    for (const n of [1, 199, 201, 402, 450]) {
      const set = (balance: number) =>
        sql`update ledgers set balance = ${balance} where subscription_id = ${of(n)}`;
      const { code, out } = await bent(set(1), set(0));
      expect(out).toMatch(new RegExp(`^ {5}sub_~${String(n).padStart(3, '0')} {2}`, 'm'));
      expect(code).toBe(1);
    }
    await past(
      sql`delete from commands where subscription_id like 'sub_~%'`,
      sql`delete from notes where subscription_id like 'sub_~%'`,
      sql`delete from ledgers where subscription_id like 'sub_~%'`,
      sql`delete from subscriptions where id like 'sub_~%'`,
    );
  });
});

describe('I8: a workflow that is not as its ledger', () => {
  test('it knows entries that never were', async () => {
    const id = await subscribe(stack, MONTHLY);
    const handle = stack.client.workflow.getHandle(workflowId(id));
    const { version, now, grants } = (await snapshot(stack.db, id))!;
    const forged = grants.map((grant) => ({ ...grant, remaining: grant.remaining + 5 }));
    await handle.signal(SIGNAL.ledgerAdvanced, { version: version + 1, now, grants: forged });
    const ahead = await verify(['--workflows', '--subscription', id]);
    expect(ahead.out).toMatch(/^I8 .*\n.* knows of version 2, and the ledger is at 1: it is ahead$/m);
    expect(ahead.code).toBe(1);
    await did(stack, id, 'POST usage', look);
    const other = await verify(['--workflows', '--subscription', id]);
    expect(other.out).toContain(
      'says at version 2: available 205 (allowance 205, packs 0, adjustments 0), held 0; ' +
        'the ledger: available 199 (allowance 199, packs 0, adjustments 0), held 0',
    );
    expect(other.code).toBe(1);
    await did(stack, id, 'POST cancel', { at: 'now' });
  });

  test('it is behind, with a hold and a partial capture since: equal as of its version', async () => {
    const id = await subscribe(stack, { ...MONTHLY });
    const { body } = await did(stack, id, 'POST holds', {
      items: [{ feature: 'generate_look', quantity: 9 }],
    });
    await did(stack, id, `POST holds/${(body as { id: string }).id}/capture`, { credits: 4 });
    await did(stack, id, 'POST holds', { items: [{ feature: 'generate_look', quantity: 2 }] });
    // Asked before the relay has nudged it, most of the time, and after.
    for (const _ of [1, 2]) {
      const { code, out } = await verify(['--workflows', '--subscription', id]);
      expect(out).toContain('1 workflows agree with their ledgers');
      expect(code).toBe(0);
    }
  });
});

describe('it could not look: a sentence, exit code 2', () => {
  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['no database', [], { DATABASE_URL: '' }, /^Set DATABASE_URL to the database of the ledger/],
    ['a database that is away', [], { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/x' }, /ECONNREFUSED/],
    [
      'a subscription that is not there',
      ['--subscription', 'sub_no'],
      {},
      /^1 of the subscriptions are not there\.$/m,
    ],
    [
      'no Temporal',
      ['--workflows'],
      { TEMPORAL_ADDRESS: '' },
      /^Set TEMPORAL_ADDRESS to the Temporal of its workflows/,
    ],
    [
      'a Temporal that is away',
      ['--workflows', '1'],
      { TEMPORAL_ADDRESS: '127.0.0.1:9' },
      /^1 workflows did not answer/m,
    ],
    ['a number that is none', ['--workflows', 'x'], {}, /must be a whole number from 1/],
    ['a word that means nothing', ['--fast'], {}, /unknown option '--fast'/],
  ])('%s', async (_, words, env, sentence) => {
    const { code, err } = await verify(words, env);
    expect(err).toMatch(sentence);
    expect(err).not.toContain('select');
    expect(code).toBe(2);
  });

  test('an empty database has nothing to break', async () => {
    const url = await createDatabase();
    await connect(url).$client.end();
    expect(await verify(['--json'], { DATABASE_URL: url })).toMatchObject({ code: 0 });
  });
});

// The last: nothing brings it back here (test/cli/rehydrate.test.ts does).
test('I8: a workflow that is gone', async () => {
  const id = await subscribe(stack, MONTHLY);
  await stack.client.workflow.getHandle(workflowId(id)).terminate();
  const { code, out } = await verify(['--workflows']);
  expect(out).toContain(`${id}  subscription/${id} is not running: \`npx drawdown rehydrate\` starts it`);
  expect(code).toBe(1);
});
