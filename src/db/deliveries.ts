import { sql } from 'drizzle-orm';
import type { Failure } from '../domain/deliveries.ts';
import type { Happened } from '../domain/events.ts';
import type { Database } from './client.ts';

// How events get to endpoints: rows from events (`spread`), workflows from rows (`claimDeliveries`), attempts in workflows.

/** One run of a delivery: started again it is another, and nothing of the one before counts any more. */
export interface DeliveryRef {
  eventId: string;
  endpointId: string;
  run: number;
}

/**
 * Makes a delivery for each endpoint that wants it of up to so many events, oldest first, in one statement: one that is enabled,
 * wants the type, and was there when the event was recorded. What nobody wants is done with by that.
 */
export async function spread(db: Database, limit: number): Promise<void> {
  await db.execute(sql`
    with waiting as (
      select nth, id, type, recorded_at from events where relayed_at is null
      order by nth limit ${limit} for update skip locked
    ), made as (
      insert into deliveries (event_id, endpoint_id)
      select w.id, p.id from waiting w
      join webhook_endpoints p on p.disabled_at is null and p.created_at <= w.recorded_at
        and (p.types is null or w.type = any (p.types))
      order by w.nth on conflict do nothing
    )
    update events set relayed_at = clock_timestamp() from waiting where events.nth = waiting.nth`);
}

export interface ClaimedDelivery extends DeliveryRef {
  type: string;
}

/** Claims deliveries without a workflow, for 30 s: a relay that dies leaves them to the next. New ones before replays. */
export async function claimDeliveries(db: Database, limit: number): Promise<ClaimedDelivery[]> {
  const rows = await db.execute<{ event_id: string; endpoint_id: string; run: number; type: string }>(sql`
    with due as (
      select event_id, endpoint_id from deliveries
      where started_at is null and (claimed_until is null or claimed_until < clock_timestamp())
      order by run, created_at, event_id limit ${limit} for update skip locked
    )
    update deliveries d set claimed_until = clock_timestamp() + interval '30 seconds'
    from due, events e
    where d.event_id = due.event_id and d.endpoint_id = due.endpoint_id and e.id = due.event_id
    returning d.event_id, d.endpoint_id, d.run, e.type`);
  return rows.map(({ event_id: eventId, endpoint_id: endpointId, run, type }) => ({
    eventId,
    endpointId,
    run,
    type,
  }));
}

/** Marks a delivery as started: only after the call to Temporal returned. */
export async function markStarted(db: Database, { eventId, endpointId, run }: DeliveryRef): Promise<void> {
  await db.execute(sql`
    update deliveries set started_at = clock_timestamp()
    where event_id = ${eventId} and endpoint_id = ${endpointId} and run = ${run} and started_at is null`);
}

/** Lets a delivery go back to the queue after a failed call. */
export async function unclaimDelivery(
  db: Database,
  { eventId, endpointId, run }: DeliveryRef,
): Promise<void> {
  await db.execute(sql`
    update deliveries set claimed_until = null
    where event_id = ${eventId} and endpoint_id = ${endpointId} and run = ${run} and started_at is null`);
}

/** What an attempt needs. The endpoint is null when it was deleted. */
export interface Attempt {
  attempt: number;
  event: Happened;
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

/** Counts one more attempt before it is made, so that none is made for ever; null when the run has ended, or had them all. */
export async function beginAttempt(
  db: Database,
  { eventId, endpointId, run }: DeliveryRef,
  most: number,
): Promise<Attempt | null> {
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

function attemptOf(row: AttemptRow): Attempt {
  const { attempt, type, at, data, subscription_id: subscriptionId, customer_id: customerId } = row;
  const { url, secret, previous_secret: previous, disabled } = row;
  return {
    attempt,
    event: { type, at: Number(at), subscriptionId, customerId, data },
    endpoint:
      url === null ? null : { url, secrets: previous === null ? [secret] : [secret, previous], disabled },
  };
}

export interface Noted {
  status: 'pending' | 'delivered' | 'failed';
  /** HTTP status of the answer, if there was one. */
  answer: number | null;
  failure: Failure | null;
}

/**
 * Records what came of an attempt. A run that has ended, or was followed by another, stays as it is. Who answers 410 wants no
 * more of it: the endpoint is disabled by the same statement.
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
 * Starts the deliveries of an event that have ended again, to all endpoints that had it and are enabled, or to one, which may not
 * have had it. Answers how many; one that is under way is left alone.
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

/** Starts an endpoint's deliveries again that were first made since: those that failed, or all that have ended. */
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
