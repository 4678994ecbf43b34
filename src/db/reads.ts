import { and, asc, eq, gt, sql } from 'drizzle-orm';
import type { Instant } from '../domain/calendar.ts';
import type { State, Status } from '../domain/state.ts';
import type { OpenHold } from '../domain/timeline.ts';
import type { Database } from './client.ts';
import type { LedgerBalance } from './ledger.ts';
import { type Page, paged, type Within } from './paging.ts';
import { LIST_ID, LIST_NOW, type Listed, listBelow, listBeside, ofPage } from './reading/lists.ts';
import { besideLedger } from './reading/statements.ts';
import { charges, entries, grants, holds, ledgers, replies, subscriptions, usages } from './schema.ts';

// The API's reads. Each is a single statement on one subscription, except the list of subscriptions and those of a customer.

/** A subscription with its ledger's row. */
export interface SubscriptionRow {
  state: State;
  metadata: Record<string, string>;
  version: number;
  /** The subscription's now at the read: its test clock, or the database's clock. */
  now: Instant;
  /** the frozen instant; null on real time. */
  testClock: Instant | null;
  /** the earliest deadline that an open hold can have; null when none is open. */
  nextDeadline: Instant | null;
}

const ms = (date: Date): Instant => date.getTime();

/** The columns of a `SubscriptionRow`. */
export const SUBSCRIPTION = {
  state: subscriptions.state,
  metadata: subscriptions.metadata,
  version: ledgers.seq,
  now: sql<string>`ms(ledger_now(${ledgers.testClock}))`,
  testClock: ledgers.testClock,
  nextDeadline: ledgers.nextDeadline,
};
/** A row of those columns. */
export const toRow = <Row extends { now: string; testClock: Date | null; nextDeadline: Date | null }>(
  row: Row,
) => ({
  ...row,
  now: Number(row.now),
  testClock: row.testClock && ms(row.testClock),
  nextDeadline: row.nextDeadline && ms(row.nextDeadline),
});

interface WireRow {
  state: State;
  metadata: Record<string, string>;
  version: string;
  now: string;
  test_clock: string | null;
  next_deadline: string | null;
}

/**
 * A subscription with its ledger's row; undefined when it does not exist. Nearly every request reads it, also each refusal for
 * lack of credits, so it goes to the driver directly, which prepares it once a connection.
 */
export async function readSubscription(db: Database, id: string): Promise<SubscriptionRow | undefined> {
  const [row] = await db.$client<WireRow[]>`
    select s.state, s.metadata, l.seq as version, ms(ledger_now(l.test_clock)) as now, ms(l.test_clock) as test_clock,
      ms(l.next_deadline) as next_deadline
    from subscriptions s join ledgers l on l.subscription_id = s.id where s.id = ${id}`;
  return row && rowOf(row);
}

const rowOf = (row: WireRow): SubscriptionRow => ({
  state: row.state,
  metadata: row.metadata,
  version: Number(row.version),
  now: Number(row.now),
  testClock: instantOf(row.test_clock),
  nextDeadline: instantOf(row.next_deadline),
});

/** An instant of the driver, whose milliseconds are text. */
export const instantOf = (wire: string | null): Instant | null => (wire === null ? null : Number(wire));

/** One page of the subscriptions, by id, and one row more. */
export async function listSubscriptions(
  db: Database,
  filter: { customerId: string | undefined; status: Status | undefined },
  page: Page,
): Promise<SubscriptionRow[]> {
  const { customerId, status } = filter;
  const ofCustomer: Within = customerId === undefined ? [] : [[subscriptions.customerId, customerId]];
  const ofStatus: Within = status === undefined ? [] : [[subscriptions.status, status]];
  // One customer has few subscriptions, so their status needs no index.
  const within = customerId === undefined ? ofStatus : ofCustomer;
  const also =
    customerId === undefined || status === undefined ? undefined : eq(subscriptions.status, status);
  const { where, order, limit } = paged([subscriptions.id], page, within);
  const rows = await db
    .select(SUBSCRIPTION)
    .from(subscriptions)
    .innerJoin(ledgers, eq(ledgers.subscriptionId, subscriptions.id))
    .where(and(where, also))
    .orderBy(...order)
    .limit(limit);
  return rows.map(toRow);
}

