import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { noteFailure } from '../../src/db/failures.ts';
import { workflowId } from '../../src/workflows/messages.ts';
import { textOf, Visit } from '../api/console-visit.ts';
import { drawdown, type Run } from '../support/cli.ts';
import { shiftedClock } from '../support/clock.ts';
import { subscribe } from '../support/lives.ts';
import { createDatabase, type Stack, startStack } from '../support/stack.ts';

// `drawdown doctor` as an operator runs it, on a real PostgreSQL and a real Temporal.

const MONTHLY = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
const WITHIN = { timeout: 90_000, interval: 500 };
const DAYS_40 = 40 * 86_400_000;

const doctor = (
  { databaseUrl, taskQueue }: Pick<Stack, 'databaseUrl' | 'taskQueue'>,
  words: string[] = [],
  env: Record<string, string> = {},
): Promise<Run> =>
  drawdown(['doctor', ...words], {
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_TASK_QUEUE: taskQueue,
    ...env,
  });

describe('with a worker', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.stop());

  test('nothing needs a person', async () => {
    await subscribe(stack, MONTHLY);
    await expect
      .poll(() => doctor(stack), WITHIN)
      .toMatchObject({
        code: 0,
        out: expect.stringMatching(/^at \S+Z\nNothing needs a person\.\n$/),
      });
    expect(JSON.parse((await doctor(stack, ['--json'])).out)).toMatchObject({ temporal: true, findings: [] });
    const fleet = await (await Visit.begin(stack)).get('/console/fleet');
    expect(textOf(fleet.html)).toContain('Findings Nothing needs a person.');
  });

  test('PostgreSQL’s clock 40 days ahead of this machine’s', async () => {
    const { code, out } = await doctor(stack, [], { NODE_OPTIONS: shiftedClock(-DAYS_40) });
    expect(out).toMatch(
      /^bad {6}PostgreSQL’s clock is 40 days ahead of this machine’s\n {9}→ Set the wrong clock right.*“Clocks”\.$/m,
    );
    expect(code).toBe(1);
    const near = await doctor(stack, [], { NODE_OPTIONS: shiftedClock(-20_000) });
    expect(near.out).toMatch(/^warning {2}PostgreSQL’s clock is (19|20) seconds ahead/m);
    expect(near).toMatchObject({ code: 0 });
  });

  test('a late subscription whose step fails, and one whose workflow does not run', async () => {
    const [stuck, missing] = [await subscribe(stack, MONTHLY), await subscribe(stack, MONTHLY)];
    await stack.db.execute(sql`create function wedged() returns trigger language plpgsql as $$
      begin raise 'no step for this' using errcode = '58000'; end $$`);
    await stack.db.execute(sql`create trigger wedged before insert on notes for each row
      when (new.detail = 'half an emoji') execute function wedged()`);
    await stack.db.execute(sql`insert into inbox (provider, event_id, subscription_id, kind, payload)
      values ('test', 'evt_cancel', ${stuck}, 'cancelled', '{"at": "renewal", "reason": "half an emoji"}')`);
    await stack.client.workflow.getHandle(workflowId(missing)).terminate('lost');
    // As if their boundaries had come on real time.
    await stack.db.execute(sql`update ledgers set test_clock = null, wakes_at = clock_timestamp() - interval '20 minutes'
      where subscription_id in (${stuck}, ${missing})`);

    const seen = () => doctor(stack, ['--stuck-after', '2']);
    const onRecord = async () => (await seen()).out;
    await expect.poll(onRecord, WITHIN).toMatch(new RegExp(`^ {9}step ${stuck} \\(.*58000`, 'm'));
    const { code, out } = await seen();
    expect(code).toBe(1);
    expect(out).toMatch(/^bad {6}1 step of a workflow fails again and again, for \d+ seconds$/m);
    expect(out).toMatch(
      new RegExp(
        `^bad {6}1 workflow fails at each attempt at a step, for 20 minutes\n {9}${stuck} \\(bookStep failed \\d+ times: .*58000`,
        'm',
      ),
    );
    expect(out).toMatch(
      new RegExp(
        `^bad {6}1 workflow must be running, and is not, for 20 minutes\n {9}${missing}\n {9}→ .npx drawdown rehydrate.`,
        'm',
      ),
    );
    expect(out).toMatch(
      /^bad {6}2 subscriptions have work that is due and not booked, the oldest for 20 minutes$/m,
    );
  });
});

