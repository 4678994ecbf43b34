import { hash, randomUUID } from 'node:crypto';
import { DEFAULT_CATALOG } from '../src/domain/catalog/default.ts';
import { type Item, type Line, price } from '../src/domain/catalog/rates.ts';
import { quantile, rounded } from './machine.ts';

// Callers in a closed loop, each with its next request after the answer to the last, and their mix of requests.

/** The outcome of one request: its kind, or a sentence about a failure. */
export type Outcome = 'spent' | 'replayed' | 'short' | { fault: string };

/** The body of a spend, as JSON and as items. */
export interface Body {
  json: string;
  hash: string;
  lines: Line[];
  credits: number;
}

/** Bodies of one to three items. */
export const BODIES: Body[] = [
  ['generate_look'],
  ['image_asset'],
  ['generate_look', 'image_asset'],
  ['generate_look', 'motion_designer_asset'],
  ['generate_look', 'image_asset', 'motion_designer_asset'],
  ['generate_look', 'generate_look', 'add_motion'],
].map((features, i) => bodyOf(features.map((feature) => ({ feature, quantity: 1 + (i % 3) }))));

function bodyOf(items: Item[]): Body {
  const json = JSON.stringify({ items });
  return { json, hash: hash('sha256', json, 'base64url'), ...price(DEFAULT_CATALOG, items) };
}

/** One request to make. */
export interface Job {
  subscriptionId: string;
  key: string;
  body: number;
  isRepeat: boolean;
}

/** The share of requests that repeat an earlier success, one of REMEMBERED. */
const REPEATS = 0.02;
const REMEMBERED = 4_096;

/** The requests of one leg: spread evenly over the subscriptions, with some keys again. */
export class Mix {
  readonly touched = new Set<string>();
  private readonly ids: string[];
  private readonly done: Job[] = [];
  private next = 0;

  constructor(ids: string[]) {
    this.ids = ids;
  }

  draw(): Job {
    if (this.done.length > 0 && Math.random() < REPEATS)
      return { ...this.done[pick(this.done.length)]!, isRepeat: true };
    const subscriptionId = this.ids[pick(this.ids.length)]!;
    this.touched.add(subscriptionId);
    return { subscriptionId, key: randomUUID(), body: pick(BODIES.length), isRepeat: false };
  }

  succeeded(job: Job): void {
    this.done[this.next++ % REMEMBERED] = job;
  }
}

const pick = (count: number): number => Math.floor(Math.random() * count);

/** The callers and the time of a leg. */
export interface Pace {
  callers: number;
  seconds: number;
  stopping: AbortSignal;
}

/** The figures of the requests that were answered after the warm-up and in time. */
export interface Measured {
  perSecond: number;
  p50: number;
  p99: number;
}

/** Requests by outcome. */
export interface Counts {
  spent: number;
  replayed: number;
  short: number;
}

/** Figures with the counts behind them. */
export interface Driven extends Measured {
  /** All requests of the leg, with those of the warm-up and those that ended late. */
  counts: Counts;
  faults: string[];
}

const MOST_FAULTS = 20;

/** Runs the callers for the time of a leg. */
export async function drive(
  { callers, seconds, stopping }: Pace,
  once: (caller: number) => Promise<Outcome>,
): Promise<Driven> {
  const from = performance.now() + warmUpOf(seconds);
  const until = from + seconds * 1_000;
  const latencies: number[] = [];
  const counts: Counts = { spent: 0, replayed: 0, short: 0 };
  const faults: string[] = [];

  async function call(caller: number): Promise<void> {
    for (let at = performance.now(); at < until && !stopping.aborted; ) {
      const outcome = await once(caller).catch((error: Error) => ({ fault: error.message }));
      const ended = performance.now();
      if (typeof outcome === 'string') counts[outcome] += 1;
      else if (faults.push(outcome.fault) >= MOST_FAULTS) return;
      if (ended >= from && ended <= until) latencies.push(ended - at);
      at = ended;
    }
  }

  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  stopping.throwIfAborted();
  return { ...measured(latencies, seconds), counts, faults };
}

/** Milliseconds in which connections open, statements are prepared and code is compiled, before anything counts. */
const warmUpOf = (seconds: number): number => Math.min(1_000, seconds * 250);

/** Below so many a second a decimal matters. */
const FEW = 100;

/** The figures of latencies in milliseconds. */
export function measured(latencies: number[], seconds: number): Measured {
  return {
    perSecond: rounded(latencies.length / seconds, latencies.length < seconds * FEW ? 1 : 0),
    p50: rounded(quantile(latencies, 0.5), 2),
    p99: rounded(quantile(latencies, 0.99), 2),
  };
}