/** A customer's subscriptions. */
export interface CustomerRows {
  /** The one that has not ended, with its balance now; null without one. */
  live: { row: SubscriptionRow; balance: LedgerBalance } | null;
  /** The last ended ones, newest first. */
  ended: SubscriptionRow[];
}

interface CustomerWireRow extends WireRow, Record<string, unknown> {
  balance: LedgerBalance | null;
}

/**
 * The subscription of a customer that has not ended, its balance, and at most `most` ended ones. One statement, so that the
 * balance is that of the row beside it. A customer is known by subscriptions only: an unknown one has none.
 */
export async function readCustomer(db: Database, customerId: string, most: number): Promise<CustomerRows> {
  // A range, for the reason that paging.ts gives: the index of the customer has the order. The lateral query reads no other ledger.
  const rows = await db.execute<CustomerWireRow>(sql`
    select s.state, s.metadata, l.seq as version, ms(ledger_now(l.test_clock)) as now, ms(l.test_clock) as test_clock,
      ms(l.next_deadline) as next_deadline,
      case when s.status <> 'ended' then balance_at(s.id, null) end as balance
    from (
      (select id, status, state, metadata from subscriptions where customer_id = ${customerId} and status <> 'ended')
      union all
      (select id, status, state, metadata from subscriptions
       where customer_id >= ${customerId} and customer_id <= ${customerId} and status = 'ended'
       order by customer_id desc, id desc limit ${most})
    ) s
    cross join lateral (select seq, test_clock, next_deadline from ledgers where subscription_id = s.id limit 1) l
    order by s.id desc`);
  const live = rows.find(({ balance }) => balance !== null);
  return {
    live: live ? { row: rowOf(live), balance: live.balance! } : null,
    ended: rows.filter((row) => row !== live).map(rowOf),
  };
}

/** A row of `grants`. */
export type GrantRow = typeof grants.$inferSelect;
/** A row of `charges`. */
export type ChargeRow = typeof charges.$inferSelect;
/** A row of `usages`. */
export type UsageRow = typeof usages.$inferSelect;
/** A row of `holds`. */
export type HoldRow = typeof holds.$inferSelect;

/** whether a grant can still be spent now, booked or not. */
const USABLE = sql`(${grants.open} and ${grants.expiresAt} > ${LIST_NOW}
  and (${ledgers.endsAt} is null or ${ledgers.endsAt} > ${LIST_NOW}))`;

const GRANTS = { table: grants, by: [grants.made] };
const ALL_GRANTS = { ...GRANTS, name: 'grants' };
const OPEN_GRANTS = { ...GRANTS, name: 'open grants', where: USABLE };
const CLOSED_GRANTS = { ...GRANTS, name: 'closed grants', where: sql`not ${USABLE}` };

/** One page of a subscription's grants, in the order of making, and one row more; null for an unknown subscription. */
export function listGrants(
  db: Database,
  id: string,
  open: boolean | undefined,
  page: Page,
): Promise<Listed<GrantRow> | null> {
  return listBelow(db, id, open === undefined ? ALL_GRANTS : open ? OPEN_GRANTS : CLOSED_GRANTS, page);
}

/** A grant; undefined when the subscription has none with this id. */
export async function readGrant(db: Database, id: string, grantId: string): Promise<GrantRow | undefined> {
  const [row] = await db
    .select()
    .from(grants)
    .where(and(eq(grants.subscriptionId, id), eq(grants.id, grantId)));
  return row;
}

