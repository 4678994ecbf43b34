import proto, { type temporal } from '@temporalio/proto';
import type { Instant } from '../src/domain/calendar.ts';
import { workflowId } from '../src/workflows/messages.ts';
import type { Spend } from './fleet-load.ts';
import type { Stack } from './fleet-stack.ts';
import { quantile, rounded } from './machine.ts';

// Readings after the minute: the ledger's rows, Temporal's histories, and the figures made from them.

/** A subscription of the fleet, and the boundary at which it is due. */
export interface Member {
  id: string;
  due: Instant;
}

/** The rate of booked boundaries, and the delay of each in milliseconds. */
export async function bookings({ sql }: Stack, firstDue: Instant) {
  const rows = await sql<{ due: Date; booked: Date }[]>`
    select e.effective_at as due, e.recorded_at as booked
    from entries e join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
    where e.kind = 'grant' and g.kind = 'allowance'`;
  const late = rows.map(({ due, booked }) => booked.getTime() - due.getTime());
  const since = rows.map(({ booked }) => (booked.getTime() - firstDue) / 1_000);
  const total = Math.max(0, ...since);
  const aSecond = Array.from({ length: Math.floor(total) + 1 }, () => 0);
  for (const at of since) aSecond[Math.floor(at)]! += 1;
  return {
    booked: rows.length,
    median_per_second: quantile(aSecond, 0.5),
    peak_per_second: Math.max(0, ...aSecond),
    first_due_to_last_booked_s: rounded(total),
    late_ms: { p50: quantile(late, 0.5), p99: quantile(late, 0.99), max: quantile(late, 1) },
  };
}

/** The milliseconds of spends, failed ones included. */
export function spending(spends: Spend[]) {
  const ms = spends.map((spend) => spend.ms);
  return {
    sent: spends.length,
    p50_ms: rounded(quantile(ms, 0.5)),
    p99_ms: rounded(quantile(ms, 0.99)),
    failed: spends.filter(({ fault }) => fault !== null).length,
  };
}

/** Members without exactly one paid renewal and one allowance at their boundary: a sentence each, in order of boundary. */
export async function wrongMembers({ sql }: Stack, fleet: Member[]): Promise<string[]> {
  const rows = await sql<{ id: string; due: string; charges: string; allowances: string }[]>`
    with fleet as (
      select id, instant(due) as due
      from unnest(${fleet.map(({ id }) => id)}::text[], ${fleet.map(({ due }) => due)}::bigint[]) as f (id, due)
    )
    select f.id, iso(f.due) as due, c.told as charges, a.told as allowances
    from fleet f
    cross join lateral (
      select count(*) as n, count(*) filter (where kind = 'renewal' and status = 'paid' and at = f.due) as right,
        coalesce(string_agg(concat_ws(' ', kind, status, iso(at)), ', ' order by at), 'none') as told
      from charges where subscription_id = f.id
    ) c
    cross join lateral (
      select count(*) as n, count(*) filter (where effective_at = f.due) as right,
        coalesce(string_agg(iso(effective_at), ', ' order by effective_at), 'none') as told
      from grants where subscription_id = f.id and kind = 'allowance'
    ) a
    where (c.n, c.right, a.n, a.right) <> (1, 1, 1, 1)
    order by f.due, f.id`;
  return rows.map(
    ({ id, due, charges, allowances }) =>
      `${id} was due at ${due}; its charges: ${charges}; its allowances: ${allowances}`,
  );
}

/** Spends in the ledger: the acknowledged ones and no other. */
export async function spendsBooked({ sql }: Stack): Promise<number> {
  const [row] = await sql<{ n: number }[]>`select count(*)::int as n from usages`;
  return row!.n;
}

/** Allowances in the ledger. */
export async function boundariesBooked({ sql }: Stack): Promise<number> {
  const [row] = await sql<{ n: number }[]>`select count(*)::int as n from grants where kind = 'allowance'`;
  return row!.n;
}

type EventType = temporal.api.enums.v1.EventType;
const Event = proto.temporal.api.enums.v1.EventType;
/** The events that Temporal Cloud counts as actions, as in test/workflows/budget.test.ts. */
const ACTIONS = new Set([
  Event.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
  Event.EVENT_TYPE_TIMER_STARTED,
  Event.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
  Event.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
  Event.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
  Event.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
  Event.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
]);

/** The events and actions of a part of a history. */
export interface Cost {
  events: number;
  actions: number;
}

/** Temporal's cost of moving in and of one boundary, which begins with its timer: medians of these histories. */
export async function temporalCost({ client }: Stack, ids: string[]) {
  const costs: [moveIn: Cost, boundary: Cost][] = [];
  for (const id of ids) {
    const { events } = await client.workflow.getHandle(workflowId(id)).fetchHistory();
    const types = (events ?? []).map(({ eventType }) => eventType!);
    const fired = types.indexOf(Event.EVENT_TYPE_TIMER_FIRED);
    const cut = fired === -1 ? types.length : fired;
    costs.push([cost(types.slice(0, cut)), cost(types.slice(cut))]);
  }
  const of = (part: 0 | 1, what: keyof Cost, share: number) =>
    quantile(
      costs.map((both) => both[part][what]),
      share,
    );
  return {
    histories: costs.length,
    move_in: { events: of(0, 'events', 0.5), actions: of(0, 'actions', 0.5) },
    boundary: { events: of(1, 'events', 0.5), actions: of(1, 'actions', 0.5) },
    boundary_most: { events: of(1, 'events', 1), actions: of(1, 'actions', 1) },
  };
}

const cost = (types: EventType[]): Cost => ({
  events: types.length,
  actions: types.filter((type) => ACTIONS.has(type)).length,
});
