import type { Database } from '../db/client.ts';
import { readWaiting, type WaitingRows } from '../db/inbox.ts';
import { type Loop, shared, TICK_MS } from './rows.ts';

/** Answers what waits. Loops that ask within a tick share one statement. */
export type WaitingCache = () => Promise<WaitingRows>;

/** Makes the cache that all loops of a relay share. */
export const createWaitingCache = (db: Database): WaitingCache =>
  shared(TICK_MS * 0.9, () => readWaiting(db));

/** A loop that works only while something of a kind waits: an idle relay asks once a tick for all kinds. */
export const whileWaiting = (waiting: WaitingCache, kind: keyof WaitingRows, loop: Loop): Loop => ({
  tick: async () => ((await waiting())[kind] ? loop.tick() : TICK_MS),
});