/** The credits of the allowance that a paid charge brought; 0 where it brought none. */
export async function allowanceOf(db: Database, { subscriptionId, id }: ChargeRow): Promise<number> {
  const [row] = await db
    .select({ amount: grants.amount })
    .from(grants)
    .where(
      and(eq(grants.subscriptionId, subscriptionId), eq(grants.chargeId, id), eq(grants.kind, 'allowance')),
    );
  return row?.amount ?? 0;
}

const CHARGES = { name: 'charges', table: charges, by: [charges.step, charges.id] };

/** One page of a subscription's charges, in the order of their steps, and one row more; null for an unknown subscription. */
export const listCharges = (db: Database, id: string, page: Page): Promise<Listed<ChargeRow> | null> =>
  listBelow(db, id, CHARGES, page);

const PURCHASES = {
  ...CHARGES,
  name: 'purchases',
  where: eq(charges.kind, 'purchase'),
  // The grant's id is made of the purchase's.
  beside: {
    table: grants,
    on: and(
      eq(grants.subscriptionId, LIST_ID),
      eq(grants.id, sql`'grt_' || substr(${ofPage(charges.purchaseId)}, 5)`),
    ),
  },
};

/** One page of a subscription's purchases with their grants, in the order of their steps, and one row more; null as above. */
export const listPurchases = (db: Database, id: string, page: Page) => listBeside(db, id, PURCHASES, page);

/** A charge by its own or its purchase's id; undefined when the subscription has none. */
export async function readCharge(
  db: Database,
  id: string,
  wanted: { chargeId: string } | { purchaseId: string },
): Promise<ChargeRow | undefined> {
  const which =
    'chargeId' in wanted ? eq(charges.id, wanted.chargeId) : eq(charges.purchaseId, wanted.purchaseId);
  const [row] = await db
    .select()
    .from(charges)
    .where(and(eq(charges.subscriptionId, id), which));
  return row;
}

/** A charge by its id alone: billing knows no subscription. */
export async function findCharge(db: Database, chargeId: string): Promise<ChargeRow | undefined> {
  const [row] = await db.select().from(charges).where(eq(charges.id, chargeId));
  return row;
}

const USAGES = { name: 'usages', table: usages, by: [usages.id] };

/** One page of a subscription's usages, by id, and one row more; null for an unknown subscription. */
export const listUsages = (db: Database, id: string, page: Page): Promise<Listed<UsageRow> | null> =>
  listBelow(db, id, USAGES, page);

/** A usage; undefined when the subscription has none with this id. */
export async function readUsage(db: Database, id: string, usageId: string): Promise<UsageRow | undefined> {
  const [row] = await db
    .select()
    .from(usages)
    .where(and(eq(usages.subscriptionId, id), eq(usages.id, usageId)));
  return row;
}

const HOLDS = { name: 'holds', table: holds, by: [holds.id] };

/** One page of a subscription's holds, by id, and one row more; null for an unknown subscription. */
export const listHolds = (db: Database, id: string, page: Page): Promise<Listed<HoldRow> | null> =>
  listBelow(db, id, HOLDS, page);

/** A hold; undefined when the subscription has none with this id. */
export async function readHold(db: Database, id: string, holdId: string): Promise<HoldRow | undefined> {
  const [row] = await db
    .select()
    .from(holds)
    .where(and(eq(holds.subscriptionId, id), eq(holds.id, holdId)));
  return row;
}

/** The open holds of a row of `ledgers`, as one value. */
export const OPEN_HOLDS = sql<OpenHold[]>`(
  select coalesce(json_agg(json_build_object('id', id, 'credits', credits, 'deadline', ms(deadline), 'debits', answer -> 'debits')
    order by deadline), '[]')
  from holds where holds.subscription_id = ledgers.subscription_id and status = 'held')`;

/** The open holds of a subscription, for a forecast. */
export async function openHolds(db: Database, id: string): Promise<OpenHold[]> {
  const [row] = await holdsStatement(db).execute({ id });
  return row?.holds ?? [];
}

