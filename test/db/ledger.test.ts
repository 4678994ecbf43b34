import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { publishCatalog } from '../../src/db/catalogs.ts';
import type { Database } from '../../src/db/client.ts';
import { abandonCommand, openCommand, readCommand } from '../../src/db/commands.ts';
import { balanceAt, bookStep, prepare, snapshot } from '../../src/db/ledger.ts';
import type { Instant } from '../../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { purchaseCharge } from '../../src/domain/charges.ts';
import { newId } from '../../src/ids.ts';
import { expectInvariants } from '../support/invariants.ts';
import {
  answerOf,
  bodyHash,
  DAY,
  everythingOf,
  HOUR,
  openDatabase,
  outcomeOf,
  RawLedger,
  T0,
} from './raw-ledger.ts';

// The ledger's functions by themselves: the statement decides about late, repeated and simultaneous calls.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterEach(() => expectInvariants(db));
afterAll(() => db.$client.end());

const everything = (id: string) => everythingOf(db, id);

async function available(ledger: RawLedger, at: Instant | null = null): Promise<number> {
  const found = await balanceAt(db, ledger.id, at);
  return found!.grants.reduce((sum, grant) => sum + grant.remaining, 0);
}

describe('a step of the workflow', () => {
  test('sent twice, with any content the second time, is booked once', async () => {
    const ledger = await RawLedger.open(db);
    const id = newId('grt');
    const granting = (credits: number) =>
      ledger.booking({
        effects: [
          {
            type: 'grant',
            id,
            kind: 'adjustment',
            credits,
            effectiveAt: T0,
            expiresAt: T0 + DAY,
            cause: 'x',
            chargeId: null,
            reason: null,
          },
        ],
      });
    const first = await bookStep(db, ledger.id, granting(100));
    const before = await everything(ledger.id);
    const second = await bookStep(db, ledger.id, granting(999));
    expect([first.kind, second.kind]).toEqual(['booked', 'replayed']);
    expect(second).toMatchObject({ version: 1, step: 2, grants: [{ id, amount: 100 }] });
    expect(await everything(ledger.id)).toEqual(before);
  });

  test('ten copies in flight are booked once', async () => {
    const ledger = await RawLedger.open(db);
    const booking = ledger.booking({
      effects: [
        {
          type: 'grant',
          id: newId('grt'),
          kind: 'adjustment',
          credits: 5,
          effectiveAt: T0,
          expiresAt: T0 + DAY,
          cause: 'x',
          chargeId: null,
          reason: null,
        },
      ],
    });
    // They meet at the lock of the ledger: nine connections wait, and the tenth copy waits for one.
    const copies = await db.transaction(async (tx) => {
      await tx.execute(sql`select from ledgers where subscription_id = ${ledger.id} for no key update`);
      const sent = Array.from({ length: 10 }, () => bookStep(db, ledger.id, booking));
      const waiting = async () => {
        const [row] = await tx.execute<{ n: number }>(
          sql`select count(*)::int as n from pg_locks where not granted`,
        );
        return row!.n;
      };
      await expect.poll(waiting, { timeout: 30_000 }).toBeGreaterThanOrEqual(9);
      return { sent };
    });
    const kinds = (await Promise.all(copies.sent)).map(({ kind }) => kind);
    expect(kinds.sort()).toEqual(['booked', ...Array.from({ length: 9 }, () => 'replayed')]);
    expect(await available(ledger)).toBe(5);
  });

  test('of a zombie that was overtaken changes nothing', async () => {
    const ledger = await RawLedger.open(db);
    const zombie = ledger.booking({
      effects: [{ type: 'forfeit', at: T0 }],
      state: { status: 'ended', endedAt: T0 },
    });
    await ledger.grant({ credits: 100, to: T0 + DAY });
    await ledger.stand(T0 + HOUR);
    const before = await everything(ledger.id);
    expect((await bookStep(db, ledger.id, zombie)).kind).toBe('replayed');
    expect(await everything(ledger.id)).toEqual(before);
  });

  test('that leaves a gap is a broken invariant: it raises and nothing is booked', async () => {
    const ledger = await RawLedger.open(db);
    const before = await everything(ledger.id);
    const gap = ledger.booking({ effects: [{ type: 'forfeit', at: T0 }] }, ledger.step + 2);
    await expect(bookStep(db, ledger.id, gap)).rejects.toThrow();
    expect(await everything(ledger.id)).toEqual(before);
  });

  test('for a ledger that does not exist raises', async () => {
    const ledger = await RawLedger.open(db);
    await expect(bookStep(db, newId('sub'), ledger.booking({}, 1))).rejects.toThrow();
  });

  test('decided with another catalogue than the one in force is stale and changes nothing', async () => {
    const ledger = await RawLedger.open(db);
    const before = await everything(ledger.id);
    const stale = ledger.booking({ catalogVersion: 'of yesterday', effects: [{ type: 'forfeit', at: T0 }] });
    expect(await bookStep(db, ledger.id, stale)).toEqual({ kind: 'stale', catalog: DEFAULT_CATALOG });
    expect(await everything(ledger.id)).toEqual(before);
  });

  test('R-07: a charge on record keeps its catalogue, though another came into force while billing was asked', async () => {
    const own = await openDatabase();
    const ledger = await RawLedger.open(own);
    const wanted = {
      purchaseId: newId('pur'),
      item: { pack: 'pack_300', quantity: 1 },
      paymentMethod: 'sandbox_ok',
    };
    const charge = purchaseCharge(ledger.booking().after.state, DEFAULT_CATALOG, T0, wanted);
    const booking = ledger.booking({ charge, outcome: 'paid' });
    const head = { ...booking, charge };
    expect(await prepare(own, ledger.id, head)).toEqual({ kind: 'prepared' });
    await publishCatalog(own, { ...DEFAULT_CATALOG, version: 'of tomorrow' });
    // The activity runs again after a crash, and then books the charge that was asked for.
    expect(await prepare(own, ledger.id, head)).toEqual({ kind: 'prepared' });
    expect(await bookStep(own, ledger.id, booking)).toMatchObject({ kind: 'booked', outcome: 'paid' });
    expect(await bookStep(own, ledger.id, ledger.booking({}, 3))).toMatchObject({ kind: 'stale' });
    await own.$client.end();
  });

  test('one wrong effect undoes the whole step', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY });
    const before = await everything(ledger.id);
    const effects = [{ type: 'forfeit', at: T0 }, { type: 'nonsense' }] as never;
    await expect(bookStep(db, ledger.id, ledger.booking({ effects }))).rejects.toThrow();
    expect(await everything(ledger.id)).toEqual(before);
  });
});

