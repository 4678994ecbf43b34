import type { Instant } from '../../domain/calendar.ts';
import type { ProblemCode } from '../../domain/errors.ts';
import { page } from '../shell/page.tsx';
import { Contact, Key, Leave, When, walletNav } from '../shell/parts.tsx';
import { capital } from '../shell/words.ts';
import { type PackOffer, type PageTexts, Renews, Stepper } from './packs.tsx';
import { Said, StateNote, type WalletFrame } from './standing.tsx';

/** A purchase that covers a shortage. */
interface Way {
  offer: PackOffer;
  packs: number;
}

/** The credits that a refused spend needs, and the ways to get them. */
export interface Shortage extends PageTexts {
  needed: number;
  available: number;
  held: number;
  /** R-32a: the purchases that cover it, the cheapest first; empty where no single one does. */
  ways: Way[];
  /** Whether packs can be bought at all. */
  isSold: boolean;
  refusal: ProblemCode | null;
  /** The page or address at which people help. */
  contact: string | null;
  /** The next allowance, where it covers the need. */
  refresh: { at: Instant; credits: number } | null;
}

/** The data of /wallet/out-of-credits. */
interface PromptView extends WalletFrame {
  shortage: Shortage;
}

/** The page /wallet/out-of-credits, the target of a refusal's link. */
export function promptPage(view: PromptView): string {
  const { assets, look, words, shortage, key } = view;
  const credits = words.credit[1];
  const isEnough = shortage.available >= shortage.needed;
  return page({
    title: isEnough ? `Enough ${credits}` : `Out of ${credits}`,
    assets,
    look,
    nav: walletNav(null),
    aside: <Leave />,
    children: isEnough ? (
      <section class="card narrow">
        <Said frame={view} />
        <h1>You have enough {credits}</h1>
        <p>
          {view.format.creditsOf(shortage.available)} are available, and{' '}
          {view.format.credits(shortage.needed)} are needed. Go back to what you were doing, and try again.
        </p>
        <p class="row">
          {look.home && (
            <a class="button primary" href={look.home}>
              Back to {look.name}
            </a>
          )}
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
  const { format, words, needed, available, held, ways, contact } = shortage;
  const [best, ...others] = ways;
  const hidden = (
    <>
      <input type="hidden" name="needed" value={String(needed)} />
      {Object.entries(fields).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
    </>
  );
  return (
    <dialog open data-modal data-away={away} aria-labelledby="out">
      <h1 id="out" tabindex={-1} autofocus>
        You’re out of {words.brand.credit[1]}
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
      {best ? (
        <form method="post" action={action} class="stack">
          <p>
            <Covers way={best} shortage={shortage} isOne={others.length === 0} />
          </p>
          <Key value={keyValue} />
          {hidden}
          <Stepper offer={best.offer} texts={shortage} packs={best.packs} />
          <p class="small quiet">
            <Renews offer={best.offer} texts={shortage} />
          </p>
          <button type="submit" class="primary">
            Buy Now
          </button>
        </form>
      ) : (
        <p>{whyNot(shortage)}</p>
      )}
      {!best && contact && (
        <p>
          <Contact at={contact}>Get in touch</Contact>
        </p>
      )}
      {others.length > 0 && (
        <details>
          <summary>Other {words.pack[1]} that cover it</summary>
          <ul class="stack">
            {others.map((way) => (
              <li>
                <form method="post" action={action} class="stack">
                  <Key value={`${keyValue}-${way.offer.id}`} />
                  {hidden}
                  <OtherWay way={way} shortage={shortage} />
                </form>
              </li>
            ))}
          </ul>
        </details>
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

/** "3 packs cover it: 900 credits, to use until May 29." Where several packs are sold, each has its name. */
function Covers({
  way: { offer, packs },
  shortage,
  isOne,
}: {
  way: Way;
  shortage: Shortage;
  isOne: boolean;
}) {
  const { format, words, now } = shortage;
  const what = isOne ? words.packs(packs) : `${packs} × ${offer.name}`;
  return (
    <>
      {what} {packs === 1 ? 'covers' : 'cover'} it: {format.creditsOf(packs * offer.credits)},{' '}
      {offer.expiresAt === null ? (
        'to use as long as your subscription lives'
      ) : (
        <>
          to use until <When format={format} at={offer.expiresAt} near={now} />
        </>
      )}
      .
    </>
  );
}

/** Another pack, bought in the number that covers the shortage. */
function OtherWay({ way, shortage }: { way: Way; shortage: Shortage }) {
  const { offer, packs } = way;
  const price = shortage.format.money(packs * offer.priceMinor, offer.currency);
  return (
    <>
      <p class="small">
        <Covers way={way} shortage={shortage} isOne={false} />{' '}
        <span class="quiet">
          <Renews offer={offer} texts={shortage} />
        </span>
      </p>
      <input type="hidden" name="pack" value={offer.id} />
      <input type="hidden" name="price" value={String(offer.priceMinor)} />
      <input type="hidden" name="packs" value={String(packs)} />
      <button type="submit">
        Buy {packs} × {offer.name} for {price}
      </button>
    </>
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

function whyNot({ refusal, isSold, words, contact }: Shortage): string {
  const packs = words.pack[1];
  const text: Partial<Record<ProblemCode, string>> = {
    contact_account_manager: `Reach out to your account manager to purchase ${words.brand.credit[1]}.`,
    cancellation_scheduled: `Your plan is being cancelled: keep it, and ${packs} can be bought again.`,
    payment_past_due: `Your last renewal is unpaid: once it is paid, ${packs} can be bought again.`,
    subscription_not_active: `You need an active plan to use or buy ${words.brand.credit[1]}.`,
    subscription_trialing: `Your trial is not over: once your plan has begun, ${packs} can be bought.`,
  };
  if (refusal) return text[refusal] ?? `${capital(packs)} can’t be bought at the moment.`;
  if (!isSold) return `No ${packs} are offered for your plan at the moment.`;
  return contact
    ? 'That is more than can be bought at once. Reach out to us, and we will find a way.'
    : 'That is more than can be bought at once.';
}