const holdsStatement = besideLedger('holds', { holds: OPEN_HOLDS });

/** the answer to a key that succeeded on the ledger alone, and the hash of its body; undefined for a new key. */
export async function readReply(
  db: Database,
  id: string,
  digest: string,
): Promise<{ bodyHash: string; answer: unknown } | undefined> {
  const [row] = await db
    .select({
      bodyHash: replies.bodyHash,
      answer: sql<unknown>`coalesce(${replies.answer}, ${usages.answer}, ${holds.answer})`,
    })
    .from(replies)
    .leftJoin(usages, and(eq(usages.subscriptionId, id), eq(usages.id, replies.objectId)))
    .leftJoin(holds, and(eq(holds.subscriptionId, id), eq(holds.id, replies.objectId)))
    .where(eq(replies.digest, digest));
  return row;
}

/** One line of the answer to an advance. */
interface FiredRow {
  at: Instant;
  kind: 'refresh' | 'renewal' | 'expiry' | 'end';
  credits: number | null;
}

/** the work that became due since a version and a step, in the order of its instants. */
export async function firedSince(
  db: Database,
  id: string,
  fromSeq: number,
  fromStep: number,
): Promise<FiredRow[]> {
  const rows = await db.execute<{ at: string; kind: FiredRow['kind']; credits: number | null }>(sql`
    select ms(at)::float8 as at, kind, credits::float8 as credits from (
      select e.effective_at as at, 3 as rank, 'refresh' as kind, e.credits, e.seq from entries e
      join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
      where e.subscription_id = ${id} and e.seq > ${fromSeq} and e.kind = 'grant' and g.kind = 'allowance'
      union all
      select effective_at, 0, 'expiry', credits, seq from entries
      where subscription_id = ${id} and seq > ${fromSeq} and kind = 'expiry'
      union all
      select at, 1, 'end', (select sum(credits) from entries e where e.subscription_id = ${id} and e.kind = 'forfeiture'), 0
      from notes where subscription_id = ${id} and step >= ${fromStep} and kind = 'ended'
      union all
      select c.at, 2, 'renewal', (select sum(g.amount) from grants g
        where g.subscription_id = ${id} and g.charge_id = c.id and g.kind = 'pack'), c.step from charges c
      where c.subscription_id = ${id} and c.step >= ${fromStep} and c.kind = 'renewal'
    ) happened order by at, rank, seq`);
  return rows.map((row) => ({ at: Number(row.at), kind: row.kind, credits: row.credits }));
}

/** The credits of the first revocation of a grant after a version. */
export async function revokedSince(
  db: Database,
  id: string,
  grantId: string,
  fromSeq: number,
): Promise<number> {
  const rows = await db
    .select({ credits: entries.credits })
    .from(entries)
    .where(
      and(
        eq(entries.subscriptionId, id),
        eq(entries.grantId, grantId),
        eq(entries.kind, 'revocation'),
        gt(entries.seq, fromSeq),
      ),
    )
    .orderBy(asc(entries.seq))
    .limit(1);
  return -(rows[0]?.credits ?? 0);
}

/** the credits that the end of the subscription took. */
export async function forfeited(db: Database, id: string): Promise<number> {
  const [row] = await db
    .select({ credits: sql<string | null>`sum(${entries.credits})` })
    .from(entries)
    .where(and(eq(entries.subscriptionId, id), eq(entries.kind, 'forfeiture')));
  return 0 - Number(row?.credits ?? 0);
}

/** whether a customer ever had a trial. */
export async function hadTrial(db: Database, customerId: string): Promise<boolean> {
  const rows = await db
    .select({ id: subscriptions.id })
    .from(subscriptions)
    .where(and(eq(subscriptions.customerId, customerId), eq(subscriptions.trial, true)))
    .limit(1);
  return rows.length > 0;
}
