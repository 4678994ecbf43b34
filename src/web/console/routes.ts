import type { AuthenticatedRequests } from '../../api/auth.ts';
import type { Deps } from '../../api/deps.ts';
import type { App } from '../../api/route.ts';
import { search } from '../../db/console/search.ts';
import { createLedgerReader } from '../../doctor/ledger.ts';
import { cut } from '../../domain/text.ts';
import { formatOf } from '../shell/format.ts';
import { assets, formFields, type Pages, pagesBelow, sendPage } from '../shell/pages.ts';
import { actionRoutes } from './action-routes.ts';
import { fleetPage } from './fleet-page.tsx';
import { fleetView } from './fleet-view.ts';
import { searchPage } from './search-page.tsx';
import { destination, operatorOnly, refusedSlowly, SIGN_IN, signIn, signOut } from './session.ts';
import { signInPage } from './sign-in-page.tsx';
import { subscriptionRoute } from './subscription-routes.ts';
import { CONSOLE, placeOf } from './views.ts';

// GET and POST /console/sign-in, POST /console/sign-out; then, for operators only: GET /console (search), GET /console/fleet, and
// the pages of one subscription (subscription-routes.ts, action-routes.ts).

/** Registers the console: pages about all subscriptions, and an operator's actions on one. */
export function consoleRoutes(app: App, deps: Deps, authenticated: AuthenticatedRequests): void {
  pagesBelow(app, CONSOLE, deps, 'operators', (pages) => {
    signInRoutes(pages, deps);
    pages.use(operatorOnly(deps));
    searchRoute(pages, deps);
    fleetRoute(pages, deps);
    subscriptionRoute(pages, deps);
    actionRoutes(pages, deps, async (request, whose) => {
      authenticated.set(request, whose);
      return app.fetch(request);
    });
  });
}

const path = (full: string): string => full.slice(CONSOLE.length);

function signInRoutes(pages: Pages, deps: Deps): void {
  pages.get(path(SIGN_IN), (c) =>
    sendPage(c, signInPage({ to: destination(c.req.query('to')), hasFailed: false }, assets)),
  );
  pages.post(path(SIGN_IN), async (c) => {
    const { key, to } = await formFields(c);
    const place = destination(typeof to === 'string' ? to : undefined);
    if (await signIn(deps, c, typeof key === 'string' ? key : '')) return c.redirect(place, 303);
    await refusedSlowly();
    return sendPage(c, signInPage({ to: place, hasFailed: true }, assets), 401);
  });
  pages.post('/sign-out', async (c) => {
    await signOut(deps, c);
    return c.redirect(SIGN_IN, 303);
  });
}

/** Characters of the longest text that search can find. */
const LONGEST = 255;

function searchRoute(pages: Pages, deps: Deps): void {
  pages.get('/', async (c) => {
    const text = (c.req.query('q') ?? '').trim();
    const within = (c.req.query('in') ?? '').trim();
    const format = formatOf('UTC');
    const common = { text: cut(text, LONGEST), within: cut(within, 64), format };
    if (text.length > LONGEST || within.length > LONGEST) {
      const fault = 'This is longer than anything that is kept.';
      return sendPage(c, searchPage({ ...common, hits: null, isPartial: false, fault }, assets), 400);
    }
    if (text === '')
      return sendPage(c, searchPage({ ...common, hits: null, isPartial: false, fault: null }, assets));
    const { hits, isPartial } = await search(deps.longReads, text, within === '' ? null : within);
    const [only] = hits;
    if (only && hits.length === 1) return c.redirect(hitPlace(only), 303);
    const views = hits.map((hit) => ({ ...hit, customerId: hit.customer_id, href: hitPlace(hit) }));
    return sendPage(c, searchPage({ ...common, hits: views, isPartial, fault: null }, assets));
  });
}

/** The page of a hit: its subscription's, or its place on the timeline there. */
function hitPlace({
  kind,
  id,
  subscription_id,
}: {
  kind: string;
  id: string;
  subscription_id: string;
}): string {
  const at = placeOf(subscription_id);
  if (kind === 'subscription' || kind === 'event') return at;
  if (kind === 'command') return `${at}?kind=requests#timeline`;
  return `${at}?about=${encodeURIComponent(id)}#timeline`;
}

function fleetRoute(pages: Pages, deps: Deps): void {
  const readLedger = createLedgerReader(deps.db);
  pages.get('/fleet', async (c) =>
    sendPage(c, fleetPage(await fleetView(deps, readLedger, formatOf('UTC')), assets)),
  );
}
