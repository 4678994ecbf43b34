import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { reconcile } from '../../src/db/audit/reconcile.ts';
import { workflowId } from '../../src/workflows/messages.ts';
import { AT_REST } from '../db/bent-books.ts';
import { type LifeName, leadLives } from '../support/books.ts';
import { drawdown, type Run } from '../support/cli.ts';
import { expectInvariants } from '../support/invariants.ts';
import { ask, did, realFacts, subscribe } from '../support/lives.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';

// A Temporal that was lost, and `drawdown rehydrate`: each life goes on as its twin's, which lost nothing.

const MONTHLY = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

const run = (words: string[], env: Record<string, string> = {}): Promise<Run> =>
  drawdown(words, {
    DATABASE_URL: stack.databaseUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_TASK_QUEUE: stack.taskQueue,
    ...env,
  });

interface Report {
  dry_run: boolean;
  running: number;
  started: string[];
  failed: { subscription_id: string; reason: string }[];
  deliveries: number;
}

async function rehydrate(...words: string[]): Promise<Report> {
  const { code, out, err } = await run(['rehydrate', '--json', ...words]);
  expect({ code, err: err.replace(/^Looked at .*\n/gm, '') }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as Report;
}

/** The workflow is lost, as far as a shared Temporal allows: it no longer runs, in any state. */
const lose = (id: string) => stack.client.workflow.getHandle(workflowId(id)).terminate('lost');

const advance = (id: string, to: string) => did(stack, id, 'POST advance', { to: `${to}T00:00:00.000Z` });

async function newestCharge(id: string): Promise<{ id: string; status: string }> {
  const [row] = await stack.db.execute<{ id: string; status: string }>(
    sql`select id, status from charges where subscription_id = ${id} order by step desc limit 1`,
  );
  return row!;
}

async function settle(id: string, outcome: 'paid' | 'declined'): Promise<string> {
  const { id: charge } = await newestCharge(id);
  await stack.request('POST', `/v1/sandbox/charges/${charge}/settle`, { body: { outcome } });
  return charge;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 45_000; Date.now() < end; await sleep(50)) if (await isSo()) return;
  throw new Error(`not within 45 s: ${what}`);
}

const chargeIs = (id: string, charge: string, status: string) =>
  until(`${charge} is ${status}`, async () => {
    const [row] = await stack.db.execute<{ status: string }>(
      sql`select status from charges where subscription_id = ${id} and id = ${charge}`,
    );
    return row?.status === status;
  });

async function settled(id: string, outcome: 'paid' | 'declined'): Promise<void> {
  await chargeIs(id, await settle(id, outcome), outcome);
}

/** The commands to each life after the loss. */
const GOES_ON: Partial<Record<LifeName, (id: string) => Promise<unknown>>> = {
  monthly: async (id) => {
    await did(stack, id, 'POST purchases', { packs: 2 });
    await did(stack, id, 'POST usage', { items: [{ feature: 'generate_look', quantity: 250 }] });
    await advance(id, '2026-06-15');
    await did(stack, id, 'POST change', { plan: 'pro', interval: 'month' });
    await advance(id, '2026-08-20');
  },
  annual: async (id) => {
    await did(stack, id, 'PUT add_on', { packs: 1 });
    await advance(id, '2028-05-20');
  },
  enterprise: (id) => advance(id, '2026-07-15'),
  movedIn: (id) => advance(id, '2028-02-15'),
  downgraded: (id) => advance(id, '2027-05-20'),
  pastDue: async (id) => {
    await did(stack, id, 'PUT payment_method', { payment_method: 'sandbox_ok' });
    await advance(id, '2026-05-15');
  },
  renewalPending: async (id) => {
    await settled(id, 'paid');
    await did(stack, id, 'PUT payment_method', { payment_method: 'sandbox_ok' });
    await advance(id, '2026-05-15');
  },
  purchasePending: async (id) => {
    await settled(id, 'paid');
    await advance(id, '2026-03-15');
  },
  incomplete: async (id) => {
    await settled(id, 'paid');
    await did(stack, id, 'PUT payment_method', { payment_method: 'sandbox_ok' });
    await advance(id, '2026-03-15');
  },
};
const OVER: LifeName[] = ['ended', 'unpaid', 'startGivenUp'];
const ALIVE = Object.keys(GOES_ON) as LifeName[];

/** One with a hold that was captured in part, one that is open; cancelled, so that the open one outlives the end. */
async function leadHeld(): Promise<string> {
  const id = await subscribe(stack, MONTHLY);
  const hold = async (quantity: number) => {
    const items = [{ feature: 'generate_look', quantity }];
    const { body } = await did(stack, id, 'POST holds', { items, expires_in_seconds: 86_400 });
    return (body as { id: string }).id;
  };
  await did(stack, id, `POST holds/${await hold(30)}/capture`, { credits: 12 });
  const open = await hold(40);
  await did(stack, id, 'POST cancel', { at: 'now' });
  OPEN_HOLD.set(id, open);
  return id;
}
const OPEN_HOLD = new Map<string, string>();