describe('without a worker', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ withWorker: false });
  });
  afterAll(() => stack?.stop());

  const findings = async (): Promise<Record<string, { severity: string; count: number; rows: string[] }>> => {
    const { findings: found } = JSON.parse((await doctor(stack, ['--json'])).out) as {
      findings: { id: string; severity: string; count: number; rows: string[] }[];
    };
    return Object.fromEntries(found.map(({ id, ...rest }) => [id, rest]));
  };

  test('nobody asks for work: exit code 1', async () => {
    const { code, out } = await doctor(stack);
    expect(out).toMatch(
      new RegExp(
        `^bad {6}No worker asks for work on the queue “${stack.taskQueue}”\n {9}→ Start a worker`,
        'm',
      ),
    );
    expect(code).toBe(1);
  });

  test('messages, events, deliveries and batches that do not move', async () => {
    const { db } = stack;
    await db.execute(sql`insert into inbox (provider, event_id, subscription_id, kind, payload, received_at) values
      ('test', 'e1', 'sub_1', 'cancelled', '{}', clock_timestamp() - interval '12 minutes'),
      ('test', 'e2', 'sub_1', 'cancelled', '{}', clock_timestamp() - interval '1 second'),
      ('test', 'e3', 'sub_2', 'cancelled', '{}', clock_timestamp())`);
    const [refused] = await db.execute<{ id: string }>(sql`select id from inbox where event_id = 'e3'`);
    for (const _ of [1, 2, 3, 4, 5])
      await noteFailure(db, { kind: 'message', key: refused!.id, subscriptionId: 'sub_2' }, 'too large');
    await db.execute(sql`insert into deliveries (event_id, endpoint_id, created_at) values
      ('evt_1', 'we_1', clock_timestamp() - interval '11 minutes')`);
    await db.execute(sql`insert into events (id, subscription_id, type, at, data, recorded_at) values
      ('evt_2', 'sub_1', 'x', clock_timestamp(), '{}', clock_timestamp() - interval '2 minutes')`);
    await db.execute(sql`insert into grant_batches (id, credits, expires_at, reason, total, created_at) values
      ('gb_1', 5, '3000-01-01', 'sorry', 1, clock_timestamp() - interval '1 hour')`);
    expect(await findings()).toMatchObject({
      'backlog.message': { severity: 'bad', count: 2 },
      'refused.message': { severity: 'bad', count: 1, rows: [`message ${refused!.id} (too large)`] },
      'backlog.delivery': { severity: 'bad', count: 1, rows: ['evt_1/we_1'] },
      'backlog.event': { severity: 'warning', count: 1, rows: ['evt_2'] },
      'backlog.batch': { severity: 'bad', count: 1, rows: ['gb_1'] },
    });
    const fleet = async () => textOf((await (await Visit.begin(stack)).get('/console/fleet')).html);
    await expect.poll(fleet, WITHIN).toContain('2 messages of billing wait for the relay bad, for 12 min');
    const shown = await fleet();
    for (const text of [
      `No worker asks for work on the queue “${stack.taskQueue}” bad`,
      'npx drawdown refused list has every row. docs/operating.md: “What is refused”.',
      '1 delivery waits for its workflow bad, for 11 min evt_1/we_1',
    ])
      expect(shown).toContain(text);
    expect(shown).not.toContain('Nothing needs a person.');
  });

  test('ledgers with overdue holds, expiries, boundaries and nudges, and steps that were given up', async () => {
    const { db } = stack;
    await db.execute(sql`insert into ledgers (subscription_id, status, wakes_at, next_notice, nudge_now, workflow_behind, touched_at, test_clock)
      values ('sub_late', 'active', clock_timestamp() - interval '11 minutes', null, true, true, clock_timestamp() - interval '3 minutes', null),
        ('sub_notice', 'active', null, clock_timestamp() - interval '2 minutes', false, false, null, null),
        ('sub_test', 'active', clock_timestamp() - interval '1 year', clock_timestamp() - interval '1 year', false, false, null, '2020-01-01')`);
    await db.execute(sql`insert into holds (subscription_id, id, at, deadline, credits, status, metadata, answer, live) values
      ('sub_late', 'hld_1', clock_timestamp() - interval '2 hours', clock_timestamp() - interval '1 hour', 1, 'held', '{}', '{}', true)`);
    await db.execute(sql`insert into incidents (subscription_id, step, what, code, detail) values
      ('sub_late', 1, 'due', '23514', 'grants_remaining'), ('sub_notice', 1, 'buy_packs', '23514', 'x')`);
    expect(await findings()).toMatchObject({
      'work.late': { severity: 'bad', count: 1, rows: ['sub_late'] },
      'backlog.notice': { severity: 'warning', count: 1, rows: ['sub_notice'] },
      'backlog.nudge': { severity: 'warning', count: 1, rows: ['sub_late'] },
      'backlog.hold': { severity: 'bad', count: 1, rows: ['sub_late hld_1'] },
      'incidents.held_up': { severity: 'bad', count: 1, rows: ['sub_late 23514 grants_remaining'] },
      'incidents.recent': { severity: 'warning', count: 1, rows: ['sub_notice buy_packs: 23514 x'] },
    });
  });

  test('a month of entries without a table, functions of another version, a migration that is missing', async () => {
    const { db } = stack;
    await db.execute(sql.raw(`alter table entries detach partition entries_${monthNow()}`));
    await db.execute(sql.raw(`drop table entries_${monthNow()}`));
    await db.execute(sql`insert into drizzle.functions values ('another', clock_timestamp())`);
    expect(await findings()).toMatchObject({
      'database.months': { severity: 'bad', count: 1, rows: [`entries_${monthNow()}`] },
      'schema.functions': { severity: 'warning' },
    });
    await db.execute(sql`delete from drizzle.__drizzle_migrations`);
    expect(await findings()).toMatchObject({ 'schema.migrations': { severity: 'bad' } });
  });
});

