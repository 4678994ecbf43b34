import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { askRefund, dropRefund, refundCharge } from '../../src/db/refunds.ts';
import { expectInvariants } from '../support/invariants.ts';
import { DAY, everythingOf, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// R-81 in the ledger alone. burndown.test.ts shows that the SQL takes and returns the same credits as the core.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterEach(() => expectInvariants(db));
afterAll(() => db.$client.end());

/** A pack of 300 for 1,500. */
async function withPack(): Promise<{ ledger: RawLedger; chargeId: string }> {
  const ledger = await RawLedger.open(db);
  const { chargeId } = await ledger.grant({ kind: 'pack', credits: 300, to: T0 + DAY });
  return { ledger, chargeId: chargeId! };
}

const asking = (charge: string, id: string, amount: number | null) => ({
  id,
  charge,
  bodyHash: `body of ${id}`,
  amount,
  reason: 'r',
});

test('a repeated or older report changes nothing', async () => {
  const { ledger, chargeId } = await withPack();
  const say = (toMinor: number) => refundCharge(db, ledger.id, { chargeId, kind: 'refund', toMinor });
  expect(await say(750)).toMatchObject({ answer: { revoked: 150, refunded_minor: 750 } });
  const before = await everythingOf(db, ledger.id);
  for (const sum of [750, 1, 749]) expect(await say(sum)).toMatchObject({ answer: { revoked: 0 } });
  expect(await everythingOf(db, ledger.id)).toEqual(before);
});

test('a higher report takes the difference alone', async () => {
  const { ledger, chargeId } = await withPack();
  const say = (toMinor: number) => refundCharge(db, ledger.id, { chargeId, kind: 'refund', toMinor });
  expect(await say(300)).toMatchObject({ answer: { revoked: 60 } });
  expect(await say(600)).toMatchObject({ answer: { revoked: 60 } });
});

test('50 copies at once: one effect', async () => {
  const { ledger, chargeId } = await withPack();
  const said = Array.from({ length: 50 }, () =>
    refundCharge(db, ledger.id, { chargeId, kind: 'refund', toMinor: 1_000 }),
  );
  const revoked = (await Promise.all(said)).map((booked) =>
    booked.kind === 'ok' ? booked.answer.revoked : -1,
  );
  expect(revoked.sort((a, b) => b - a)).toEqual([200, ...Array(49).fill(0)]);
});

test('of a charge that is not settled nothing is booked; of one that is not there either', async () => {
  const { ledger, chargeId } = await withPack();
  const [{ id }, waiting] = [ledger, `${chargeId}_w`];
  await ledger.book({ charge: { ...ledger.purchase(300, T0), id: waiting }, outcome: 'pending' });
  const before = await everythingOf(db, id);
  const said = { kind: 'refund', toMinor: 1_500 } as const;
  expect(await refundCharge(db, id, { chargeId: waiting, ...said })).toEqual({ kind: 'pending' });
  expect(await refundCharge(db, id, { chargeId: 'chg_missing', ...said })).toEqual({ kind: 'unknown' });
  expect(await askRefund(db, id, asking(waiting, 'rfd_w', null))).toEqual({ kind: 'unpaid' });
  expect(await everythingOf(db, id)).toEqual(before);
});

test('one refund of a charge is under way at a time; one that billing refused leaves nothing', async () => {
  const { ledger, chargeId } = await withPack();
  const { id } = ledger;
  const first = await askRefund(db, id, asking(chargeId, 'rfd_1', 1_000));
  expect(first).toMatchObject({
    kind: 'asked',
    refund: { amount_minor: 1_000, to_minor: 1_000, answer: null },
  });
  expect(await askRefund(db, id, asking(chargeId, 'rfd_1', 1_000))).toEqual(first);
  expect(await askRefund(db, id, { ...asking(chargeId, 'rfd_1', 2), bodyHash: 'another' })).toEqual({
    kind: 'reused',
  });
  expect(await askRefund(db, id, asking(chargeId, 'rfd_2', null))).toMatchObject({
    kind: 'other',
    refund: { id: 'rfd_1' },
  });
  await dropRefund(db, id, 'rfd_1');
  expect(await askRefund(db, id, asking(chargeId, 'rfd_2', 1_501))).toEqual({ kind: 'exceeds', left: 1_500 });
  expect(await askRefund(db, id, asking(chargeId, 'rfd_2', null))).toMatchObject({
    kind: 'asked',
    refund: { amount_minor: 1_500 },
  });
  const done = await refundCharge(db, id, { chargeId, kind: 'refund', id: 'rfd_2' });
  expect(done).toMatchObject({ kind: 'ok', answer: { revoked: 300, refunded_minor: 1_500 } });
  expect(await refundCharge(db, id, { chargeId, kind: 'refund', id: 'rfd_2' })).toEqual(done);
  await dropRefund(db, id, 'rfd_2');
  expect(await askRefund(db, id, asking(chargeId, 'rfd_2', null))).toMatchObject({ kind: 'done' });
});

test('billing’s word that came before our own record of the same refund is one effect with it', async () => {
  const { ledger, chargeId } = await withPack();
  await askRefund(db, ledger.id, asking(chargeId, 'rfd_1', 750));
  const said = await refundCharge(db, ledger.id, { chargeId, kind: 'refund', toMinor: 750 });
  expect(said).toMatchObject({ answer: { revoked: 150 } });
  const booked = await refundCharge(db, ledger.id, { chargeId, kind: 'refund', id: 'rfd_1' });
  expect(booked).toMatchObject({ answer: { refunded_minor: 750, revoked: 150 } });
});
