import type { Context } from 'hono';
import { z } from 'zod';
import { findPack } from '../domain/catalog.ts';
import { Refusal } from '../domain/errors.ts';
import { type Deps, type Once, run, subscriptionOr404 } from './context.ts';
import { formFields, type Pages } from './pages.ts';
import { buying } from './purchases.ts';
import { check, type Env, fingerprint } from './route.ts';
import type { SubscriptionView } from './schemas.ts';
import * as s from './schemas.ts';
import { cancelling, lowering, payingWith, resuming } from './subscriptions.ts';
import { leave } from './wallet-sessions.ts';

// The wallet's forms: the same commands as the API's, under the key that was drawn into the form. A form that was carried
// out leads to a page, so that reloading that page asks for nothing again.

const key = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'is not a key');
export const count = z.coerce.number().pipe(z.int().min(0).max(Number.MAX_SAFE_INTEGER));

/** The members of a form, checked as a body is; and what tells this sending from another. */
export async function formOf<Shape extends z.ZodRawShape>(
  c: Context<Env>,
  shape: Shape,
): Promise<{ form: z.output<z.ZodObject<Shape>>; once: Once }> {
  const fields = await formFields(c);
  const { key: given, ...rest } = fields;
  const form = check(z.strictObject(shape), rest, (path) => `/${String(path[0])}`);
  const once = { key: check(key, given, () => '/key'), bodyHash: fingerprint(['form', c.req.path, rest]) };
  return { form: form as z.output<z.ZodObject<Shape>>, once };
}

export function walletForms(pages: Pages, deps: Deps): void {
  const idOf = (c: Context<Env>) => c.get('session').subscriptionId;

  pages.post('/purchases', async (c) => {
    const { form, once } = await formOf(c, {
      packs: count.pipe(z.int().min(1)),
      price: count,
      needed: count.optional(),
    });
    await checkPrice(deps, idOf(c), form.price);
    const { text } = await run(deps, once, await buying(deps, idOf(c), { packs: form.packs }));
    const { id } = JSON.parse(text) as { id: string };
    const back = form.needed === undefined ? '/wallet' : '/wallet/out-of-credits';
    const query = new URLSearchParams({
      purchase: id,
      ...(form.needed ? { needed: String(form.needed) } : {}),
    });
    return c.redirect(`${back}?${query}`, 303);
  });
  pages.post('/add-ons', async (c) => {
    const { form, once } = await formOf(c, { packs: count });
    await run(deps, once, lowering(deps, idOf(c), form.packs));
    return c.redirect('/wallet/add-ons?done=removed', 303);
  });
  pages.post('/cancel', async (c) => {
    const { once } = await formOf(c, {});
    const { text } = await run(
      deps,
      once,
      cancelling(deps, idOf(c), { at: 'renewal', reason: 'by the customer' }),
    );
    const { status } = JSON.parse(text) as SubscriptionView;
    return c.redirect(`/wallet?done=${status === 'ended' ? 'ended' : 'cancelled'}`, 303);
  });
  pages.post('/resume', async (c) => {
    const { once } = await formOf(c, {});
    await run(deps, once, resuming(deps, idOf(c)));
    return c.redirect('/wallet?done=resumed', 303);
  });
  pages.post('/pay', async (c) => {
    const { once } = await formOf(c, {});
    if (deps.billing !== 'sandbox') throw s.fault('/', 'only sandbox billing has test cards');
    const { text } = await run(deps, once, payingWith(deps, idOf(c), 'sandbox_ok'));
    const { status } = JSON.parse(text) as SubscriptionView;
    return c.redirect(`/wallet?done=${status === 'past_due' ? 'unpaid' : 'paid'}`, 303);
  });
  pages.post('/leave', async (c) => {
    await leave(deps, c, '/wallet');
    return c.redirect('/wallet/closed', 303);
  });
}

/** nobody is charged another price than the one the page showed. */
export async function checkPrice(deps: Deps, id: string, shown: number): Promise<void> {
  const { state } = await subscriptionOr404(deps, id);
  const pack = findPack(await deps.catalogs.current(), state.interval);
  if (pack?.price_minor !== shown)
    throw new Refusal(
      'pack_not_offered',
      'The price has changed since this page was made: look at it again.',
    );
}
