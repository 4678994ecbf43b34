import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publishCatalog } from '../../src/db/catalogs.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { expectInvariants } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { bodyOf, Driver, type Json } from './driver.ts';
import { hold } from './holding.ts';

// The law of the tags of balance and subscription: an equal tag means an equal body, but for `as_of`. The tag is made of versions
// and not of the body, so whatever changes the body must change a version: entries, steps, clocks, catalogues, and time alone.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await expectInvariants(stack.db);
  await stack.stop();
});

/** Looks at both routes again and again, and keeps the body of each tag. */
class Watcher {
  readonly driver: Driver;
  readonly bodies = new Map<string, string>();

  constructor(driver: Driver) {
    this.driver = driver;
  }

  async look(): Promise<void> {
    for (const below of ['', 'balance']) {
      const answer = await this.driver.get(below);
      const tag = `${below} ${answer.headers.get('ETag')}`;
      const { as_of: _, ...rest } = bodyOf(answer);
      const body = JSON.stringify(rest);
      expect([tag, this.bodies.get(tag) ?? body]).toEqual([tag, body]);
      this.bodies.set(tag, body);
    }
  }

  /** The different bodies of one route. */
  seen(below: '' | 'balance'): number {
    return new Set([...this.bodies].filter(([tag]) => tag.startsWith(`${below} `)).map(([, body]) => body))
      .size;
  }
}

const HOUR = 3_600_000;
const START = Date.parse('2026-01-31T00:00:00.000Z');

/** Moves the clock of the row alone: time goes on, and nothing is booked. */
const stand = (driver: Driver, at: number) =>
  stack.db.execute(
    sql`update ledgers set test_clock = ${new Date(at).toISOString()}::timestamptz where subscription_id = ${driver.id}`,
  );

type Deed = { do: string; n: number };

async function act(
  driver: Driver,
  { do: what, n }: Deed,
  clock: { at: number },
  made: Json[],
): Promise<void> {
  const at = () => new Date(clock.at).toISOString();
  if (what === 'spend') await driver.spend(n);
  if (what === 'hold') {
    const held = await driver.hold(n);
    if (held.status === 201) made.push(held.body as Json);
  }
  const held = made.at(-1);
  if (what === 'capture' && held) await driver.post(`holds/${held['id']}/capture`, {});
  if (what === 'release' && held) await driver.post(`holds/${held['id']}/release`, {});
  if (what === 'give')
    await driver.post('grants', {
      credits: n,
      expires_at: new Date(clock.at + n * 5 * HOUR).toISOString(),
      reason: 'r',
    });
  if (what === 'buy') await driver.post('purchases', { packs: 1 });
  if (what === 'top_up')
    await driver.put('top_up', { threshold: n * 10, packs: 1, monthly_ceiling_minor: 100_000 });
  if (what === 'cancel') await driver.post('cancel', { at: 'renewal' });
  if (what === 'resume') await driver.post('resume', {});
  if (what === 'change') await driver.post('change', { plan: n % 2 ? 'pro' : 'creator', interval: 'month' });
  if (what === 'stand') {
    clock.at += n * 12 * HOUR;
    await stand(driver, clock.at);
  }
  if (what === 'advance') {
    clock.at += n * 12 * HOUR;
    await driver.post('advance', { to: at() });
  }
}

const deed = fc.record({
  do: fc.constantFrom(
    ...[
      'spend',
      'spend',
      'hold',
      'capture',
      'release',
      'give',
      'buy',
      'top_up',
      'cancel',
      'resume',
      'change',
    ],
    ...['stand', 'stand', 'advance', 'advance'],
  ),
  n: fc.integer({ min: 1, max: 12 }),
});

describe('an equal tag means an equal body', () => {
  test('in random histories on a test clock', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 8, maxLength: 25 }), async (deeds) => {
        const driver = await Driver.open(stack);
        const watcher = new Watcher(driver);
        const clock = { at: START };
        const made: Json[] = [];
        await watcher.look();
        for (const each of deeds) {
          await act(driver, each, clock, made);
          await watcher.look();
        }
        // What `stand` skipped is booked before the ledger's invariants are checked.
        await driver.advance(new Date(clock.at + HOUR).toISOString());
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });

  /** Looks for some seconds of real time, with other members of the state and another end of the ledger. */
  async function lookWith(driver: Driver, state: Json, endsAt: number | null): Promise<Watcher> {
    const [before] = await stack.db.execute<{ state: Json }>(
      sql`select state from subscriptions where id = ${driver.id}`,
    );
    const put = (next: Json, ends: number | null) =>
      stack.db.execute(sql`
        with changed as (update subscriptions set state = ${JSON.stringify(next)}::jsonb where id = ${driver.id})
        update ledgers set ends_at = instant(${ends}::bigint) where subscription_id = ${driver.id}`);
    await put({ ...before!.state, ...state }, endsAt);
    const watcher = new Watcher(driver);
    const until = Date.now() + 2_500;
    while (Date.now() < until) await watcher.look();
    await put(before!.state, null);
    return watcher;
  }

  test('on real time: the scheduled end comes', async () => {
    const driver = await Driver.open(stack, { test_clock: undefined });
    const at = Date.now() + 1_000;
    const watcher = await lookWith(driver, { scheduled: { kind: 'cancel', at } }, at);
    expect(watcher.seen('balance')).toBe(2);
  });

  test('on real time: a top-up’s month and pause are over', async () => {
    const driver = await Driver.open(stack, { test_clock: undefined });
    const wish = { threshold: 10, packs: 1, pack: 'pack_300', monthlyCeilingMinor: 9_000 };
    const [notBefore, month] = [Date.now() + 800, Date.now() + 1_600];
    const topUp = { wish, bought: 1, spentMinor: 1_500, month, notBefore, skipped: null };
    expect((await lookWith(driver, { topUp }, null)).seen('')).toBe(3);
  });

  test('on real time: a grant expires and a deadline passes without a request', async () => {
    const driver = await Driver.open(stack, { test_clock: undefined });
    await driver.give(40, new Date(Date.now() + 2_000).toISOString());
    await hold(driver, 5, { expires_in_seconds: 1 });
    const watcher = new Watcher(driver);
    const until = Date.now() + 3_500;
    while (Date.now() < until) await watcher.look();
    // Held; released; without the grant; and perhaps its booking.
    expect(watcher.seen('balance')).toBeGreaterThanOrEqual(3);
  });

  test('under another catalogue', async () => {
    const driver = await Driver.open(stack);
    const watcher = new Watcher(driver);
    await watcher.look();
    const plans = DEFAULT_CATALOG.plans.map((plan) => ({
      ...plan,
      credits: plan.credits && plan.credits + 7,
    }));
    await publishCatalog(stack.db, { ...DEFAULT_CATALOG, version: 'etags-2', plans });
    const until = Date.now() + 3_000;
    while (Date.now() < until && watcher.seen('balance') < 2) await watcher.look();
    expect(watcher.seen('balance')).toBe(2);
  });
});