const monthNow = (): string => new Date().toISOString().slice(0, 7).replace('-', '_');

describe('a server that is away', () => {
  test('PostgreSQL: a sentence, exit code 2', async () => {
    const { code, err } = await doctor({ databaseUrl: 'postgres://nobody@127.0.0.1:9/x', taskQueue: 'q' });
    expect(err).toMatch(/^Drawdown could not be examined: .*ECONNREFUSED/);
    expect(code).toBe(2);
  });

  test('Temporal: the ledger’s findings, a sentence, exit code 2', async () => {
    const databaseUrl = await createDatabase();
    const away = { TEMPORAL_ADDRESS: '127.0.0.1:9' };
    const { code, out, err } = await doctor({ databaseUrl, taskQueue: 'q' }, [], away);
    expect(out).toMatch(/\nNothing needs a person\.\n$/);
    expect(err).toMatch(/^Temporal did not answer: nothing is known of workers and workflows\./m);
    expect(code).toBe(2);
  });

  test('a database without Drawdown: the migrations that it lacks, exit code 2', async () => {
    const { code, err } = await doctor({ databaseUrl: inject('databaseUrl'), taskQueue: 'q' });
    expect(err).toMatch(
      /^The ledger can not be read before `npx drawdown migrate`\. The database lacks \w+.*, functions\.$/m,
    );
    expect(code).toBe(2);
  });
});
