import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Database } from '../../src/db/client.ts';
import { makeEndpoint } from '../../src/db/endpoints.ts';
import { newId } from '../../src/ids.ts';
import { deliveryLoops } from '../../src/relay/deliveries.ts';
import { createGuard, type RelayDeps } from '../../src/relay/rows.ts';

// The objects and looks that tests of deliveries share.

export const secretOf = (fill: number): string => `whsec_${Buffer.alloc(32, fill).toString('base64')}`;

/** An endpoint; answers its id. */
export async function endpointAt(
  db: Database,
  url: string,
  { types = null, secret = secretOf(1) }: { types?: string[] | null; secret?: string } = {},
): Promise<string> {
  const { id } = await makeEndpoint(db, { id: newId('whe'), url, types, description: null, secret });
  return id;
}

/** Makes events of one type, numbered from 1; answers their ids in order. */
export async function send(db: Database, type: string, count = 1, subscription = 'sub_1'): Promise<string[]> {
  const [{ before } = { before: '0' }] = await db.execute<{ before: string }>(
    sql`select coalesce(max(nth), 0) as before from events`,
  );
  await db.execute(sql`
    select emit_event(${subscription}, ${type}, clock_timestamp(), jsonb_build_object('n', n))
    from generate_series(1, ${count}::int) n`);
  const rows = await db.execute<{ id: string }>(
    sql`select id from events where nth > ${before}::bigint order by nth`,
  );
  return rows.map(({ id }) => id);
}

export interface Delivery extends Record<string, unknown> {
  endpoint_id: string;
  run: number;
  status: string;
  attempts: number;
  response_status: number | null;
  failure: string | null;
}

export const deliveriesOf = async (db: Database, eventId: string): Promise<Delivery[]> => [
  ...(await db.execute<Delivery>(sql`
    select endpoint_id, run, status, attempts, response_status, failure from deliveries
    where event_id = ${eventId} order by created_at, endpoint_id`)),
];

/** Waits until something is so; after the time it fails with the newest value. */
export async function until<Seen>(
  look: () => Promise<Seen>,
  fits: (seen: Seen) => boolean,
  seconds = 20,
): Promise<Seen> {
  for (const end = Date.now() + seconds * 1_000; ; await sleep(50)) {
    const seen = await look();
    if (fits(seen)) return seen;
    if (Date.now() > end) throw new Error(`not within ${seconds} s, seen last: ${JSON.stringify(seen)}`);
  }
}

/** Waits for the only delivery of an event to end. */
export async function ended(db: Database, eventId: string): Promise<Delivery> {
  const isOver = (seen: Delivery[]) => seen.length > 0 && seen.every(({ status }) => status !== 'pending');
  const [delivery] = await until(() => deliveriesOf(db, eventId), isOver);
  return delivery!;
}

/** The relay's part in events, a tick at a time. */
export function eventTicks(
  deps: Omit<RelayDeps, 'log' | 'nudgeAfterSeconds' | 'sealEverySeconds'>,
): () => Promise<void> {
  const all = { ...deps, nudgeAfterSeconds: 1, sealEverySeconds: 0, log: () => {} };
  // Each tick works, whether anything waits or not.
  const waiting = {
    deadlines: true,
    notices: true,
    messages: true,
    money: true,
    events: true,
    deliveries: true,
  };
  const loops = deliveryLoops(all, createGuard(all), async () => waiting);
  return async () => {
    for (const loop of loops) await loop.tick();
  };
}