async function stepOf(id: string): Promise<number> {
  const [row] = await stack.db.execute<{ step: number }>(
    sql`select step from ledgers where subscription_id = ${id}`,
  );
  return row!.step;
}

test('every kind of life, lost in its middle, goes on as its twin; nothing is done twice', async () => {
  const [lost, twins] = [await leadLives(stack, [...ALIVE, ...OVER]), await leadLives(stack, ALIVE)];
  const [held, heldTwin] = [await leadHeld(), await leadHeld()];
  const wanted = [...ALIVE.map((name) => lost[name]), held].sort();
  const before = await Promise.all(wanted.map((id) => realFacts(stack.db, id)));
  await Promise.all(wanted.map(lose));
  expect((await run(['verify', '--workflows'])).code).toBe(1);

  const running = ALIVE.length + 1;
  expect(await rehydrate('--dry-run')).toEqual({
    dry_run: true,
    running,
    started: wanted,
    failed: [],
    stuck: [],
    deliveries: 0,
  });
  expect(await rehydrate('--dry-run'), 'a dry run starts none').toMatchObject({ started: wanted });

  // Two operators at once: each workflow is started by one of them.
  const [one, other] = await Promise.all([rehydrate(), rehydrate()]);
  expect([...one.started, ...other.started].sort()).toEqual(wanted);
  expect(one.running + one.started.length).toBe(running + wanted.length);
  expect(await rehydrate()).toEqual({
    dry_run: false,
    running: running + wanted.length,
    started: [],
    failed: [],
    stuck: [],
    deliveries: 0,
  });
  expect(await Promise.all(wanted.map((id) => realFacts(stack.db, id)))).toEqual(before);
  expect(await run(['verify', '--workflows'])).toMatchObject({ code: 0 });

  const attributes = (id: string) =>
    stack.client.workflow
      .getHandle(workflowId(id))
      .describe()
      .then(({ typedSearchAttributes }) =>
        typedSearchAttributes
          .getAll()
          .map(({ key, value }) => [key.name, value])
          .sort(),
      );
  expect(await attributes(lost.pastDue)).toContainEqual(['DrawdownStatus', 'past_due']);

  await Promise.all(ALIVE.flatMap((name) => [lost[name], twins[name]].map((id) => GOES_ON[name]!(id))));
  for (const id of [held, heldTwin])
    await did(stack, id, `POST holds/${OPEN_HOLD.get(id)}/capture`, { credits: 25 });
  for (const [name, ours, theirs] of [
    ...ALIVE.map((name) => [name, lost[name], twins[name]] as const),
    ['held', held, heldTwin] as const,
  ]) {
    expect(await realFacts(stack.db, ours), name).toEqual(await realFacts(stack.db, theirs));
    expect(await stepOf(ours), name).toBe(await stepOf(theirs));
  }
  // R-73: with its last hold settled the ended one has nothing to wait for.
  await stack.client.workflow.getHandle(workflowId(held)).result();
  await expectInvariants(stack.db);
  expect((await reconcile(stack.db, AT_REST)).unexplained).toEqual([]);
  expect(await run(['verify', '--workflows'])).toMatchObject({ code: 0 });
});

/** No step of these is booked while it lasts: their steps hang between billing's answer and the ledger. */
async function whileNothingIsBooked(ids: string[], work: () => Promise<void>): Promise<void> {
  await stack.db.execute(sql`create table held_up (id text)`);
  for (const id of ids) await stack.db.execute(sql`insert into held_up values (${id})`);
  await stack.db.execute(sql`create function held_up() returns trigger language plpgsql as $$
    begin
      if new.step > old.step and exists (select from held_up where id = new.subscription_id) then raise 'held up' using errcode = '58000'; end if;
      return new;
    end $$`);
  await stack.db.execute(
    sql`create trigger held_up before update on ledgers for each row execute function held_up()`,
  );
  try {
    await work();
  } finally {
    await stack.db.execute(sql`drop trigger held_up on ledgers`);
    await stack.db.execute(sql`drop function held_up`);
    await stack.db.execute(sql`drop table held_up`);
  }
}

const pendingCharges = async (ids: string[]): Promise<number> => {
  const [row] = await stack.db.execute<{ n: string }>(sql`
    select count(*) as n from charges where status = 'pending' and subscription_id in (${sql.join(ids, sql`, `)})`);
  return Number(row!.n);
};

