import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { boundary, type Instant, iso } from '../src/domain/calendar.ts';
import type { Answer, Stack } from './fleet-stack.ts';

// Requests to the API: subscriptions moved in, grants to spend from, and spends at a constant rate.

const DAY_MS = 86_400_000;

/** moves a subscription in, with an anchor in the past and `due` as its next boundary. Returns its id. */
export async function moveIn(stack: Stack, customer_id: string, due: Instant): Promise<string> {
  const body = { customer_id, plan: 'creator', interval: 'month', anchor_at: iso(anchorBefore(due)) };
  return (JSON.parse(await insist(stack, '/v1/subscriptions', body)) as { id: string }).id;
}

/** An anchor some months before an instant that is its boundary: not every month has the day. */
function anchorBefore(due: Instant): Instant {
  for (let months = 1; months <= 12; months += 1) {
    const anchor = boundary(due, 'UTC', -months);
    if (anchor < Date.now() && boundary(anchor, 'UTC', months) === due) return anchor;
  }
  throw new Error(`No anchor has a boundary at ${iso(due)}.`);
}

/** Issues a grant of more credits than any run spends. */
export async function giveCredits(stack: Stack, id: string): Promise<void> {
  const body = { credits: 1_000_000, expires_at: iso(Date.now() + 30 * DAY_MS), reason: 'fleet benchmark' };
  await insist(stack, `/v1/subscriptions/${id}/grants`, body);
}

/** Sends a request with one key a few times, while the stack is too busy or an API starts again. */
async function insist(stack: Stack, path: string, body: object): Promise<string> {
  const key = randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    const answer = await stack.post(path, body, key);
    if (answer.status === 201) return answer.text;
    const mayPass = answer.status === 503 || answer.status === 0;
    if (!mayPass || attempt === 5) throw new Error(`POST ${path} answered ${reported(answer)}`);
    await sleep(1_000 * attempt);
  }
}

const reported = ({ status, text }: Answer): string => `${status || 'nothing'}: ${text.slice(0, 300)}`;

/** `work` for each of 0 … count − 1, at most `width` at a time; the first error ends it. */
export async function inParallel(count: number, width: number, work: (i: number) => Promise<void>) {
  let next = 0;
  const one = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, one)).finally(() => {
    next = count;
  });
}

/** One spend: its instant and its milliseconds. */
export interface Spend {
  at: Instant;
  ms: number;
  /** The failure; null for a spend that was acknowledged. */
  fault: string | null;
}

/** Spends that go on until they are stopped. */
export interface Spending {
  /** Waits for the open answers. */
  stop(): Promise<Spend[]>;
}

/**
 * Spends one credit of each subscription in turn, `aSecond` times a second at any speed of the answers: a slow answer delays no
 * other spend, and so hides none.
 */
export function spendConstantly(stack: Stack, ids: string[], aSecond: number): Spending {
  const body = { items: [{ feature: 'generate_look', quantity: 1 }] };
  const spends: Promise<Spend>[] = [];
  const startedAt = performance.now();
  let isOver = false;

  async function spend(id: string): Promise<Spend> {
    const at = Date.now();
    const from = performance.now();
    const answer = await stack.post(`/v1/subscriptions/${id}/usage`, body, randomUUID());
    const ms = performance.now() - from;
    return { at, ms, fault: answer.status === 201 ? null : reported(answer) };
  }

  async function run(): Promise<void> {
    for (let n = 0; !isOver; n += 1) {
      await sleep(Math.max(0, startedAt + (n * 1_000) / aSecond - performance.now()));
      spends.push(spend(ids[n % ids.length]!));
    }
  }

  const running = run();
  return {
    async stop() {
      isOver = true;
      await running;
      return Promise.all(spends);
    },
  };
}
