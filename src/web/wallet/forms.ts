import type { Context } from 'hono';
import { z } from 'zod';
import type { Deps } from '../../api/deps.ts';
import { check, type Env, fingerprint } from '../../api/route.ts';
import * as s from '../../api/schemas.ts';
import { activating } from '../../api/subscriptions/plan-change.ts';
import { buying } from '../../api/subscriptions/purchases.ts';
import { cancelling, lowering, payingWith, resuming } from '../../api/subscriptions/subscriptions.ts';
import { type Once, type Operation, run } from '../../api/updates.ts';
import { packsOn } from '../../domain/catalog/catalog.ts';
import { packsIn } from '../../domain/catalog/packs.ts';
import { Refusal } from '../../domain/errors.ts';
import type { AddOnItem, State } from '../../domain/state.ts';
import { formFields, type Pages } from '../shell/pages.ts';
import { leaveNotice, type Notice } from './notices.ts';
import { leave } from './session.ts';

// POST /wallet/purchases, /wallet/add-ons, /wallet/cancel, /wallet/resume, /wallet/activate, /wallet/pay,
// /wallet/leave: the API's commands, each under the key of its form. A form that was carried out redirects to a page, so a reload of
// that page sends no form again.

const key = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'is not a key');
/** A form's field as a whole number from 0. */
export const count = z.coerce.number().pipe(z.int().min(0).max(Number.MAX_SAFE_INTEGER));

/** A form's fields, checked as a body is, with the form's key and hash. Throws `invalid_request`. */
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

/** Registers the wallet's forms. */
export function walletForms(pages: Pages, deps: Deps): void {
  const idOf = (c: Context<Env>) => c.get('session').subscriptionId;
  /** The state before the form's command. */
  const stateOf = (c: Context<Env>) => c.get('session').row.state;
  /** Runs a command and leaves a notice; `isSo` says whether the state had the wanted value before. */
  const did = async (
    c: Context<Env>,
    once: Once,
    { did, of = '', isSo }: { did: Notice['did']; of?: string; isSo: (state: State) => boolean },
    wanted: Operation,
  ): Promise<void> => {
    const { replayed } = await run(deps, once, wanted);
    leaveNotice(deps, c, '/wallet', { did, of, isAgain: replayed || isSo(stateOf(c)) });
  };

  pages.post('/purchases', async (c) => {
    const { form, once } = await formOf(c, {
      packs: count.pipe(z.int().min(1)),
      pack: s.pack.optional(),
      price: count,
      needed: count.optional(),
    });
    const { packs, pack } = form;
    await checkPrice(deps, stateOf(c), form);
    const { text, replayed } = await run(deps, once, await buying(deps, idOf(c), { packs, pack }));
    const { id } = JSON.parse(text) as { id: string };
    leaveNotice(deps, c, '/wallet', { did: 'bought', of: id, isAgain: replayed });
    return c.redirect(form.needed ? `/wallet/out-of-credits?needed=${form.needed}` : '/wallet', 303);
  });
  pages.post('/add-ons', async (c) => {
    const { form, once } = await formOf(c, { packs: count, pack: s.pack.optional() });
    const { packs, pack } = form;
    const items = pack === undefined ? null : lowered(stateOf(c).addOn, pack, packs);
    const kept = items ? packsIn(items) : packs;
    const asked = {
      did: 'lowered',
      of: String(kept),
      isSo: (before: State) => packsIn(before.addOn) === kept,
    } as const;
    await did(c, once, asked, lowering(deps, idOf(c), { packs: kept, items }));
    return c.redirect('/wallet/add-ons', 303);
  });
  pages.post('/cancel', async (c) => {
    const { once } = await formOf(c, {});
    const isSo = ({ scheduled }: State) => scheduled?.kind === 'cancel';
    const wanted = cancelling(deps, idOf(c), { at: 'renewal', reason: 'by the customer' });
    await did(c, once, { did: 'cancelled', isSo }, wanted);
    return c.redirect('/wallet', 303);
  });
  pages.post('/resume', async (c) => {
    const { once } = await formOf(c, {});
    const isSo = ({ scheduled }: State) => scheduled === null;
    await did(c, once, { did: 'resumed', isSo }, resuming(deps, idOf(c)));
    return c.redirect('/wallet', 303);
  });
  pages.post('/activate', async (c) => {
    const { once } = await formOf(c, {});
    await did(c, once, { did: 'activated', isSo: () => false }, activating(deps, idOf(c)));
    return c.redirect('/wallet', 303);
  });
  pages.post('/pay', async (c) => {
    const { once } = await formOf(c, {});
    if (deps.billing !== 'sandbox') throw s.fault('/', 'only sandbox billing has test cards');
    const isSo = ({ unpaid }: State) => unpaid === null;
    await did(c, once, { did: 'paid', isSo }, payingWith(deps, idOf(c), 'sandbox_ok'));
    return c.redirect('/wallet', 303);
  });
  pages.post('/leave', async (c) => {
    await leave(deps, c, '/wallet');
    return c.redirect('/wallet/closed', 303);
  });
}

/** R-32a: the add-on with another number of packs of one id. More than it has is refused by the command. */
const lowered = (addOn: readonly AddOnItem[], pack: string, quantity: number): AddOnItem[] => [
  ...addOn.filter((item) => item.pack !== pack),
  { pack, quantity },
];

/**
 * R-08, R-32a: refuses a purchase at another price than the page showed of this pack; without a name, of the only one. Throws
 * `pack_not_offered`.
 */
export async function checkPrice(
  deps: Deps,
  state: State,
  shown: { pack?: string | undefined; price: number },
): Promise<void> {
  const sold = packsOn(await deps.catalogs.current(), state.plan, state.interval);
  const pack = shown.pack === undefined ? sold[0] : sold.find((known) => known.id === shown.pack);
  if (pack?.price !== shown.price)
    throw new Refusal(
      'pack_not_offered',
      'The price has changed since this page was made: look at it again.',
    );
}