describe('a command’s row', () => {
  async function commandOf(ledger: RawLedger, key: string) {
    return openCommand(db, {
      scope: ledger.id,
      operation: 'cancel',
      key,
      bodyHash: 'hash',
      subscriptionId: ledger.id,
      objectId: newId('cmd'),
    });
  }

  test('abandoned before it was taken: no effect can follow', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY });
    const command = await commandOf(ledger, 'k');
    expect(await abandonCommand(db, command)).toBe(true);
    const before = await everything(ledger.id);
    const late = ledger.booking({ command, finish: true, effects: [{ type: 'forfeit', at: T0 }] });
    expect((await bookStep(db, ledger.id, late)).kind).toBe('abandoned');
    expect(await everything(ledger.id)).toEqual(before);
  });

  test('taken: it can’t be abandoned, and ends with its step', async () => {
    const ledger = await RawLedger.open(db);
    const command = await commandOf(ledger, 'k');
    await ledger.book({ command, finish: false });
    expect(await abandonCommand(db, command)).toBe(false);
    await ledger.book({ command, finish: true });
    expect((await readCommand(db, command))?.status).toBe('done');
  });

  test('repeated after it was abandoned: a new attempt; the old one has no effect any more', async () => {
    const ledger = await RawLedger.open(db);
    const first = await commandOf(ledger, 'k');
    await abandonCommand(db, first);
    const second = await commandOf(ledger, 'k');
    expect([first.attempt, second.attempt, second.status]).toEqual([1, 2, 'pending']);
    const of = (command: typeof first) => bookStep(db, ledger.id, ledger.booking({ command, finish: true }));
    expect((await of(first)).kind).toBe('abandoned');
    expect((await of(second)).kind).toBe('booked');
    ledger.step += 1;
    expect((await of(second)).kind, 'a finished command is not run again').toBe('abandoned');
  });
});

