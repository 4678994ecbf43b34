import { randomBytes } from 'node:crypto';
import type { Context } from 'hono';
import type { Deps } from '../../api/deps.ts';
import { startOf, triedPlan, useOf } from '../../api/examples.ts';
import { notFound } from '../../api/problems.ts';
import type { App, Env } from '../../api/route.ts';
import * as s from '../../api/schemas.ts';
import { buying } from '../../api/subscriptions/purchases.ts';
import { spendItems } from '../../api/subscriptions/spend.ts';
import { start } from '../../api/subscriptions/start.ts';
import { run } from '../../api/updates.ts';
import { listUsages, readReply, readUsage, type UsageRow } from '../../db/reads.ts';
import { digestOf } from '../../db/spend-batches.ts';
import { type Catalog, featureOf } from '../../domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../domain/catalog/default.ts';
import { type Item, price } from '../../domain/catalog/rates.ts';
import { Refusal } from '../../domain/errors.ts';
import type { PageDeps } from '../shell/deps.ts';
import { formatOf } from '../shell/format.ts';
import { assets, lookFor, type Pages, pagesBelow, sendPage } from '../shell/pages.ts';
import { quantityText } from '../shell/units.ts';
import { wordsOf } from '../shell/words.ts';
import { outlookOf } from '../wallet/chart-view.ts';
import { checkPrice, count, formOf } from '../wallet/forms.ts';
import { sendVersions } from '../wallet/live.ts';
import { leaveNotice } from '../wallet/notices.ts';
import { fundsOf, shortageOf } from '../wallet/offers-view.ts';
import { enter, sessionOf, withSession } from '../wallet/session.ts';
import { visitOf } from '../wallet/visit.ts';
import { type Made, type Making, studioPage, studioStart } from './studio.tsx';
import { firedBy, jump, jumpsOf } from './time-machine.ts';

// POST /demo/start; then, with a session of the studio: GET /demo, GET /demo/live, POST /demo/make, /demo/purchases,
// /demo/advance. The studio is a product that uses credits, on a subscription of its visitor with a test clock. It exists in test
// mode with sandbox billing only; no other session may spend or move a clock.

interface Recipe {
  title: string;
  text: string;
  items: Item[];
}

const RECIPES: Record<string, Recipe> = {
  avatar: {
    title: 'Avatar IV video',
    text: 'Ninety seconds of a photo that talks.',
    items: [{ feature: 'avatar_iv', quantity: 90 }],
  },
  translation: {
    title: 'Video Translation',
    text: 'Six minutes, lipsync included.',
    items: [{ feature: 'video_translation', quantity: 360 }],
  },
  looks: {
    title: 'Three looks',
    text: 'Looks come three at once.',
    items: [{ feature: 'generate_look', quantity: 3 }],
  },
  film: {
    title: 'A short film',
    text: 'Ten video assets, from an idea.',
    items: [{ feature: 'video_asset', quantity: 10 }],
  },
};

/** Shares of the allowance that the buttons of another catalogue cost; the largest can't be paid twice. */
const SHARES = { small: 0.05, medium: 0.15, large: 0.3, huge: 0.75 };

/** The buttons of the studio: RECIPES where the catalogue has their features by these names, else made from its rates. */
function recipesOf(catalog: Catalog): Record<string, Recipe> {
  const isKnown = ({ items }: Recipe) =>
    items.every(({ feature: id }) => featureOf(catalog, id)?.name === featureOf(DEFAULT_CATALOG, id)?.name);
  if (Object.values(RECIPES).every(isKnown)) return RECIPES;
  const { allowance } = triedPlan(catalog);
  return Object.fromEntries(
    Object.entries(SHARES).map(([id, share], i) => {
      const rate = catalog.features[i % catalog.features.length]!;
      const item = useOf(rate, Math.ceil(allowance * share));
      const many = rate.credits === null ? 'Once' : quantityText(rate.unit, item.quantity, formatOf('UTC'));
      return [id, { title: rate.name, text: `${many}.`, items: [item] }];
    }),
  );
}

const MADE_SHOWN = 8;

const freshKey = (): string => `studio-${randomBytes(12).toString('base64url')}`;

/** Whether the studio exists: only where no real clock and no real money move. */
export const isDemoOn = ({ testMode, billing }: Pick<Deps, 'testMode' | 'billing'>): boolean =>
  testMode && billing === 'sandbox';

/** Registers the pages of the studio. */
export function demoRoutes(app: App, deps: PageDeps): void {
  pagesBelow(app, '/demo', deps, 'customers', (pages) => {
    pages.use(async (_, next) => {
      if (!isDemoOn(deps)) throw notFound();
      await next();
    });
    startForm(pages, deps);
    const startPage = async (c: Context<Env>) => {
      const catalog = await deps.catalogs.current();
      const { name, allowance } = triedPlan(catalog);
      const words = wordsOf(catalog);
      const credits = formatOf('UTC', words.credit).creditsOf(allowance);
      const start = { assets, look: lookFor(c), words, key: freshKey(), plan: name, credits };
      return sendPage(c, studioStart(start), c.req.method === 'GET' ? 200 : 401);
    };
    pages.use(withSession(deps, startPage), async (c, next) => {
      // A wallet's session does not open the studio.
      if (!c.get('session').isDemo) return startPage(c);
      return next();
    });
    studio(pages, deps);
    pages.get('/live', (c) => sendVersions(c, deps.live));
  });
}

