import type { Instant } from '../../domain/calendar.ts';
import { packsIn } from '../../domain/catalog/packs.ts';
import type { ProblemCode } from '../../domain/errors.ts';
import type { Format } from '../shell/format.ts';
import { page } from '../shell/page.tsx';
import { Empty, Key, Leave, Note, When, walletNav } from '../shell/parts.tsx';
import { packsOf } from '../shell/words.ts';
import { Said, StateNote, type WalletFrame } from './standing.tsx';

/** The pack this subscription can buy now. */
export interface PackOffer {
  credits: number;
  priceMinor: number;
  currency: string;
  most: number;
  /** The expiry of credits bought now. */
  expiresAt: Instant;
  renewsAt: Instant;
}

/** The data of /wallet/add-ons. */
export interface AddOnsView extends WalletFrame {
  offer: PackOffer | null;
  /** The reason why no pack can be bought; null where one can. */
  refusal: ProblemCode | null;
  /** Unused credits of packs, and their last day; null: the end of the plan. */
  delivered: { credits: number; until: Instant | null } | null;
}

const SOON_MS = 7 * 86_400_000;

/** The page /wallet/add-ons. */
export function addOnsPage(view: AddOnsView): string {
  const { assets, offer, state } = view;
  return page({
    title: 'Manage Add-ons',
    assets,
    nav: walletNav('add-ons'),
    aside: <Leave />,
    live: view.live,
    notice: view.notice,
    children: (
      <>
        <div class="stack">
          <h1>Manage Add-ons</h1>
          <p class="quiet">
            Premium Credits let you continue after you have used up the default credits of your plan.
          </p>
        </div>
        <Said frame={view} />
        <StateNote frame={view} />
        <div class="columns">
          {offer ? <Buy view={view} offer={offer} /> : <NoOffer view={view} />}
          {state.status !== 'ended' && state.plan !== 'enterprise' && <Active view={view} offer={offer} />}
        </div>
      </>
    ),
  });
}

function Buy({ view, offer }: { view: AddOnsView; offer: PackOffer }) {
  const { format, now, state, key } = view;
  const { credits, priceMinor, currency, expiresAt, renewsAt } = offer;
  const price = format.money(priceMinor, currency);
  return (
    <section class="card" aria-labelledby="pack">
      <header>
        <h2 id="pack">Premium Credit Pack</h2>
        <span class="tag">{state.interval === 'month' ? 'monthly' : 'annual'}</span>
      </header>
      <p class="pack">
        <strong>{format.creditsOf(credits)}</strong> for <strong>{price}</strong> each
      </p>
      <ul class="small quiet stack">
        <li>Delivered as soon as it is paid.</li>
        <li>
          Renews with your plan on <When format={format} at={renewsAt} near={now} /> until you remove it.
        </li>
        <li>
          What you buy now expires on <When format={format} at={expiresAt} near={now} />.
        </li>
      </ul>
      {renewsAt - now < SOON_MS && <SoonNote format={format} now={now} renewsAt={renewsAt} />}
      <form method="post" action="/wallet/purchases" class="stack">
        <Key value={key} />
        <Stepper format={format} offer={offer} packs={1} />
        <p class="row">
          <button type="submit" class="primary">
            Buy Now
          </button>
        </p>
      </form>
    </section>
  );
}

function SoonNote({ format, now, renewsAt }: { format: Format; now: Instant; renewsAt: Instant }) {
  return (
    <Note tone="warn">
      <p>
        Your plan renews {format.daysFrom(renewsAt, now)}. A pack bought now is charged again then, unless you
        remove it before.
      </p>
    </Note>
  );
}

