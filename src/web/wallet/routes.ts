import type { Context } from 'hono';
import type { Deps } from '../../api/deps.ts';
import { notFound, requestFields } from '../../api/problems.ts';
import type { App, Env } from '../../api/route.ts';
import * as s from '../../api/schemas.ts';
import { entriesCsv } from '../../api/subscriptions/entries.ts';
import { creditsAtRisk } from '../../api/subscriptions/subscriptions.ts';
import { csvLines, hasEntry, listActivity } from '../../db/entries.ts';
import type { Instant } from '../../domain/calendar.ts';
import { decide } from '../../domain/commands.ts';
import { stem } from '../../domain/subscription.ts';
import type { PageDeps } from '../shell/deps.ts';
import { entryPage } from '../shell/message.tsx';
import { assets, lookFor, type Pages, pagesBelow, sendMessage, sendPage } from '../shell/pages.ts';
import { activityPage, FILTERS, type Filter } from './activity.tsx';
import { addOnsPage } from './add-ons.tsx';
import { cancelPage } from './cancel.tsx';
import { walletForms } from './forms.ts';
import { sendVersions } from './live.ts';
import { addOnsView, fundsOf, shortageOf } from './offers-view.ts';
import { walletPage } from './overview.tsx';
import { activityLine, walletView } from './overview-view.ts';
import { promptPage } from './prompt.tsx';
import { enter, sessionOf, withSession } from './session.ts';
import { visitOf } from './visit.ts';

// GET /wallet/enter, GET /wallet/closed; then, with a session: GET /wallet, /wallet/add-ons, /wallet/cancel,
// /wallet/out-of-credits, /wallet/activity, /wallet/activity.csv, /wallet/live (server-sent events), and the forms
// (forms.ts). Pages read the ledger.

/** Registers the wallet: a customer's credits, and the commands on them. */
export function walletRoutes(app: App, deps: PageDeps): void {
  pagesBelow(app, '/wallet', deps, 'customers', (pages) => {
    entryRoutes(pages, deps);
    pages.use(withSession(deps, closed));
    overview(pages, deps);
    activity(pages, deps);
    walletForms(pages, deps);
    pages.get('/live', (c) => sendVersions(c, deps.live));
  });
}

const closed = (c: Context<Env>): Response =>
  sendMessage(
    c,
    {
      title: 'This wallet is closed',
      text: 'A wallet stays open for an hour at most.',
      hint: 'Open it again from the product: each link works once, for five minutes.',
    },
    401,
  );

/** Pages without a session. */
function entryRoutes(pages: Pages, deps: Deps): void {
  pages.get('/enter', async (c) => {
    const ticket = c.req.query('ticket') ?? '';
    const subscriptionId = await deps.tickets.read(ticket);
    if (subscriptionId === null) return closed(c);
    // A prefetch or a HEAD request does not use the link.
    const isMeant = c.req.method === 'GET' && !(c.req.header('Sec-Purpose') ?? '').includes('prefetch');
    if (!isMeant) return c.body(null, 204);
    const isOpen = await enter(deps, c, { subscriptionId, ticket, isDemo: false }, ['/wallet']);
    // The second click on a link finds the session open.
    const known = isOpen ? null : await sessionOf(deps, c);
    if (!isOpen && known?.subscriptionId !== subscriptionId) return closed(c);
    const needed = /^\d{1,16}$/.exec(c.req.query('needed') ?? '')?.[0];
    return sendPage(
      c,
      entryPage(needed ? `/wallet/out-of-credits?needed=${needed}` : '/wallet', assets, lookFor(c)),
    );
  });
  pages.get('/closed', (c) =>
    sendMessage(c, {
      title: 'Your wallet is closed',
      text: 'Open it again from the product whenever you like.',
    }),
  );
}

function overview(pages: Pages, deps: Deps): void {
  pages.get('/', async (c) => sendPage(c, walletPage(await walletView(deps, await visitOf(deps, c)))));
  pages.get('/add-ons', async (c) => sendPage(c, addOnsPage(await addOnsView(deps, await visitOf(deps, c)))));
  pages.get('/cancel', async (c) => {
    const visit = await visitOf(deps, c);
    const { row, frame, catalog } = visit;
    // `decide` refuses the page where it would refuse the cancel.
    const after = decide(row.state, { type: 'cancel', at: 'renewal' }, frame.now, catalog).state;
    const at: Instant | null = after.status === 'ended' ? null : (after.scheduled?.at ?? null);
    const { available } = await fundsOf(deps, visit);
    const atRisk = at === null ? available : await creditsAtRisk(deps, { ...row, state: after });
    return sendPage(c, cancelPage({ ...frame, at, atRisk, available }));
  });
  pages.get('/out-of-credits', async (c) => {
    const visit = await visitOf(deps, c);
    const needed = Number(/^\d{1,16}$/.exec(c.req.query('needed') ?? '')?.[0] ?? 1);
    if (!Number.isSafeInteger(needed)) throw s.fault('?needed', 'must be a whole number');
    const shortage = shortageOf(visit, await fundsOf(deps, visit), needed);
    return sendPage(c, promptPage({ ...visit.frame, shortage }));
  });
}

const ACTIVITY_PAGE = 50;

function activity(pages: Pages, deps: Deps): void {
  const filterOf = (c: Context<Env>): Filter => {
    const show = c.req.query('show') ?? 'all';
    if (!Object.hasOwn(FILTERS, show))
      throw s.fault('?show', `must be one of ${Object.keys(FILTERS).join(', ')}`);
    return show as Filter;
  };
  pages.get('/activity', async (c) => {
    const { row, frame } = await visitOf(deps, c);
    const { id } = row.state;
    const filter = filterOf(c);
    const before = await beforeOf(deps, id, c.req.query('before'));
    const wanted = { kinds: FILTERS[filter].kinds, before: before ?? row.version + 1, limit: ACTIVITY_PAGE };
    const { rows, next } = await listActivity(deps.db, id, wanted);
    const older = next === null ? null : `/wallet/activity?show=${filter}&before=ent_${stem(id)}_${next}`;
    return sendPage(
      c,
      activityPage({
        ...frame,
        filter,
        rows: rows.map(activityLine),
        older,
        isFirst: before === null,
      }),
    );
  });
  pages.get('/activity.csv', async (c) => {
    const { row } = await visitOf(deps, c);
    const { kinds } = FILTERS[filterOf(c)];
    const lines = csvLines(deps.longReads, row.state.id, { order: 'desc', newest: row.version, kinds });
    c.header('Content-Type', 'text/csv; charset=utf-8');
    c.header('Content-Disposition', 'attachment; filename="activity.csv"');
    return c.body(entriesCsv(deps, requestFields(c), lines));
  });
}

/** I12: the entry before the page. Throws `not_found` for one that is missing or of another ledger. */
async function beforeOf(deps: Deps, id: string, entry: string | undefined): Promise<number | null> {
  if (entry === undefined) return null;
  const seq = Number(/_(\d{1,16})$/.exec(entry)?.[1]);
  if (entry !== `ent_${stem(id)}_${seq}` || !(await hasEntry(deps.db, id, seq))) throw notFound();
  return seq;
}
