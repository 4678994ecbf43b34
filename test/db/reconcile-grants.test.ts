import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stem } from '../../src/domain/subscription.ts';
import { BentBooks, type Fault } from './bent-books.ts';

// A grant that lacks its reason is named: without its charge, beside it, of another amount, month or cycle.

const NAMES = ['monthly', 'annual', 'movedIn', 'enterprise', 'ended'] as const;
type Name = (typeof NAMES)[number];

let books: BentBooks<Name>;
beforeAll(async () => {
  books = await BentBooks.open([...NAMES]);
});
afterAll(() => books?.stack.stop());

/** A copy of another grant, with the given differences. */
const forged = (like: SQL, kind: string, cause: SQL | string, chargeId: string | null, at: SQL) => sql`
  insert into grants select subscription_id, id || 'x', ${kind}, amount, remaining, held, ${at}, ${at} + interval '1 day', made + 100,
    ${cause}, ${chargeId}, reason, taken, open from grants where id = ${like}`;
const same = sql`effective_at`;
const pack = (at: string) => `The pack of 300 credits of ${at}`;
const JAN = '2026-01-31T00:00:00.000Z';
const FEB = '2026-02-28T00:00:00.000Z';

test.each<Fault>([
  [
    'a pack without a charge',
    () => forged(sql`${books.grant('monthly', 'p0_1')}`, 'pack', 'forged', null, same),
    'R-30',
    () => `${pack(FEB)} names no charge.`,
  ],
  [
    'a pack of a charge that is not there',
    () => forged(sql`${books.grant('monthly', 'p0_1')}`, 'pack', 'forged', 'chg_nobody', same),
    'R-56',
    () => `${pack(FEB)} names chg_nobody, and there is no such charge.`,
  ],
  [
    'a second pack of a charge',
    () =>
      forged(sql`${books.grant('monthly', 'p0_1')}`, 'pack', 'forged', books.charge('monthly', 'r0_1'), same),
    'R-56',
    () => `${pack(FEB)} is a second one for ${books.charge('monthly', 'r0_1')}.`,
  ],
  [
    'a pack of a start',
    () =>
      forged(sql`${books.grant('monthly', 'p0_1')}`, 'pack', 'forged', books.charge('monthly', 's'), same),
    'R-56',
    () => `${pack(FEB)} was given for ${books.charge('monthly', 's')}, a start that sells none.`,
  ],
  [
    'an allowance of a month that nobody paid',
    () =>
      forged(
        sql`${books.grant('monthly', 'a0_1')}`,
        'allowance',
        `${stem(books.ids.monthly)}_a0_9`,
        null,
        sql`'2026-10-31'::timestamptz`,
      ),
    'R-56',
    () =>
      'The allowance of 200 credits of 2026-10-31T00:00:00.000Z names no charge, and no annual charge that is paid covers its cycle.',
  ],
  [
    'a refresh of a year that nobody paid',
    () =>
      forged(
        sql`${books.grant('movedIn', 'a0_16')}`,
        'allowance',
        `${stem(books.ids.movedIn)}_a0_37`,
        null,
        sql`'2028-02-29'::timestamptz`,
      ),
    'R-56',
    () =>
      'The allowance of 200 credits of 2028-02-29T00:00:00.000Z names no charge, and no annual charge that is paid covers its cycle.',
  ],
  [
    'a refresh in another month than its own',
    () =>
      sql`update grants set effective_at = effective_at + interval '10 days' where id = ${books.grant('annual', 'a0_2')}`,
    'R-10',
    () =>
      'The allowance of 200 credits of 2026-03-27T00:00:00.000Z is of cycle 2, which begins 2026-03-17T00:00:00.000Z.',
  ],
  [
    'a refresh of a wrong amount',
    () => sql`update grants set amount = 201 where id = ${books.grant('annual', 'a0_2')}`,
    'R-01',
    () =>
      'The allowance of 201 credits of 2026-03-17T00:00:00.000Z is what no catalogue gives to creator by the year.',
  ],
  [
    'an allowance of a wrong amount',
    () => sql`update grants set amount = 250 where id = ${books.grant('monthly', 'a0_1')}`,
    'R-20',
    () =>
      `The allowance of 250 credits of ${FEB} should be 200 credits: that is what ${books.charge('monthly', 'r0_1')} paid for.`,
  ],
  [
    'an allowance that names the charge of another cycle',
    () =>
      sql`update grants set cause = ${`${stem(books.ids.monthly)}_a0_9`} where id = ${books.grant('monthly', 'a0_1')}`,
    'R-56',
    () =>
      `The allowance of 200 credits of ${FEB} is of another cycle than ${books.charge('monthly', 'r0_1')}, which it names.`,
  ],
  [
    'an adjustment of a batch that did not grant it',
    () => sql`update grants set cause = 'gbt_nobody' where ${books.of('enterprise')} and kind = 'adjustment'`,
    'R-84',
    () => `The adjustment of 100 credits of ${JAN} names gbt_nobody, a batch that did not grant it.`,
  ],
  [
    'an adjustment of another amount than its batch grants',
    () => sql`
      with batch as (
        insert into grant_batches (id, credits, expires_at, reason, total) values ('gbt_x', 25, now(), 'sorry', 1)
      ), item as (
        insert into grant_batch_items (batch_id, subscription_id, grant_id, outcome)
        select 'gbt_x', subscription_id, id, 'granted' from grants where ${books.of('enterprise')} and kind = 'adjustment'
      )
      update grants set cause = 'gbt_x' where ${books.of('enterprise')} and kind = 'adjustment'`,
    'R-84',
    () => `The adjustment of 100 credits of ${JAN} should be 25 credits: that is what gbt_x grants.`,
  ],
  [
    'an adjustment without a reason',
    () => sql`update grants set reason = ' ' where ${books.of('enterprise')} and kind = 'adjustment'`,
    'R-36',
    () => `The adjustment of 100 credits of ${JAN} was issued without a reason.`,
  ],
])('%s', (_, bend, rule, problem) => books.expectNamed(bend(), rule, problem()));

test.each([
  ['declined', sql`status = 'declined'`, 'declined'],
  ['given up', sql`status = 'given_up'`, 'given up'],
])('a pack whose charge is %s', async (_, change, stands) => {
  const bend = sql`update charges set ${change} where ${books.of('ended')} and kind = 'purchase'`;
  const [found] = await books.foundAfter(bend);
  expect(found).toMatchObject({ table: 'grants', rule: 'R-35' });
  expect(found!.problem).toMatch(
    /^The pack of 300 credits .* was given for chg_\w+, a purchase that is .*\.$/,
  );
  expect(found!.problem).toContain(`that is ${stands}.`);
});

test('all allowances of a year whose charge was declined are told, and no others', async () => {
  const bend = sql`update charges set status = 'declined' where id = ${books.charge('annual', 'r0_12')}`;
  const found = await books.foundAfter(bend);
  expect(found.map(({ row }) => row).sort()).toEqual(
    ['a0_12', 'a0_13', 'a0_14', 'a0_15', 'p0_12'].map((rest) => books.grant('annual', rest)),
  );
  expect(found.map(({ rule }) => rule).sort()).toEqual(['R-41', 'R-41', 'R-56', 'R-56', 'R-56']);
});
