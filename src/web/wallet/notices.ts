import { createHmac } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import type { Deps } from '../../api/deps.ts';
import type { Env } from '../../api/route.ts';
import { readCharge, type SubscriptionRow } from '../../db/reads.ts';
import { packsIn } from '../../domain/catalog/packs.ts';
import type { State } from '../../domain/state.ts';
import { cookieBelow, cookieOf } from '../shell/cookies.ts';
import { capital } from '../shell/words.ts';
import { type Below, sessionSecret } from './session.ts';
import type { Texts } from './standing.tsx';

// The page after a form shows the form's effect, once. A cookie signed with the session's secret names the form, the first page
// removes it, and the page makes each sentence from the present state. No address can claim an effect.

const COOKIE = 'drawdown_notice';
const HEADER = 'Drawdown-Notice';
const SECONDS = 60;

const noticeSchema = z.object({
  did: z.enum(['bought', 'lowered', 'cancelled', 'resumed', 'activated', 'paid', 'made', 'advanced']),
  /** The object it made or named: a purchase, a number of packs, a usage, an advance's key. */
  of: z.string(),
  /** The form had no effect: an earlier one had it. */
  isAgain: z.boolean(),
});
/** The form that was carried out. */
export type Notice = z.infer<typeof noticeSchema>;

/** Leaves a notice for the next page. */
export function leaveNotice(deps: Deps, c: Context<Env>, below: Below, word: Notice): void {
  const payload = Buffer.from(JSON.stringify(word)).toString('base64url');
  const value = sealed(payload, sessionSecret(deps, c));
  setCookie(c, COOKIE, value, { ...cookieBelow(deps, below), maxAge: SECONDS });
}

/**
 * Takes the notice of the form before this page, with its seal; null without one, or with another session's. The page's script
 * sends the seal when it loads new content: that page keeps the notice, and the cookie of a later form stays.
 */
export function takeNotice(deps: Deps, c: Context<Env>, below: Below): (Notice & { seal: string }) | null {
  const kept = c.req.header(HEADER);
  const text = kept ?? cookieOf(deps, c, COOKIE);
  if (text === undefined) return null;
  if (kept === undefined) deleteCookie(c, COOKIE, cookieBelow(deps, below));
  const [payload = ''] = text.split('.');
  if (text !== sealed(payload, sessionSecret(deps, c))) return null;
  return { ...noticeSchema.parse(JSON.parse(Buffer.from(payload, 'base64url').toString())), seal: text };
}

const sealed = (payload: string, secret: string): string =>
  `${payload}.${createHmac('sha256', secret).update(payload).digest('base64url')}`;

const AGAIN = 'This had been done before: nothing was done a second time.';

/** The notice as a sentence that is true of the present state; null where no sentence is. */
export async function sentenceOf(
  deps: Deps,
  { did, of, isAgain }: Notice,
  { state }: SubscriptionRow,
  texts: Texts,
): Promise<string | null> {
  const says = did === 'bought' ? await boughtText(deps, state, of, texts) : textOf(did, of, state, texts);
  return isAgain ? [AGAIN, did === 'bought' ? says : null].filter(Boolean).join(' ') : says;
}

function textOf(
  did: Exclude<Notice['did'], 'bought'>,
  of: string,
  state: State,
  { words }: Texts,
): string | null {
  switch (did) {
    case 'cancelled':
      if (state.status === 'ended') return 'Your plan has ended.';
      return state.scheduled?.kind === 'cancel'
        ? 'Your plan is cancelled. You can undo that until it ends.'
        : null;
    case 'resumed':
      return state.status === 'active' && state.scheduled === null ? 'Your plan goes on.' : null;
    case 'lowered':
      return String(packsIn(state.addOn)) === of
        ? `The add-on is changed. ${capital(words.credit[1])} you have stay.`
        : null;
    case 'activated':
      if (state.status === 'active') return 'Thank you: your plan is paid, and your trial is over.';
      return state.waiting.length > 0
        ? 'Your payment is on its way. Your plan begins once it is paid.'
        : null;
    case 'paid':
      if (state.status === 'active') return 'Thank you: your renewal is paid.';
      return state.unpaid && !state.unpaid.pending ? 'The payment was declined again.' : null;
    case 'made':
    case 'advanced':
      return null;
  }
}

async function boughtText(
  deps: Deps,
  state: State,
  purchaseId: string,
  { format, words }: Texts,
): Promise<string | null> {
  const charge = await readCharge(deps.db, state.id, { purchaseId });
  if (!charge) return null;
  const { status, refundedMinor, amountMinor, currency, credits, packs } = charge;
  const price = format.money(amountMinor, currency);
  if (refundedMinor > 0)
    return `Of the ${price} you paid, ${format.money(refundedMinor, currency)} were given back.`;
  if (status === 'paid')
    return `Thank you. ${format.creditsOf(credits)} are yours to use: ${words.packs(packs)}, ${price}.`;
  return status === 'pending'
    ? `Your payment is on its way. The ${words.credit[1]} arrive as soon as it is settled.`
    : 'The payment was not made: nothing was bought.';
}
