import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from '../db/client.ts';
import { readTicketSecret } from '../db/wallet/sessions.ts';
import type { Instant } from '../domain/calendar.ts';
import type { Scope } from './auth.ts';

// Links that open a wallet. A ticket is signed, not stored: a refusal may carry one and still write nothing (I7). That
// it was used is recorded when it is opened (src/db/wallet/sessions.ts).

/** A link is followed at once or not at all. */
const TICKET_MS = 5 * 60 * 1000;

/** A secret that was exchanged in the database is used everywhere within this time. */
const BELIEVE_MS = 60_000;

export interface Ticket {
  text: string;
  expiresAt: Instant;
}

export interface Tickets {
  issue(subscriptionId: string): Promise<Ticket>;
  /** The subscription a ticket is for; null when it was not signed here or is too old. */
  read(text: string): Promise<string | null>;
}

export function createTickets(db: Database): Tickets {
  let known: { secret: Promise<string>; until: number } | null = null;

  function secret(): Promise<string> {
    if (known && known.until > Date.now()) return known.secret;
    const asked = readTicketSecret(db);
    known = { secret: asked, until: Date.now() + BELIEVE_MS };
    // One that could not be read is asked for again by the next.
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

export const enterUrl = (publicUrl: string, ticket: Ticket): URL => {
  const url = new URL('/wallet/enter', publicUrl);
  url.searchParams.set('ticket', ticket.text);
  return url;
};

/**
 * Where a refusal for want of credits leads. Who may buy gets a link that opens the wallet at the prompt; who may not gets
 * the prompt's address, which opens for whoever is in the wallet already: a key never hands on more than it may do (I12).
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
