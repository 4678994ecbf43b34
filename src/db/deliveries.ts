import { sql } from 'drizzle-orm';
import type { Failure, RecordedEvent } from '../domain/events.ts';
import type { Database } from './client.ts';
import { isOf, noFailure, type Round } from './failures.ts';

// The way of events to endpoints: rows from events (`spread`), workflows from rows (`claimDeliveries`), attempts in
// workflows.

/** One run of a delivery. A replay is another run, and the results of the run before count no more. */
export interface DeliveryRef {
  eventId: string;
  endpointId: string;
  run: number;
}

const EVENT = { text: sql`e.nth::text`, column: sql`e.nth`, found: sql`f.key::bigint` };

/** The numbers of events that have no deliveries yet, oldest first. */
export async function waitingEvents(db: Database, limit: number, round: Round = 'fresh'): Promise<number[]> {
  const rows = await db.execute<{ nth: number }>(sql`
    select e.nth::int as nth from events e where e.relayed_at is null and ${isOf(round, 'event', EVENT)} order by e.nth limit ${limit}`);
  return rows.map(({ nth }) => nth);
}

/**
 * Makes the deliveries of some events, or of at most so many, oldest first, in one statement: one for each endpoint that is
 * enabled, wants the type, and existed when the event was recorded. An event that no endpoint wants is done with that, too.
 */
export async function spread(db: Database, which: number | number[]): Promise<void> {
  const some =
    typeof which === 'number'
      ? sql`${isOf('fresh', 'event', EVENT)} order by e.nth limit ${which}`
      : sql`e.nth in (${sql.join(which, sql`, `)}) order by e.nth`;
  await db.execute(sql`
    with waiting as (
      select e.nth, e.id, e.type, e.recorded_at from events e where e.relayed_at is null and ${some} for update of e skip locked
    ), made as (
      insert into deliveries (event_id, endpoint_id)
      select w.id, p.id from waiting w
      join webhook_endpoints p on p.disabled_at is null and p.created_at <= w.recorded_at
        and (p.types is null or w.type = any (p.types))
      order by w.nth on conflict do nothing
    ), mended as (
      delete from failures where kind = 'event' and key in (select nth::text from waiting)
    )
    update events set relayed_at = clock_timestamp() from waiting where events.nth = waiting.nth`);
}

/** A delivery without a workflow, claimed by this relay. */
export interface ClaimedDelivery extends DeliveryRef {
  type: string;
  /** The trace that its event carries on; null where there is none. */
  trace: string | null;
}

/** The key of a delivery among the failures, the same for all its runs. */
export const deliveryKey = ({ eventId, endpointId }: DeliveryRef): string => `${eventId}/${endpointId}`;
const DELIVERY = {
  text: sql`d.event_id || '/' || d.endpoint_id`,
  column: sql`(d.event_id, d.endpoint_id)`,
  found: sql`split_part(f.key, '/', 1), split_part(f.key, '/', 2)`,
};

/** Claims deliveries without a workflow for 30 s: when a relay dies, the next takes them. New ones come before replays. */
export async function claimDeliveries(
  db: Database,
  limit: number,
  round: Round = 'fresh',
): Promise<ClaimedDelivery[]> {
  const rows = await db.execute<{
    event_id: string;
    endpoint_id: string;
    run: number;
    type: string;
    trace: string | null;
  }>(sql`
    with due as (
      select d.event_id, d.endpoint_id from deliveries d
      where d.started_at is null and (d.claimed_until is null or d.claimed_until < clock_timestamp())
        and ${isOf(round, 'delivery', DELIVERY)}
      order by d.run, d.created_at, d.event_id limit ${limit} for update of d skip locked
    )
    update deliveries d set claimed_until = clock_timestamp() + interval '30 seconds'
    from due where d.event_id = due.event_id and d.endpoint_id = due.endpoint_id
    returning d.event_id, d.endpoint_id, d.run,
      coalesce((select e.type from events e where e.id = d.event_id), 'an event that is gone') as type,
      (select e.trace from events e where e.id = d.event_id) as trace`);
  return rows.map(({ event_id: eventId, endpoint_id: endpointId, run, type, trace }) => ({
    eventId,
    endpointId,
    run,
    type,
    trace,
  }));
}

/** Marks a delivery as started, only after the call to Temporal returned. */
export async function markStarted(db: Database, delivery: DeliveryRef): Promise<void> {
  const { eventId, endpointId, run } = delivery;
  await db.execute(sql`
    ${noFailure('delivery', deliveryKey(delivery))} update deliveries set started_at = clock_timestamp()
    where event_id = ${eventId} and endpoint_id = ${endpointId} and run = ${run} and started_at is null`);
}

/** Ends the claim of a delivery that was not started. */
export async function unclaimDelivery(
  db: Database,
  { eventId, endpointId, run }: DeliveryRef,
): Promise<void> {
  await db.execute(sql`
    update deliveries set claimed_until = null
    where event_id = ${eventId} and endpoint_id = ${endpointId} and run = ${run} and started_at is null`);
}

