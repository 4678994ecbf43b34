import type { Instant } from '../../domain/calendar.ts';
import { INTERVAL_WORD } from '../../domain/charges.ts';
import type { ProblemCode } from '../../domain/errors.ts';
import { page } from '../shell/page.tsx';
import { Contact, Empty, Key, Leave, Note, When, walletNav } from '../shell/parts.tsx';
import { capital } from '../shell/words.ts';
import { type PackOffer, Renews, Stepper, Term } from './packs.tsx';
import { Said, StateNote, type WalletFrame } from './standing.tsx';

/** R-32a: packs of one id that renew with the plan. */
interface RenewingPack {
  pack: string;
  name: string;
  quantity: number;
  /** Of all of them. */
  credits: number;
  priceMinor: number;
}

/** The data of /wallet/add-ons. */
export interface AddOnsView extends WalletFrame {
  /** R-32a: the packs on sale. */
  offers: PackOffer[];
  /** The reason why no pack can be bought; null where one can. */
  refusal: ProblemCode | null;
  /** The page or address for a plan that buys by contract. */
  contact: string | null;
  isContract: boolean;
  addOn: RenewingPack[];
  /** R-32a: several packs are sold on the plan, so that each is called by its name. */
  isNamed: boolean;
  currency: string;
  /** The renewal that charges the add-on; null while none is due. */
  renewsAt: Instant | null;
  /** Unused credits of packs, and their last day; null: the end of the plan. */
  delivered: { credits: number; until: Instant | null } | null;
}

const SOON_MS = 7 * 86_400_000;

/** The page /wallet/add-ons. */
export function addOnsPage(view: AddOnsView): string {
  const { assets, look, words, offers, state, isContract } = view;
  const [first] = offers;
  return page({
    title: 'Manage Add-ons',
    assets,
    look,
    nav: walletNav('add-ons'),
    aside: <Leave />,
    live: view.live,
    notice: view.notice,
    children: (
      <>
        <div class="stack">
          <h1>Manage Add-ons</h1>
          <p class="quiet">
            {capital(words.brand.credit[1])} let you continue after you have used up the default{' '}
            {words.credit[1]} of your plan.
          </p>
        </div>
        <Said frame={view} />
        <StateNote frame={view} />
        <div class="columns">
          {!first && <NoOffer view={view} />}
          {offers.map((offer) => (
            <Buy view={view} offer={offer} suffix={offer === first ? '' : `-${offer.id}`} />
          ))}
          {state.status !== 'ended' && !isContract && <Active view={view} />}
        </div>
      </>
    ),
  });
}

function Buy({ view, offer, suffix }: { view: AddOnsView; offer: PackOffer; suffix: string }) {
  const { format, now, state, key, words } = view;
  const { name, credits, priceMinor, currency, renewsAt } = offer;
  const price = format.money(priceMinor, currency);
  return (
    <section class="card" aria-labelledby={`pack${suffix}`}>
      <header>
        <h2 id={`pack${suffix}`}>{capital(name)}</h2>
        <span class="tag">{renewsAt === null ? 'once' : INTERVAL_WORD[state.interval]}</span>
      </header>
      <p class="pack">
        <strong>{format.creditsOf(credits)}</strong> for <strong>{price}</strong> each
      </p>
      <ul class="small quiet stack">
        <li>Delivered as soon as it is paid.</li>
        <li>
          <Renews offer={offer} texts={view} />
        </li>
        <li>
          <Term offer={offer} texts={view} />
        </li>
      </ul>
      {renewsAt !== null && renewsAt - now < SOON_MS && (
        <Note tone="warn">
          <p>
            Your plan renews {format.daysFrom(renewsAt, now)}. A {words.pack[0]} bought now is charged again
            then, unless you remove it before.
          </p>
        </Note>
      )}
      <form method="post" action="/wallet/purchases" class="stack">
        <Key value={`${key}${suffix}`} />
        <Stepper offer={offer} texts={view} packs={1} suffix={suffix} />
        <p class="row">
          <button type="submit" class="primary">
            Buy Now
          </button>
        </p>
      </form>
    </section>
  );
}

/** The sentence and the link for a reason; a reason that StateNote names already has none here. */
function NoOffer({ view }: { view: AddOnsView }) {
  const { refusal, contact, words } = view;
  return (
    <section class="card" aria-labelledby="pack">
      <h2 id="pack">{capital(words.brand.pack[0])}</h2>
      <Empty>
        {(refusal && whyNot(refusal, view)) ?? `No ${words.pack[1]} are offered for your plan at the moment.`}
      </Empty>
      {refusal === 'contact_account_manager' && contact && (
        <p>
          <Contact at={contact}>Ask for {words.credit[1]}</Contact>
        </p>
      )}
    </section>
  );
}