describe('I4: one grant for a cause', () => {
  test('the same cause under another id grants nothing', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY, cause: 'invoice_7' });
    await ledger.grant({ credits: 100, to: T0 + DAY, cause: 'invoice_7' });
    await ledger.grant({ credits: 100, to: T0 + 2 * DAY, cause: 'invoice_7' });
    expect(await available(ledger)).toBe(100);
  });

  test('the same id for another cause grants nothing', async () => {
    const ledger = await RawLedger.open(db);
    const id = newId('grt');
    await ledger.grant({ id, credits: 100, to: T0 + DAY, cause: 'a' });
    await ledger.grant({ id, credits: 100, to: T0 + DAY, cause: 'b' });
    expect(await available(ledger)).toBe(100);
  });

  test('not even after the first was spent, expired or revoked', async () => {
    const ledger = await RawLedger.open(db);
    const { id } = await ledger.grant({ credits: 100, to: T0 + DAY, cause: 'a' });
    await ledger.spend(40);
    await ledger.book({ effects: [{ type: 'revoke', grantId: id, at: T0, reason: 'r' }] });
    await ledger.grant({ credits: 100, to: T0 + DAY, cause: 'a' });
    expect(await available(ledger)).toBe(0);
  });

  test('the same cause in two subscriptions is two causes', async () => {
    const [a, b] = [await RawLedger.open(db), await RawLedger.open(db)];
    for (const ledger of [a, b]) await ledger.grant({ credits: 100, to: T0 + DAY, cause: 'a' });
    expect([await available(a), await available(b)]).toEqual([100, 100]);
  });
});

describe('I11: entries are append-only for the owner too', () => {
  test.each([
    ['update', sql`update entries set credits = credits + 1`],
    ['update of nothing that counts', sql`update entries set usage_id = 'x'`],
    ['delete', sql`delete from entries`],
    ['truncate', sql`truncate entries`],
    ['delete of a grant that entries name', sql`delete from grants`],
    ['truncate of grants', sql`truncate grants`],
    ['truncate with all that hangs on it', sql`truncate grants cascade`],
  ])('%s is refused', async (_, statement) => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY });
    const before = await everything(ledger.id);
    await expect(db.execute(statement)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('(I11)') },
    });
    expect(await everything(ledger.id)).toEqual(before);
  });
});

describe('R-12: the statement decides, though nothing was booked', () => {
  test('from effectiveAt on, no longer at expiresAt, on a test clock', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, from: T0 + 10, to: T0 + 20 });
    const outcomes: string[] = [];
    for (const at of [T0 + 9, T0 + 10, T0 + 19, T0 + 20]) {
      await ledger.stand(at);
      outcomes.push(`${at - T0} ${outcomeOf(await ledger.spend(1))} ${await available(ledger)}`);
    }
    expect(outcomes).toEqual([
      '9 insufficient_credits 0',
      '10 ok 99',
      '19 ok 98',
      '20 insufficient_credits 0',
    ]);
  });

  test('no longer at expiresAt, though nobody booked the expiry', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + HOUR });
    await ledger.drift(T0 + HOUR - 1);
    expect(outcomeOf(await ledger.spend(1))).toBe('ok');
    await ledger.drift(T0 + HOUR);
    expect(outcomeOf(await ledger.spend(1))).toBe('insufficient_credits');
  });

  test('on the database’s clock', async () => {
    const ledger = await RawLedger.live(db);
    await ledger.grant({ credits: 100, from: Date.now() - DAY, to: Date.now() - HOUR });
    await ledger.grant({ credits: 100, from: Date.now() + HOUR, to: Date.now() + DAY });
    expect(outcomeOf(await ledger.spend(1))).toBe('insufficient_credits');
    await ledger.grant({ credits: 7, from: Date.now() - DAY, to: Date.now() + DAY });
    expect(await ledger.spend(8)).toMatchObject({ kind: 'insufficient_credits', available: 7, held: 0 });
    expect(outcomeOf(await ledger.spend(7))).toBe('ok');
  });

  test('nothing can be spent at a scheduled end or after, though the end is not booked', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY });
    const end = T0 + HOUR;
    await ledger.book({ state: { scheduled: { kind: 'cancel', at: end } } });
    const outcomes: string[] = [];
    for (const at of [end - 1, end, end + 1]) {
      await ledger.stand(at);
      outcomes.push(`${outcomeOf(await ledger.spend(1))} ${await available(ledger)}`);
    }
    expect(outcomes).toEqual(['ok 99', 'subscription_not_active 0', 'subscription_not_active 0']);
  });

  test('nor on the database’s clock', async () => {
    const ledger = await RawLedger.live(db);
    await ledger.grant({ credits: 100, to: Date.now() + DAY });
    await ledger.book({ state: { scheduled: { kind: 'cancel', at: Date.now() - 1 } } });
    expect(outcomeOf(await ledger.spend(1))).toBe('subscription_not_active');
    expect(outcomeOf(await ledger.spend(0)), 'R-62: not even for nothing').toBe('subscription_not_active');
  });

  test.each(['incomplete', 'ended'] as const)('nothing is spent while %s', async (status) => {
    const ledger = await RawLedger.open(db);
    await ledger.book({ state: { status, endedAt: status === 'ended' ? T0 : null } });
    expect(outcomeOf(await ledger.spend(0))).toBe('subscription_not_active');
  });
});

