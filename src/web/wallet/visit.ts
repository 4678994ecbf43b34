import { randomBytes } from 'node:crypto';
import type { Context } from 'hono';
import type { Deps } from '../../api/deps.ts';
import type { Env } from '../../api/route.ts';
import { withoutOverdue } from '../../api/subscriptions/found.ts';
import { nowOf } from '../../api/views.ts';
import type { SubscriptionRow } from '../../db/reads.ts';
import type { Catalog } from '../../domain/catalog/catalog.ts';
import type { State } from '../../domain/state.ts';
import { priceOf } from '../../domain/subscription.ts';
import { formatOf } from '../shell/format.ts';
import { assets, lookFor } from '../shell/pages.ts';
import { wordsOf } from '../shell/words.ts';
import { type Notice, sentenceOf, takeNotice } from './notices.ts';
import type { Below } from './session.ts';
import type { WalletFrame } from './standing.tsx';

/** The session's subscription, as a page shows it. */
export interface Visit {
  row: SubscriptionRow;
  frame: WalletFrame;
  catalog: Catalog;
  /** The form that was carried out before this page. */
  notice: Notice | null;
}

/** Reads the session's subscription for a page below a path. */
export async function visitOf(deps: Deps, c: Context<Env>, below: Below = '/wallet'): Promise<Visit> {
  // A change after the session's version reaches the page as an event.
  const { version, row: found } = c.get('session');
  const row = await withoutOverdue(deps, found);
  const catalog = await deps.catalogs.current();
  const words = wordsOf(catalog);
  const format = formatOf(row.state.timeZone, words.credit);
  const notice = c.req.method === 'GET' ? takeNotice(deps, c, below) : null;
  const frame: WalletFrame = {
    assets,
    look: lookFor(c),
    words,
    format,
    now: nowOf(row),
    state: row.state,
    live: `${below}/live?since=${version}`,
    notice: notice?.seal ?? null,
    key: `wallet-${randomBytes(12).toString('base64url')}`,
    said: notice && (await sentenceOf(deps, notice, row, { format, words })),
    trialPrice: trialPriceOf(row.state, catalog),
    canPayHere: deps.billing === 'sandbox',
  };
  return { row, frame, catalog, notice };
}

/** the price at which a trial ends; null outside of one. */
export function trialPriceOf(state: State, catalog: Catalog): WalletFrame['trialPrice'] {
  if (state.status !== 'trialing') return null;
  return { minor: priceOf(state, catalog) ?? 0, currency: catalog.currency };
}
