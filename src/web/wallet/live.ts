import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Env } from '../../api/route.ts';
import type { Database } from '../../db/client.ts';
import { versionsOf } from '../../db/wallet/reads.ts';

// Live pages. All ledgers that someone looks at are asked for by one statement a second: a NOTIFY in the ledger's own
// statements would take a lock at every commit, and spends would wait for each other.

const EVERY_MS = 1_000;

export interface LiveVersions {
  /** Tells the version of a ledger as soon as it is another than `known`, and from then on, until the answer is called. */
  follow(wanted: Follower): () => void;
  /** Ends all that are told: a server that stops waits for none of them. */
  stop(): void;
}

interface Follower {
  id: string;
  known: string | null;
  changed(version: string): void;
  /** The server stops. */
  ended(): void;
}

export function createLiveVersions(db: Database): LiveVersions {
  const followers = new Set<Follower>();
  let isOver = false;
  let timer: NodeJS.Timeout | null = null;

  async function look(): Promise<void> {
    const ids = [...new Set([...followers].map(({ id }) => id))];
    // A database that is away is asked again a second later.
    const versions = await versionsOf(db, ids).catch(() => new Map<string, string>());
    for (const follower of followers) {
      const version = versions.get(follower.id);
      if (version === undefined || version === follower.known) continue;
      follower.known = version;
      follower.changed(version);
    }
  }

  function next(delay: number): void {
    timer = setTimeout(async () => {
      await look();
      timer = null;
      if (followers.size > 0 && !isOver) next(EVERY_MS);
    }, delay);
  }

  return {
    follow(wanted) {
      const follower = { ...wanted };
      followers.add(follower);
      if (timer === null) next(0);
      return () => followers.delete(follower);
    },
    stop() {
      isOver = true;
      if (timer) clearTimeout(timer);
      for (const { ended } of followers) ended();
      followers.clear();
    },
  };
}

/** Server-sent events with the version of one ledger once it is no longer `since`, for as long as the session lasts. */
export function sendVersions(c: Context<Env>, live: LiveVersions): Response {
  const { subscriptionId, expiresAt } = c.get('session');
  return streamSSE(c, async (stream) => {
    await new Promise<void>((resolve) => {
      const over = setTimeout(() => end(), expiresAt.getTime() - Date.now());
      const changed = (version: string) => {
        stream.writeSSE({ event: 'version', data: version }).catch(() => {});
      };
      const known = c.req.query('since') ?? null;
      const unfollow = live.follow({ id: subscriptionId, known, changed, ended: () => end() });
      const end = () => {
        clearTimeout(over);
        unfollow();
        resolve();
      };
      stream.onAbort(end);
    });
  });
}