function whyNot(refusal: ProblemCode, { words, state }: AddOnsView): string | undefined {
  const packs = capital(words.pack[1]);
  const text: Partial<Record<ProblemCode, string>> = {
    contact_account_manager: `${words.plan(state.plan)} users currently have to reach out to their account manager to purchase ${words.brand.credit[1]}.`,
    subscription_not_active: words.packPlans
      ? `You must have an active ${words.packPlans} plan to have an active add-on. Start one where you manage your subscription, and come back here.`
      : `You must have an active plan to buy ${words.pack[1]}.`,
    payment_past_due: `${packs} can be bought again as soon as the open renewal is paid.`,
    cancellation_scheduled: `${packs} bought now would be lost when the plan ends. Keep your plan, and ${words.pack[1]} can be bought again.`,
    subscription_trialing: `${packs} can be bought once your plan has begun.`,
  };
  return text[refusal];
}

function Active({ view }: { view: AddOnsView }) {
  const { state, format, now, delivered, words, addOn, isNamed, renewsAt, currency } = view;
  const canLower = state.status === 'active' && addOn.length > 0;
  const [only] = addOn;
  const each = ({ credits, priceMinor }: RenewingPack) =>
    `${format.creditsOf(credits)} for ${format.money(priceMinor, currency)}`;
  const renewal = renewsAt !== null && (
    <>
      with each renewal of your plan, next on <When format={format} at={renewsAt} near={now} />.
    </>
  );
  return (
    <section class="card" aria-labelledby="active">
      <header>
        <h2 id="active">Your add-on</h2>
        {only && <span class="tag good">active</span>}
      </header>
      {!only && <Empty>No {words.pack[0]} renews with your plan.</Empty>}
      {only && !isNamed && (
        <p>
          <strong>{words.packs(only.quantity)}</strong>
          {renewal && (
            <>
              , {each(only)}, {renewal}
            </>
          )}
        </p>
      )}
      {only && isNamed && (
        <>
          <dl class="facts">
            {addOn.map((item) => (
              <div>
                <dt>
                  {item.quantity} × {item.name}
                </dt>
                <dd>{each(item)}</dd>
              </div>
            ))}
          </dl>
          {renewal && <p>Charged {renewal}</p>}
        </>
      )}
      {delivered && (
        <p class="quiet">
          {format.creditsOf(delivered.credits)} of your {words.pack[1]} are not used yet. They stay until{' '}
          {delivered.until === null ? (
            'your plan ends'
          ) : (
            <When format={format} at={delivered.until} near={now} />
          )}{' '}
          at the latest, whether or not the add-on renews.
        </p>
      )}
      {canLower &&
        addOn.map((item) => <Remove view={view} item={item} suffix={item === only ? '' : `-${item.pack}`} />)}
      {canLower && <p class="small quiet">Nothing is charged for removed {words.pack[1]}.</p>}
    </section>
  );
}

const MOST_KEPT = 100;

/** removes packs of one id from the add-on. */
function Remove({ view, item, suffix }: { view: AddOnsView; item: RenewingPack; suffix: string }) {
  const { key, words, isNamed } = view;
  const { pack, quantity, name } = item;
  const of = isNamed ? ` (${name})` : '';
  const keep = Array.from({ length: Math.min(quantity, MOST_KEPT) }, (_, count) => count);
  return (
    <form method="post" action="/wallet/add-ons" class="stack">
      <Key value={`${key}${suffix}`} />
      <input type="hidden" name="pack" value={pack} />
      {quantity === 1 ? (
        <input type="hidden" name="packs" value="0" />
      ) : (
        <div class="field">
          <label for={`keep${suffix}`}>
            {capital(words.pack[1])} that go on renewing{of}
          </label>
          <select id={`keep${suffix}`} name="packs">
            {keep.map((count) => (
              <option value={String(count)}>{count === 0 ? 'none' : count}</option>
            ))}
          </select>
        </div>
      )}
      <p class="row">
        <button type="submit">
          Remove
          {of && <span class="unseen"> {name}</span>}
        </button>
        {of && quantity === 1 && <span class="small quiet">{name}</span>}
      </p>
    </form>
  );
}