describe('R-50: the end', () => {
  test('credits that had expired by then expire, the rest is forfeited, and nothing is left', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ kind: 'allowance', credits: 10, to: T0 + HOUR });
    await ledger.grant({ kind: 'pack', credits: 20, to: T0 + DAY });
    await ledger.end(T0 + 2 * HOUR);
    const rows = await db.execute(
      sql`select kind, credits::int, ms(effective_at)::float8 - ${T0} as at from entries where subscription_id = ${ledger.id} order by seq`,
    );
    expect([...rows]).toEqual([
      { kind: 'grant', credits: 10, at: 0 },
      { kind: 'grant', credits: 20, at: 0 },
      { kind: 'expiry', credits: -10, at: HOUR },
      { kind: 'forfeiture', credits: -20, at: 2 * HOUR },
    ]);
    expect(outcomeOf(await ledger.spend(1))).toBe('subscription_not_active');
  });

  test('R-82: only an adjustment can be revoked, and only once', async () => {
    const ledger = await RawLedger.open(db);
    const { id: pack } = await ledger.grant({ kind: 'pack', credits: 20, to: T0 + DAY });
    const { id: gift } = await ledger.grant({ credits: 30, to: T0 + DAY });
    for (const grantId of [pack, gift, gift])
      await ledger.book({ effects: [{ type: 'revoke', grantId, at: T0, reason: 'r' }] });
    expect(await available(ledger)).toBe(20);
    expect((await snapshot(db, ledger.id))?.version).toBe(3);
  });
});

describe('a spend', () => {
  test('R-41: blocked while past due is refused, and a replay still answers', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY });
    const first = await ledger.spend(1, { key: 'k' });
    const after = { ...ledger.booking({ state: { status: 'past_due' } }).after, blocked: true };
    await ledger.book({ after });
    const before = await everything(ledger.id);
    expect(outcomeOf(await ledger.spend(1))).toBe('payment_past_due');
    expect(await ledger.spend(1, { key: 'k' })).toEqual({ ...first, kind: 'replay' });
    expect(await everything(ledger.id)).toEqual(before);
  });

  test('R-41: while past due and not blocked goes on', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY });
    await ledger.book({ state: { status: 'past_due' } });
    expect(outcomeOf(await ledger.spend(1))).toBe('ok');
  });

  test('R-61, R-63: one credit more than there is takes nothing; all there is leaves zero', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ kind: 'allowance', credits: 60, to: T0 + DAY });
    await ledger.grant({ kind: 'pack', credits: 40, to: T0 + DAY });
    const before = await everything(ledger.id);
    expect(await ledger.spend(101)).toEqual({
      kind: 'insufficient_credits',
      at: T0,
      available: 100,
      held: 0,
    });
    expect(await everything(ledger.id)).toEqual(before);
    const spent = answerOf(await ledger.spend(100));
    expect(spent.debits.map(({ kind, credits }) => `${kind} ${credits}`)).toEqual([
      'allowance 60',
      'pack 40',
    ]);
    expect(spent.balance).toEqual({ available: 0, held: 0 });
    expect(outcomeOf(await ledger.spend(1))).toBe('insufficient_credits');
    expect(outcomeOf(await ledger.spend(0)), 'R-62: nothing for nothing').toBe('ok');
  });

  test('R-63: the largest grant there can be is spent to the credit', async () => {
    const ledger = await RawLedger.open(db);
    const most = Number.MAX_SAFE_INTEGER;
    await ledger.grant({ credits: most, to: T0 + DAY });
    expect(answerOf(await ledger.spend(most - 1)).balance.available).toBe(1);
    expect(outcomeOf(await ledger.spend(2))).toBe('insufficient_credits');
    expect(answerOf(await ledger.spend(1)).balance.available).toBe(0);
  });

  test('R-65: the same key answers the same bytes, after changes and after the end; another body is told', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY });
    const first = await ledger.spend(30, { key: 'k' });
    const again = () => ledger.spend(30, { key: 'k' });
    const replay = { ...first, kind: 'replay' };
    expect(await again()).toEqual(replay);
    await ledger.spend(30);
    await ledger.stand(T0 + 2 * DAY);
    expect(await again()).toEqual(replay);
    await ledger.end();
    expect(await again()).toEqual(replay);
    expect(outcomeOf(await ledger.spend(30, { key: 'k', bodyHash: bodyHash('another') }))).toBe('reused');
  });

  test('R-65: a refusal leaves the key free', async () => {
    const ledger = await RawLedger.open(db);
    const request = ledger.request(10);
    expect(outcomeOf(await ledger.spend(10, request))).toBe('insufficient_credits');
    await ledger.grant({ credits: 10, to: T0 + DAY });
    expect(outcomeOf(await ledger.spend(10, request))).toBe('ok');
    expect(outcomeOf(await ledger.spend(10, request))).toBe('replay');
  });

  test('R-65: one key in two subscriptions is two requests', async () => {
    for (const ledger of [await RawLedger.open(db), await RawLedger.open(db)]) {
      await ledger.grant({ credits: 10, to: T0 + DAY });
      expect(outcomeOf(await ledger.spend(10, { key: 'k' }))).toBe('ok');
    }
  });

  test('R-08: priced with a catalogue that is not in force is stale; a replay still answers', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 10, to: T0 + DAY });
    await ledger.spend(1, { key: 'k' });
    const before = await everything(ledger.id);
    expect(outcomeOf(await ledger.spend(1, { catalogVersion: 'of tomorrow' }))).toBe('stale');
    expect(outcomeOf(await ledger.spend(1, { key: 'k', catalogVersion: 'of tomorrow' }))).toBe('replay');
    expect(await everything(ledger.id)).toEqual(before);
  });

  test('of a subscription there is not', async () => {
    const ledger = await RawLedger.open(db);
    Object.defineProperty(ledger, 'id', { value: newId('sub') });
    expect(outcomeOf(await ledger.spend(1))).toBe('not_found');
  });
});