/** The data of one attempt. `endpoint` is null when it was deleted. */
export interface DeliveryAttempt {
  attempt: number;
  event: RecordedEvent;
  endpoint: { url: string; secrets: string[]; disabled: boolean } | null;
}

interface AttemptRow extends Record<string, unknown> {
  attempt: number;
  type: string;
  at: string;
  data: Record<string, unknown>;
  subscription_id: string;
  customer_id: string | null;
  url: string | null;
  secret: string;
  previous_secret: string | null;
  disabled: boolean;
}

/** Counts an attempt before it is made, so that attempts end. null when the run has ended, or had all of them. */
export async function beginAttempt(
  db: Database,
  { eventId, endpointId, run }: DeliveryRef,
  most: number,
): Promise<DeliveryAttempt | null> {
  const [row] = await db.execute<AttemptRow>(sql`
    with begun as (
      update deliveries set attempts = attempts + 1
      where event_id = ${eventId} and endpoint_id = ${endpointId} and run = ${run}
        and status = 'pending' and attempts < ${most}
      returning event_id, endpoint_id, attempts
    )
    select b.attempts as attempt, e.type, ms(e.at) as at, e.data, e.subscription_id, s.customer_id, p.url, p.secret,
      case when p.previous_until > clock_timestamp() then p.previous_secret end as previous_secret,
      p.disabled_at is not null as disabled
    from begun b
    join events e on e.id = b.event_id
    left join subscriptions s on s.id = e.subscription_id
    left join webhook_endpoints p on p.id = b.endpoint_id`);
  return row ? attemptOf(row) : null;
}

function attemptOf(row: AttemptRow): DeliveryAttempt {
  const { attempt, type, at, data, subscription_id: subscriptionId, customer_id: customerId } = row;
  const { url, secret, previous_secret: previous, disabled } = row;
  return {
    attempt,
    event: { type, at: Number(at), subscriptionId, customerId, data },
    endpoint:
      url === null ? null : { url, secrets: previous === null ? [secret] : [secret, previous], disabled },
  };
}

/** The outcome of one attempt, to be recorded. */
export interface Noted {
  status: 'pending' | 'delivered' | 'failed';
  /** The HTTP status of the answer, if there was one. */
  answer: number | null;
  failure: Failure | null;
}

/**
 * Records the outcome of an attempt. A run that has ended, or was followed by another, stays as it is. An endpoint that
 * answers
 * 410 is disabled by the same statement.
 */
export async function noteAttempt(
  db: Database,
  { eventId, endpointId, run }: DeliveryRef,
  { status, answer, failure }: Noted,
): Promise<void> {
  await db.execute(sql`
    with noted as (
      update deliveries set status = ${status}, response_status = ${answer}::int, failure = ${failure}::text,
        ended_at = case when ${status} <> 'pending' then clock_timestamp() end
      where event_id = ${eventId} and endpoint_id = ${endpointId} and run = ${run} and status = 'pending'
      returning endpoint_id
    )
    update webhook_endpoints set disabled_at = clock_timestamp()
    where ${failure === 'gone'} and disabled_at is null and id in (select endpoint_id from noted)`);
}

const AGAIN = sql`status = 'pending', run = deliveries.run + 1, attempts = 0, response_status = null, failure = null,
  ended_at = null, claimed_until = null, started_at = null`;

/**
 * Starts the ended deliveries of an event again: to all endpoints that had it and are enabled, or to one endpoint, which need
 * not have had it. Answers how many; a delivery under way is left alone.
 */
export async function replayEvent(db: Database, eventId: string, endpointId: string | null): Promise<number> {
  const rows = await db.execute(
    endpointId === null
      ? sql`update deliveries set ${AGAIN} where event_id = ${eventId} and status <> 'pending'
          and endpoint_id in (select id from webhook_endpoints where disabled_at is null) returning 1`
      : sql`insert into deliveries (event_id, endpoint_id) values (${eventId}, ${endpointId})
          on conflict (event_id, endpoint_id) do update set ${AGAIN} where deliveries.status <> 'pending' returning 1`,
  );
  return rows.length;
}

/** Starts an endpoint's ended deliveries made since an instant again: the failed ones, or all. Answers how many. */
export async function replayEndpoint(
  db: Database,
  endpointId: string,
  since: Date,
  which: 'failed' | 'all',
): Promise<number> {
  const rows = await db.execute<{ n: number }>(sql`
    with again as (
      update deliveries set ${AGAIN}
      where endpoint_id = ${endpointId} and created_at >= ${since.toISOString()}::timestamptz
        and (status = 'failed' or ${which} = 'all' and status = 'delivered')
      returning 1
    ) select count(*)::int as n from again`);
  return rows[0]!.n;
}
