import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from '../db/client.ts';
import { installationSecret } from '../db/secrets/at-rest.ts';
import type { Safe } from '../db/secrets/safe.ts';
import { readTicketSecret } from '../db/wallet/sessions.ts';
import type { Instant } from '../domain/calendar.ts';
import type { Scope } from './auth.ts';

// Links that open a wallet. A ticket is signed, not stored, so a refusal may carry one and still write nothing (I7). The use of
// a ticket is recorded when it opens a session (src/db/wallet/sessions.ts).

/** Milliseconds a link can be opened. */
const TICKET_MS = 5 * 60 * 1000;

/** Milliseconds after which every process uses a secret that was replaced in the database. */
const BELIEVE_MS = 60_000;

const TICKET_SECRET = installationSecret('wallet_tickets');

/** A signed link's text and its last instant. */
interface Ticket {
  text: string;
  expiresAt: Instant;
}

/** Signs and verifies tickets. */
export interface Tickets {
  issue(subscriptionId: string): Promise<Ticket>;
  /** The subscription of a ticket; null for a wrong signature or an expired ticket. */
  read(text: string): Promise<string | null>;
}

/** Makes the signer of a process; it reads the secret from the database and caches it. */
export function createTickets(db: Database, safe: Safe): Tickets {
  let known: { secret: Promise<string>; until: number } | null = null;

  function secret(): Promise<string> {
    if (known && known.until > Date.now()) return known.secret;
    const asked = readTicketSecret(db).then((stored) => safe.unlock(TICKET_SECRET, stored));
    known = { secret: asked, until: Date.now() + BELIEVE_MS };
    // The next call reads a secret again that this one could not read.
    asked.catch(() => {
      known = null;
    });
    return asked;
  }

  const sign = async (payload: string) =>
    createHmac('sha256', await secret())
      .update(payload)
      .digest('base64url');

  return {
    async issue(subscriptionId) {
      const expiresAt = Date.now() + TICKET_MS;
      const payload = `${subscriptionId}.${expiresAt.toString(36)}.${randomBytes(12).toString('base64url')}`;
      return { text: `${payload}.${await sign(payload)}`, expiresAt };
    },
    async read(text) {
      const [, payload, id, until, signature] = /^((\w+)\.(\w+)\.[\w-]+)\.([\w-]+)$/.exec(text) ?? [];
      if (!payload || !id || !until || !signature) return null;
      const right = Buffer.from(await sign(payload));
      const given = Buffer.from(signature);
      if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
      return Number.parseInt(until, 36) > Date.now() ? id : null;
    },
  };
}

/** The address that opens a wallet with a ticket. */
export const enterUrl = (publicUrl: string, ticket: Ticket): URL => {
  const url = new URL('/wallet/enter', publicUrl);
  url.searchParams.set('ticket', ticket.text);
  return url;
};

/**
 * The `wallet_url` of a 402. A key with the scope `billing` gets a link that opens the wallet at the prompt. Any other key gets
 * the prompt's address without a ticket, which needs an open session: a key grants no more than its own scopes (I12).
 */
export async function promptUrl(
  deps: { tickets: Tickets; publicUrl: string },
  id: string,
  needed: number,
  scopes: readonly Scope[],
): Promise<string> {
  const url = scopes.includes('billing')
    ? enterUrl(deps.publicUrl, await deps.tickets.issue(id))
    : new URL('/wallet/out-of-credits', deps.publicUrl);
  url.searchParams.set('needed', String(needed));
  return url.href;
}