test('a charge at billing when Temporal was lost is asked again under its own key, and its caller is answered', async () => {
  const [buyer, upgrader, payer, renewer] = await Promise.all(
    [1, 2, 3, 4].map(() => subscribe(stack, MONTHLY)),
  );
  await did(stack, payer!, 'PUT payment_method', { payment_method: 'sandbox_declined' });
  await advance(payer!, '2026-03-02');
  const ids = [buyer!, upgrader!, payer!, renewer!];
  const start = {
    ...{ customer_id: 'lost-at-its-start', plan: 'creator', interval: 'month' },
    ...{ test_clock: { now: MONTHLY.from }, metadata: { from: 'a caller' } },
  };
  let starting = Promise.resolve() as unknown as Promise<Answer>;
  let asked: Promise<Answer>[] = [];
  let starter = '';
  await whileNothingIsBooked(ids, async () => {
    asked = [
      ask(stack, buyer!, 'POST purchases', { packs: 3 }, 'k'),
      ask(stack, upgrader!, 'POST change', { plan: 'pro', interval: 'year' }, 'k'),
      ask(stack, payer!, 'PUT payment_method', { payment_method: 'sandbox_ok' }, 'k'),
      ask(stack, renewer!, 'POST advance', { to: '2026-03-15T00:00:00.000Z' }, 'k'),
    ];
    await until('each has asked billing', async () => (await pendingCharges(ids)) === 4);
    // A start has no row to be held up by its id: its ledger is not there yet.
    await stack.db.execute(sql`create or replace function held_up() returns trigger language plpgsql as $$
      begin if new.step > old.step then raise 'held up' using errcode = '58000'; end if; return new; end $$`);
    starting = stack.request('POST', '/v1/subscriptions', {
      body: start,
      headers: { 'Idempotency-Key': 'k' },
    });
    await until('the start has asked billing', async () => {
      const [row] = await stack.db.execute<{ id: string }>(
        sql`select s.id from subscriptions s join charges c on c.subscription_id = s.id where customer_id = ${start.customer_id}`,
      );
      starter = row?.id ?? '';
      return starter !== '';
    });
    await Promise.all([...ids, starter].map(lose));
  });

  expect((await rehydrate()).started).toEqual([...ids, starter].sort());
  const answers = await Promise.all([...asked.slice(0, 3), starting]);
  expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 201]);
  expect(answers[0]!.body).toMatchObject({ status: 'paid', packs: 3, credits: 900 });
  expect(answers[3]!.body).toMatchObject({ id: starter, status: 'active', metadata: { from: 'a caller' } });
  // No record holds the target of an advance: its caller asks again, with the key or another.
  await advance(renewer!, '2026-03-15');
  const again = await ask(stack, renewer!, 'POST advance', { to: '2026-03-15T00:00:00.000Z' }, 'k');
  expect(again.status).toBe(200);
  expect((await asked[3]!).status).toBe(200);

  const lines = await Promise.all([...ids, starter].map((id) => realFacts(stack.db, id)));
  const counted = (what: string) => lines.map((of) => of.filter((line) => line.includes(what)).length);
  expect(counted('charge purchase')).toEqual([1, 0, 0, 0, 0]);
  expect(counted('charge upgrade')).toEqual([0, 1, 0, 0, 0]);
  expect(counted('charge renewal')).toEqual([0, 0, 1, 1, 0]);
  expect(counted('charge start')).toEqual([1, 1, 1, 1, 1]);
  expect(counted('grant')).toEqual([2, 2, 2, 2, 1]);
  expect(lines.flat().filter((line) => /pending|declined/.test(line))).toEqual([]);
  for (const id of [...ids, starter]) await advance(id, '2026-06-15');
  await expectInvariants(stack.db);
  expect((await reconcile(stack.db, AT_REST)).unexplained).toEqual([]);
});

