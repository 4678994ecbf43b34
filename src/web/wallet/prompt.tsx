import type { Instant } from '../../domain/calendar.ts';
import type { ProblemCode } from '../../domain/errors.ts';
import type { Format } from '../shell/format.ts';
import { page } from '../shell/page.tsx';
import { Key, Leave, When, walletNav } from '../shell/parts.tsx';
import { packsOf } from '../shell/words.ts';
import { type PackOffer, Stepper } from './add-ons.tsx';
import { Said, StateNote, type WalletFrame } from './standing.tsx';

/** The credits that a refused spend needs, and the ways to get them. */
export interface Shortage {
  format: Format;
  now: Instant;
  needed: number;
  available: number;
  held: number;
  offer: PackOffer | null;
  /** The number of packs that covers it; 0 where the largest purchase does not. */
  packs: number;
  refusal: ProblemCode | null;
  /** The next allowance, where it covers the need. */
  refresh: { at: Instant; credits: number } | null;
}

/** The data of /wallet/out-of-credits. */
interface PromptView extends WalletFrame {
  shortage: Shortage;
}

/** The page /wallet/out-of-credits, the target of a refusal's link. */
export function promptPage(view: PromptView): string {
  const { assets, shortage, key } = view;
  const isEnough = shortage.available >= shortage.needed;
  return page({
    title: isEnough ? 'Enough credits' : 'Out of credits',
    assets,
    nav: walletNav(null),
    aside: <Leave />,
    children: isEnough ? (
      <section class="card narrow">
        <Said frame={view} />
        <h1>You have enough credits</h1>
        <p>
          {view.format.creditsOf(shortage.available)} are available, and{' '}
          {view.format.credits(shortage.needed)} are needed. Go back to what you were doing, and try again.
        </p>
        <p>
          <a class="button" href="/wallet">
            To the wallet
          </a>
        </p>
      </section>
    ) : (
      <>
        <Said frame={view} />
        <StateNote frame={view} />
        <OutOfCredits shortage={shortage} action="/wallet/purchases" away="/wallet" keyValue={key} />
      </>
    ),
  });
}

interface OutOfCreditsProps {
  shortage: Shortage;
  /** The address of the purchase's form. */
  action: string;
  /** The address to go to on closing it. */
  away: string;
  keyValue: string;
  /** More hidden fields. */
  fields?: Record<string, string>;
}

/** The prompt, on the page of the refusal. */
export function OutOfCredits({ shortage, action, away, keyValue, fields = {} }: OutOfCreditsProps) {
  const { format, needed, available, held, offer, packs } = shortage;
  return (
    <dialog open data-modal data-away={away} aria-labelledby="out">
      <h1 id="out" tabindex={-1} autofocus>
        You’re out of Premium Credits
      </h1>
      <dl class="facts">
        <div>
          <dt>This needs</dt>
          <dd>{format.creditsOf(needed)}</dd>
        </div>
        <div>
          <dt>You have</dt>
          <dd>
            {format.creditsOf(available)}
            {held > 0 && `, and ${format.credits(held)} held`}
          </dd>
        </div>
        <div class="sum">
          <dt>Missing</dt>
          <dd>{format.creditsOf(needed - available)}</dd>
        </div>
      </dl>
      {offer && packs > 0 ? (
        <form method="post" action={action} class="stack">
          <p>
            {packsOf(packs)} {packs === 1 ? 'covers' : 'cover'} it: {format.creditsOf(packs * offer.credits)},
            to use until <When format={format} at={offer.expiresAt} near={shortage.now} />.
          </p>
          <Key value={keyValue} />
          <input type="hidden" name="needed" value={String(needed)} />
          {Object.entries(fields).map(([name, value]) => (
            <input type="hidden" name={name} value={value} />
          ))}
          <Stepper format={format} offer={offer} packs={packs} />
          <p class="small quiet">
            Renews with your plan on <When format={format} at={offer.renewsAt} near={shortage.now} /> until
            you remove it.
          </p>
          <button type="submit" class="primary">
            Buy Now
          </button>
        </form>
      ) : (
        <p>{whyNot(shortage)}</p>
      )}
      <Wait shortage={shortage} />
      <p class="row">
        <a class="button" href={away}>
          Not now
        </a>
      </p>
    </dialog>
  );
}

function Wait({ shortage: { refresh, format, now } }: { shortage: Shortage }) {
  if (!refresh) return null;
  return (
    <p class="quiet">
      Or wait: {format.creditsOf(refresh.credits)} arrive on{' '}
      <When format={format} at={refresh.at} near={now} />.
    </p>
  );
}

function whyNot({ refusal, offer }: Shortage): string {
  const text: Partial<Record<ProblemCode, string>> = {
    contact_account_manager: 'Reach out to your account manager to purchase Premium Credits.',
    cancellation_scheduled: 'Your plan is being cancelled: keep it, and packs can be bought again.',
    payment_past_due: 'Your last renewal is unpaid: once it is paid, packs can be bought again.',
    subscription_not_active: 'You need an active plan to use or buy Premium Credits.',
  };
  if (refusal) return text[refusal] ?? 'Packs can’t be bought at the moment.';
  return offer
    ? 'That is more than can be bought at once. Reach out to us, and we will find a way.'
    : 'No packs are offered for your plan at the moment.';
}
