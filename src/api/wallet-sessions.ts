import { z } from 'zod';
import { iso } from '../domain/calendar.ts';
import type { Deps } from './deps.ts';
import { type App, route } from './route.ts';
import * as s from './schemas.ts';
import { subscriptionOr404 } from './subscriptions/found.ts';
import { enterUrl } from './tickets.ts';

// POST /v1/wallet_sessions: a link that opens a wallet once. The route reads the subscription and stores nothing: the link is
// signed (tickets.ts). src/web/wallet serves the pages behind it.

/** Registers POST /v1/wallet_sessions. */
export function walletSessionRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/wallet_sessions',
      summary: 'Make a link that opens the wallet of a subscription once',
      scope: 'billing',
      body: z.strictObject({ subscription_id: s.text(64) }).meta({ id: 'WalletSessionRequest' }),
      answers: {
        201: {
          description: 'The link, and until when it can be opened',
          schema: z.object({ url: z.string(), expires_at: z.string() }).meta({ id: 'WalletSession' }),
        },
      },
    },
    async (c, { body }) => {
      const { state } = await subscriptionOr404(deps, body.subscription_id);
      const ticket = await deps.tickets.issue(state.id);
      return c.json({ url: enterUrl(deps.publicUrl, ticket).href, expires_at: iso(ticket.expiresAt) }, 201);
    },
  );
}