/** A number of packs, with its credits and price. Without script the field and the price of one pack remain. */
export function Stepper({ format, offer, packs }: { format: Format; offer: PackOffer; packs: number }) {
  const { credits, priceMinor, currency, most } = offer;
  return (
    <>
      <input type="hidden" name="price" value={String(priceMinor)} />
      <div class="spread">
        <div class="field">
          <label for="packs">Packs</label>
          <div class="stepper" data-total="total" data-currency={currency} data-fraction={String(priceMinor)}>
            <button type="button" data-step="-1" aria-label="One pack less">
              −
            </button>
            <input
              id="packs"
              name="packs"
              type="number"
              inputmode="numeric"
              min="1"
              max={String(most)}
              step="1"
              value={String(packs)}
              required
            />
            <button type="button" data-step="1" aria-label="One pack more">
              +
            </button>
          </div>
        </div>
        <output id="total" class="total" for="packs" aria-live="polite">
          <strong data-of="money" data-each={String(priceMinor)}>
            {format.money(packs * priceMinor, currency)}
          </strong>{' '}
          <span class="quiet">
            for{' '}
            <span data-of="credits" data-each={String(credits)}>
              {format.credits(packs * credits)}
            </span>{' '}
            credits
          </span>
        </output>
      </div>
    </>
  );
}

/** The sentence and the link for a reason; a reason that StateNote names already has none here. */
function NoOffer({ view: { refusal } }: { view: AddOnsView }) {
  const text: Partial<Record<ProblemCode, string>> = {
    contact_account_manager:
      'Enterprise users currently have to reach out to their account manager to purchase Premium Credits.',
    subscription_not_active:
      'You must have an active Creator, Pro or Business plan to have an active add-on. Start one where you manage your subscription, and come back here.',
    payment_past_due: 'Packs can be bought again as soon as the open renewal is paid.',
    cancellation_scheduled:
      'Packs bought now would be lost when the plan ends. Keep your plan, and packs can be bought again.',
  };
  return (
    <section class="card" aria-labelledby="pack">
      <h2 id="pack">Premium Credit Pack</h2>
      <Empty>{(refusal && text[refusal]) ?? 'No packs are offered for your plan at the moment.'}</Empty>
    </section>
  );
}

function Active({ view, offer }: { view: AddOnsView; offer: PackOffer | null }) {
  const { state, format, now, delivered } = view;
  const packs = packsIn(state.addOn);
  const canLower = state.status === 'active' && packs > 0;
  return (
    <section class="card" aria-labelledby="active">
      <header>
        <h2 id="active">Your add-on</h2>
        {packs > 0 && <span class="tag good">active</span>}
      </header>
      {packs === 0 ? (
        <Empty>No pack renews with your plan.</Empty>
      ) : (
        <p>
          <strong>{packsOf(packs)}</strong>
          {offer && (
            <>
              , {format.creditsOf(packs * offer.credits)} for{' '}
              {format.money(packs * offer.priceMinor, offer.currency)}, with each renewal of your plan, next
              on <When format={format} at={offer.renewsAt} near={now} />.
            </>
          )}
        </p>
      )}
      {delivered && (
        <p class="quiet">
          {format.creditsOf(delivered.credits)} of your packs are not used yet. They stay until{' '}
          {delivered.until === null ? (
            'your plan ends'
          ) : (
            <When format={format} at={delivered.until} near={now} />
          )}{' '}
          at the latest, whether or not the add-on renews.
        </p>
      )}
      {canLower && <Remove view={view} />}
    </section>
  );
}

function Remove({ view: { state, key } }: { view: AddOnsView }) {
  const keep = Array.from({ length: Math.min(packsIn(state.addOn), 100) }, (_, count) => count);
  return (
    <form method="post" action="/wallet/add-ons" class="stack">
      <Key value={key} />
      {packsIn(state.addOn) === 1 ? (
        <input type="hidden" name="packs" value="0" />
      ) : (
        <div class="field">
          <label for="keep">Packs that go on renewing</label>
          <select id="keep" name="packs">
            {keep.map((count) => (
              <option value={String(count)}>{count === 0 ? 'none' : count}</option>
            ))}
          </select>
        </div>
      )}
      <p class="row">
        <button type="submit">Remove</button>
        <span class="small quiet">Nothing is charged for removed packs.</span>
      </p>
    </form>
  );
}