describe('a message of billing', () => {
  test('while there was no workflow: it is kept, and told when there is one', async () => {
    const id = await subscribe(stack, MONTHLY, { payment_method: 'sandbox_pending' });
    await lose(id);
    const charge = await settle(id, 'paid');
    const message = async () => {
      const [row] = await stack.db.execute<{ outcome: string | null; reason: string | null }>(
        sql`select i.outcome, f.reason from inbox i left join failures f on f.kind = 'message' and f.key = i.id::text
          where i.subscription_id = ${id}`,
      );
      return row;
    };
    await until('the relay has tried', async () => (await message())?.reason !== null);
    expect(await message()).toEqual({
      outcome: null,
      reason: 'Its workflow does not run: `npx drawdown rehydrate` starts it.',
    });
    expect((await rehydrate()).started).toEqual([id]);
    await chargeIs(id, charge, 'paid');
    await until('it is told', async () => (await message())?.outcome === 'signalled');
    await advance(id, '2026-03-01');
    await expectInvariants(stack.db);
  });

  test('and the workflow had it, but not booked: it is signalled again', async () => {
    const id = await subscribe(stack, MONTHLY);
    const { body } = await did(stack, id, 'POST purchases', { packs: 1, payment_method: 'sandbox_pending' });
    expect(body).toMatchObject({ status: 'pending' });
    let charge = '';
    await whileNothingIsBooked([id], async () => {
      charge = await settle(id, 'paid');
      await until('it is signalled', async () => {
        const [row] = await stack.db.execute<{ outcome: string | null }>(
          sql`select outcome from inbox where subscription_id = ${id}`,
        );
        return row?.outcome === 'signalled';
      });
      await lose(id);
    });
    expect((await rehydrate()).started).toEqual([id]);
    await chargeIs(id, charge, 'paid');
    // Once more: messages that were booked meanwhile change nothing the second time.
    const [facts, step] = [await realFacts(stack.db, id), await stepOf(id)];
    await lose(id);
    expect((await rehydrate()).started).toEqual([id]);
    await did(stack, id, 'GET workflow');
    expect([await realFacts(stack.db, id), await stepOf(id)]).toEqual([facts, step]);
  });

  test.each([
    ['a cancel of before is not told again, for it may have been undone', [], 'active'],
    ['unless it was relayed since an instant', ['--since', '2026-01-01T00:00:00Z'], 'ended'],
  ])('%s', async (_, words, status) => {
    const id = await subscribe(stack, MONTHLY);
    await stack.db.execute(sql`
      insert into inbox (provider, event_id, subscription_id, kind, payload, relayed_at, outcome)
      values ('external', ${`cancel-${id}`}, ${id}, 'cancelled', '{"at": "now"}', clock_timestamp(), 'signalled')`);
    await lose(id);
    expect((await rehydrate(...words)).started).toEqual([id]);
    const { body } = await did(stack, id, 'GET workflow');
    expect(body).toMatchObject({ state: { status } });
  });
});

test('a delivery of an event whose workflow was lost is started again', async () => {
  await stack.db.execute(sql`insert into events (id, subscription_id, type, at, data, relayed_at)
    values ('evt_lost', 'sub_x', 'webhook.test', now(), '{}', now())`);
  await stack.db.execute(
    sql`insert into deliveries (event_id, endpoint_id, started_at) values ('evt_lost', 'whe_gone', now())`,
  );
  expect((await rehydrate('--dry-run')).deliveries).toBe(1);
  expect((await rehydrate()).deliveries).toBe(1);
  // Its endpoint is gone as well: so it ends.
  await until('it ended', async () => {
    const [row] = await stack.db.execute<{ status: string }>(
      sql`select status from deliveries where event_id = 'evt_lost'`,
    );
    return row?.status === 'failed';
  });
  await stack.db.execute(sql`delete from deliveries where event_id = 'evt_lost'`);
});

describe('it could not', () => {
  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['no Temporal', [], { TEMPORAL_ADDRESS: '' }, /^Set TEMPORAL_ADDRESS to the Temporal of its workflows/],
    [
      'a Temporal that is away',
      [],
      { TEMPORAL_ADDRESS: '127.0.0.1:9' },
      /^Temporal at 127\.0\.0\.1:9 \(TEMPORAL_ADDRESS\) does not answer\.$/m,
    ],
    ['a database that is away', [], { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/x' }, /ECONNREFUSED/],
    ['an instant that is none', ['--since', 'yesterday'], {}, /must be an RFC 3339 instant/],
  ])('look: %s: a sentence, exit code 2', async (_, words, env, sentence) => {
    const { code, out, err } = await run(['rehydrate', ...words], env);
    expect(err).toMatch(sentence);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  test('start one: the others are started, exit code 1', async () => {
    const id = await subscribe(stack, MONTHLY);
    await lose(id);
    await stack.db.execute(sql`insert into subscriptions (id, customer_id, plan, interval, status, state, metadata, created_at)
      values ('sub_half', 'half', 'creator', 'month', 'incomplete', '{"status": "incomplete", "waiting": []}', '{}', now())`);
    await stack.db.execute(
      sql`insert into ledgers (subscription_id, status) values ('sub_half', 'incomplete')`,
    );
    const { code, out } = await run(['rehydrate']);
    expect(out).toMatch(
      /^started +1\nfailed +1\n {2}sub_half {2}its first step is not booked, and nobody asked for it$/m,
    );
    expect(code).toBe(1);
    expect((await stack.client.workflow.getHandle(workflowId(id)).describe()).status.name).toBe('RUNNING');
  });
});