function startForm(pages: Pages, deps: Deps): void {
  pages.post('/start', async (c) => {
    const { once } = await formOf(c, {});
    const session = await sessionOf(deps, c);
    if (session?.isDemo) return c.redirect('/demo', 303);
    const body = s.startRequest.parse({
      customer_id: `demo-${randomBytes(6).toString('hex')}`,
      ...startOf(triedPlan(await deps.catalogs.current())),
      test_clock: { now: new Date().toISOString() },
      metadata: { from: 'demo' },
    });
    const { text } = await start(deps, body, once);
    const { id } = JSON.parse(text) as { id: string };
    const entry = { subscriptionId: id, ticket: randomBytes(24).toString('base64url'), isDemo: true };
    await enter(deps, c, entry, ['/demo', '/wallet']);
    return c.redirect('/demo', 303);
  });
}

function studio(pages: Pages, deps: Deps): void {
  pages.get('/', (c) => showStudio(deps, c));
  pages.post('/make', async (c) => {
    const { form, once } = await formOf(c, { making: s.text(20) });
    const { catalog, row } = await visitOf(deps, c, '/demo');
    const { id } = row.state;
    const { items } = recipeOf(catalog, form.making);
    try {
      const body = { items, metadata: {} };
      const { text, replayed } = await spendItems(deps, { params: { id }, body, ...once }, 'usage', null, []);
      const of = (JSON.parse(text) as { id: string }).id;
      leaveNotice(deps, c, '/demo', { did: 'made', of, isAgain: replayed });
      return c.redirect('/demo', 303);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'insufficient_credits') throw error;
      return c.redirect(`/demo?${new URLSearchParams({ short: form.making, again: once.key })}`, 303);
    }
  });
  pages.post('/purchases', async (c) => {
    const fields = {
      packs: count,
      pack: s.pack.optional(),
      price: count,
      needed: count,
      making: s.text(20),
      again: s.text(255),
    };
    const { form, once } = await formOf(c, fields);
    const { state } = (await visitOf(deps, c, '/demo')).row;
    const { packs, pack } = form;
    await checkPrice(deps, state, form);
    const { text, replayed } = await run(deps, once, await buying(deps, state.id, { packs, pack }));
    const of = (JSON.parse(text) as { id: string }).id;
    leaveNotice(deps, c, '/demo', { did: 'bought', of, isAgain: replayed });
    return c.redirect(`/demo?${new URLSearchParams({ making: form.making, again: form.again })}`, 303);
  });
  pages.post('/advance', async (c) => {
    const { form, once } = await formOf(c, { to: s.text(20) });
    const replayed = await jump(deps, await visitOf(deps, c, '/demo'), form.to, once);
    leaveNotice(deps, c, '/demo', { did: 'advanced', of: once.key, isAgain: replayed });
    return c.redirect('/demo', 303);
  });
}

function recipeOf(catalog: Catalog, making: string): Recipe {
  const recipes = recipesOf(catalog);
  if (!Object.hasOwn(recipes, making))
    throw s.fault('/making', `must be one of ${Object.keys(recipes).join(', ')}`);
  return recipes[making]!;
}

async function showStudio(deps: Deps, c: Context<Env>): Promise<Response> {
  const visit = await visitOf(deps, c, '/demo');
  const { row, frame, catalog, notice } = visit;
  const { id } = row.state;
  const asked = await stillAsked(deps, id, c.req.query());
  const makingOf = (name: string): Making => {
    const { title, text, items } = recipeOf(catalog, name);
    return { id: name, title, text, credits: price(catalog, items).credits, key: freshKey() };
  };
  const [{ chart }, funds, usages, jumps, fired, usage] = await Promise.all([
    outlookOf(deps, visit),
    fundsOf(deps, visit),
    listUsages(deps.db, id, { limit: MADE_SHOWN, order: 'desc', after: null }),
    jumpsOf(deps, visit),
    notice?.did === 'advanced' ? firedBy(deps, id, notice.of, frame.format) : null,
    notice?.did === 'made' ? readUsage(deps.db, id, notice.of) : undefined,
  ]);
  const { available } = funds;
  const lacking = asked?.short === undefined ? null : makingOf(asked.short);
  const isShort = lacking !== null && lacking.credits > available;
  const waiting = asked?.making === undefined ? (isShort ? null : lacking) : makingOf(asked.making);
  return sendPage(
    c,
    studioPage({
      ...frame,
      available,
      makings: Object.keys(recipesOf(catalog)).map(makingOf),
      made: (usages?.rows ?? []).slice(0, MADE_SHOWN).map(madeOf),
      fresh: usage ? madeOf(usage) : null,
      refused: isShort
        ? {
            making: lacking,
            key: asked?.again ?? '',
            shortage: shortageOf(visit, funds, lacking.credits),
          }
        : null,
      again: waiting && asked ? { making: waiting, key: asked.again } : null,
      jumps,
      fired,
      chart,
    }),
  );
}

interface StudioQuery {
  /** The key of the refused request. */
  again: string;
  /** The refused request: just refused, or affordable since. */
  short?: string | undefined;
  making?: string | undefined;
}

/** The refused request in the address, while it waits; null once its key has an answer. */
async function stillAsked(
  deps: Deps,
  id: string,
  query: Record<string, string>,
): Promise<StudioQuery | null> {
  const { again, short, making } = query;
  if (again === undefined || again.length > 255) return null;
  const answered = await readReply(deps.db, id, digestOf(id, 'usage', again));
  return answered ? null : { again, short, making };
}

const madeOf = ({ id, answer, credits, at }: UsageRow): Made => ({
  id,
  feature: answer.lines[0]?.feature ?? 'nothing',
  credits,
  at: at.getTime(),
});