describe('I13: the balance at an instant', () => {
  test('in the past is what it was then, after any later events', async () => {
    const ledger = await RawLedger.open(db);
    const at = (h: number) => T0 + h * HOUR;
    await ledger.grant({ kind: 'allowance', credits: 100, to: at(10) });
    await ledger.stand(at(2));
    await ledger.spend(30);
    await ledger.stand(at(4));
    await ledger.grant({ kind: 'pack', credits: 50, to: at(20) });
    await ledger.stand(at(12)); // The allowance expired at 10, and nobody booked it.
    await ledger.spend(5);
    await ledger.end(at(14));
    const seen: string[] = [];
    for (const h of [-1, 0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15])
      seen.push(`${h}: ${await available(ledger, at(h))}`);
    expect(seen).toEqual([
      '-1: 0',
      '0: 100',
      '1: 100',
      '2: 70',
      '3: 70',
      '4: 120',
      '9: 120',
      '10: 50',
      '11: 50',
      '12: 45',
      '13: 45',
      '14: 0',
      '15: 0',
    ]);
  });

  test('at an instant of several events is that after the last of them', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY });
    await ledger.spend(10);
    await ledger.grant({ credits: 5, to: T0 + DAY });
    await ledger.spend(1);
    await ledger.stand(T0 + 1);
    await ledger.spend(50);
    expect([
      await available(ledger, T0 - 1),
      await available(ledger, T0),
      await available(ledger, T0 + 1),
    ]).toEqual([0, 94, 44]);
  });

  test('R-13: a grant booked late counts from its boundary on', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.stand(T0 + 5 * HOUR);
    expect(await available(ledger, T0 + 2 * HOUR)).toBe(0);
    await ledger.grant({ credits: 100, from: T0 + HOUR, to: T0 + DAY });
    expect([await available(ledger, T0 + HOUR - 1), await available(ledger, T0 + HOUR)]).toEqual([0, 100]);
  });

  test('a scheduled end counts in the future and not before', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 100, to: T0 + DAY });
    await ledger.book({ state: { scheduled: { kind: 'cancel', at: T0 + HOUR } } });
    expect([
      await available(ledger),
      await available(ledger, T0 + HOUR - 1),
      await available(ledger, T0 + HOUR),
    ]).toEqual([100, 100, 0]);
  });

  test('of a ledger there is not is nothing', async () => {
    expect(await balanceAt(db, newId('sub'), null)).toBeNull();
  });
});

describe('R-07, R-08: catalogues', () => {
  test('other content under a known version is refused', async () => {
    const edited = { ...DEFAULT_CATALOG, currency: 'EUR' };
    await expect(publishCatalog(db, edited)).rejects.toThrow(/new version/);
  });

  test('one that lacks a plan with live subscriptions is refused', async () => {
    await RawLedger.open(db);
    const plans = DEFAULT_CATALOG.plans.filter(({ id }) => id !== 'creator');
    await expect(publishCatalog(db, { ...DEFAULT_CATALOG, version: 'without', plans })).rejects.toThrow(
      /no plan creator by the month/,
    );
  });
});
