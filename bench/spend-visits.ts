import { randomUUID } from 'node:crypto';
import { boundary, type Instant, iso } from '../src/domain/calendar.ts';
import { type Answered, closeAll, openWires, restOf, restOfGet, type Wire } from './spend-http.ts';
import type { Outcome } from './spend-load.ts';
import type { Api } from './spend-stack.ts';

// The requests that are no spends: reads, and commands to workflows. Each is new; none repeats a key.

/** Requests of a leg. */
export interface Visits {
  once(caller: number): Promise<Outcome>;
  /** Subscriptions with new rows. */
  touched: Set<string>;
  /** Entries that were booked before the first request. */
  entriesBefore?: number;
  close(): void;
}

const PAGE = 50;

const ofOne = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!;
const authorization = ({ key }: Api): string => `Authorization: Bearer ${key}`;

function outcomeOf(name: string, { status, body }: Answered, wanted: number): Outcome {
  return status === wanted ? 'spent' : { fault: `${name} ${status}: ${body.slice(0, 200)}` };
}

/** Reads the balance of any of the subscriptions. */
export async function balances(api: Api, ids: string[], callers: number): Promise<Visits> {
  const rest = restOfGet(authorization(api), api.port);
  return gets(api, callers, rest, () => `/v1/subscriptions/${ofOne(ids)}/balance`);
}

/** Reads a page of 50 entries: the newest, or some from the midst of so many. */
export async function entryPages(
  api: Api,
  id: string,
  entries: number | null,
  callers: number,
): Promise<Visits> {
  const rest = restOfGet(authorization(api), api.port);
  const path = `/v1/subscriptions/${id}/entries?limit=${PAGE}`;
  const cursor = (seq: number) => Buffer.from(JSON.stringify([`entries/${id}`, seq])).toString('base64url');
  const midst = () => Math.floor(((1 + Math.random()) * entries!) / 3);
  return gets(api, callers, rest, () => (entries === null ? path : `${path}&cursor=${cursor(midst())}`));
}

/** Reads the wallet's first page, in a session opened by a link. */
export async function walletPages(api: Api, id: string, callers: number): Promise<Visits> {
  const made = await fetch(`http://127.0.0.1:${api.port}/v1/wallet_sessions`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${api.key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ subscription_id: id }),
  });
  const { url } = (await made.json()) as { url: string };
  const entered = await fetch(url, { redirect: 'manual' });
  const cookies = entered.headers.getSetCookie().map((cookie) => cookie.split(';')[0]!);
  return gets(api, callers, restOfGet(`Cookie: ${cookies.join('; ')}`, api.port), () => '/wallet');
}

async function gets(api: Api, callers: number, rest: string, path: () => string): Promise<Visits> {
  const wires = await openWires(api, callers);
  return {
    once: async (caller) => outcomeOf('GET', await wires[caller]!.get(path(), rest), 200),
    touched: new Set(),
    close: () => closeAll(wires),
  };
}

/** Buys one pack for any of the subscriptions; the sandbox pays at once. */
export async function purchases(api: Api, ids: string[], callers: number): Promise<Visits> {
  const wires = await openWires(api, callers);
  const touched = new Set<string>();
  return {
    async once(caller) {
      const id = ofOne(ids);
      touched.add(id);
      return outcomeOf('purchase', await buy(wires[caller]!, api, id), 201);
    },
    touched,
    close: () => closeAll(wires),
  };
}

/** Buys one pack. */
export function buy(wire: Wire, api: Api, id: string): Promise<Answered> {
  const rest = restOf('{"packs":1}', api.port, api.key);
  return wire.post(`/v1/subscriptions/${id}/purchases`, randomUUID(), rest);
}

/** Starts a subscription of a new customer; the sandbox pays at once. */
export async function starts(api: Api, callers: number): Promise<Visits> {
  const wires = await openWires(api, callers);
  const touched = new Set<string>();
  return {
    async once(caller) {
      const answered = await start(wires[caller]!, api, {});
      touched.add(idIn(answered));
      return outcomeOf('start', answered, 201);
    },
    touched,
    close: () => closeAll(wires),
  };
}

/** Starts a subscription of a new customer, with more in its body. */
export function start(wire: Wire, api: Api, more: object): Promise<Answered> {
  const key = randomUUID();
  const body = {
    customer_id: `bench-${key}`,
    plan: 'creator',
    interval: 'month',
    payment_method: 'sandbox_ok',
  };
  return wire.post('/v1/subscriptions', key, restOf(JSON.stringify({ ...body, ...more }), api.port, api.key));
}

/** The subscription's id in the answer to its start. */
export const idIn = ({ body }: Answered): string => /"id":"(sub_\w+)"/.exec(body)?.[1] ?? '';

/** Cancels at the renewal and resumes; no two callers share a subscription. */
export async function cancels(api: Api, ids: string[], callers: number): Promise<Visits> {
  const wires = await openWires(api, callers);
  const rest = restOf('{}', api.port, api.key);
  return {
    async once(caller) {
      const own = ids.filter((_, i) => i % callers === caller);
      const path = `/v1/subscriptions/${ofOne(own)}`;
      const cancelled = await wires[caller]!.post(`${path}/cancel`, randomUUID(), rest);
      if (cancelled.status !== 200) return outcomeOf('cancel', cancelled, 200);
      return outcomeOf('resume', await wires[caller]!.post(`${path}/resume`, randomUUID(), rest), 200);
    },
    touched: new Set(),
    close: () => closeAll(wires),
  };
}

/** Moves test clocks on by a year, again and again: 12 renewals, each with the end of the allowance before it. */
export async function years(api: Api, callers: number): Promise<Visits> {
  const wires = await openWires(api, callers);
  const clocks: { id: string; now: Instant }[] = [];
  for (const wire of wires) {
    const now = Date.UTC(2026, 0, 17);
    clocks.push({ id: idIn(await start(wire, api, { test_clock: { now: iso(now) } })), now });
  }
  return {
    async once(caller) {
      const clock = clocks[caller]!;
      clock.now = boundary(clock.now, 'UTC', 12);
      const rest = restOf(JSON.stringify({ to: iso(clock.now) }), api.port, api.key);
      const answered = await wires[caller]!.post(`/v1/subscriptions/${clock.id}/advance`, randomUUID(), rest);
      return outcomeOf('advance', answered, 200);
    },
    touched: new Set(clocks.map(({ id }) => id)),
    entriesBefore: callers,
    close: () => closeAll(wires),
  };
}
