import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Env } from '../../api/route.ts';
import type { Database } from '../../db/client.ts';
import { versionsOf } from '../../db/wallet/reads.ts';
import { Refusal } from '../../domain/errors.ts';

// Live pages. One statement a second reads the versions of all ledgers on open pages. A NOTIFY in the ledger's own statements
// would take a lock at every commit, so that spends wait for each other.

const EVERY_MS = 1_000;

/** The versions of ledgers on open pages. */
export interface LiveVersions {
  /** Calls `changed` with each version of a ledger other than `known`, until the returned function is called. */
  follow(wanted: Follower): () => void;
  /** The followers of a session. */
  countOf(session: string): number;
  /** Ends all followers, so that a stopping server waits for none. */
  stop(): void;
}

interface Follower {
  id: string;
  session: string;
  known: string | null;
  changed(version: string): void;
  /** The server stops: no more versions come. */
  ended(): void;
}

/** Makes the versions of a process. */
export function createLiveVersions(db: Database): LiveVersions {
  const followers = new Set<Follower>();
  let isOver = false;
  let timer: NodeJS.Timeout | null = null;

  async function look(): Promise<void> {
    const ids = [...new Set([...followers].map(({ id }) => id))];
    // A database that does not answer is asked again a second later.
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
    countOf: (session) => [...followers].filter((follower) => follower.session === session).length,
    stop() {
      isOver = true;
      if (timer) clearTimeout(timer);
      for (const { ended } of followers) ended();
      followers.clear();
    },
  };
}

/** The most live pages of one session. */
const MOST_STREAMS = 10;

/** Server-sent events with the version of one ledger once it is no longer `since`, for as long as the session lasts. Throws `rate_limited`. */
export function sendVersions(c: Context<Env>, live: LiveVersions): Response {
  const { id: session, subscriptionId, expiresAt } = c.get('session');
  if (live.countOf(session) >= MOST_STREAMS)
    throw new Refusal('rate_limited', `This session has ${MOST_STREAMS} live pages open: close one.`);
  return streamSSE(c, async (stream) => {
    await new Promise<void>((resolve) => {
      const over = setTimeout(() => end(), expiresAt.getTime() - Date.now());
      const changed = (version: string) => {
        stream.writeSSE({ event: 'version', data: version }).catch(() => {});
      };
      const known = c.req.query('since') ?? null;
      const unfollow = live.follow({ id: subscriptionId, session, known, changed, ended: () => end() });
      const end = () => {
        clearTimeout(over);
        unfollow();
        resolve();
      };
      stream.onAbort(end);
    });
  });
}
