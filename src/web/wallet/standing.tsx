import type { Instant } from '../../domain/calendar.ts';
import { INTERVAL_WORD } from '../../domain/charges.ts';
import { NO_METHOD, type State, type Unpaid } from '../../domain/state.ts';
import type { Format } from '../shell/format.ts';
import type { Look } from '../shell/look.ts';
import type { Assets } from '../shell/page.tsx';
import { Contact, Key, Note, When } from '../shell/parts.tsx';
import { capital, type Words } from '../shell/words.ts';

// The standing of a subscription: the last form's effect, obstacles, and ways around them.

/** The data that every page of a wallet has. */
export interface WalletFrame {
  assets: Assets;
  look: Look;
  words: Words;
  format: Format;
  now: Instant;
  state: State;
  /** The address of the page's live versions, from the version before the page was read. */
  live: string;
  /** A fresh idempotency key for the forms of this page. */
  key: string;
  /** The sentence about the last form. */
  said: string | null;
  /** The notice behind it: the page keeps it when it loads its content again. */
  notice: string | null;
  /** Whether the unpaid renewal can be paid here (sandbox billing). */
  canPayHere: boolean;
  /** the price at which the trial ends; null outside of one. */
  trialPrice: { minor: number; currency: string } | null;
}

/** The formats and words of a page. */
export type Texts = Pick<WalletFrame, 'format' | 'words'>;

/** The sentence about the last form. */
export function Said({ frame: { said } }: { frame: WalletFrame }) {
  return said ? (
    <div class="note" role="status">
      <p>{said}</p>
    </div>
  ) : null;
}

/** The obstacle of a subscription's state, and the way around it. */
export function StateNote({ frame }: { frame: WalletFrame }) {
  const { state, words } = frame;
  const credits = words.credit[1];
  if (state.status === 'incomplete')
    return (
      <Note tone="warn">
        <p>Your first payment is still being settled. Your {credits} arrive as soon as it is paid.</p>
      </Note>
    );
  if (state.status === 'ended') return <Ended frame={frame} />;
  if (state.status === 'past_due') return <PastDue frame={frame} />;
  if (state.scheduled) return <Scheduled frame={frame} />;
  return state.status === 'trialing' ? <Trial frame={frame} /> : null;
}

function Ended({ frame: { state, format, now, words, look } }: { frame: WalletFrame }) {
  const credits = words.credit[1];
  const on = <When format={format} at={state.endedAt ?? now} near={now} />;
  return (
    <Note tone="warn">
      <p>
        Your plan ended on {on}. Unused {credits} expired with the plan and can’t be used. A new plan brings
        new {credits}.
      </p>
      {look.home && (
        <p>
          <a href={look.home}>Back to {look.name}</a>
        </p>
      )}
    </Note>
  );
}

/** the end of the trial, its price, and the way to end it now. */
function Trial({ frame }: { frame: WalletFrame }) {
  const { state, format, now, key, trialPrice } = frame;
  const ends = (
    <strong>
      Your trial ends on <When format={format} at={state.trialEndsAt ?? now} near={now} />
    </strong>
  );
  if (!trialPrice || state.paymentMethod === NO_METHOD)
    return (
      <Note tone="warn">
        <p>{ends}, and your plan with it. To keep it, add a payment method where you manage your plan.</p>
      </Note>
    );
  const price = format.money(trialPrice.minor, trialPrice.currency);
  return (
    <Note>
      <p>
        {ends}; then {price} {INTERVAL_WORD[state.interval]}.
      </p>
      <form method="post" action="/wallet/activate">
        <Key value={key} />
        <button type="submit">Begin the plan now for {price}</button>
      </form>
    </Note>
  );
}

function PastDue({ frame }: { frame: WalletFrame }) {
  const { state, key, canPayHere, words, look } = frame;
  const { unpaid } = state;
  if (!unpaid) return null;
  const [headline, ...rest] = unpaidSentences(unpaid, frame);
  return (
    <Note tone={unpaid.pending ? 'warn' : 'bad'}>
      <p>
        <strong>{headline}</strong> {rest.join(' ')} Until it is paid no default {words.credit[1]} arrive, and{' '}
        {words.pack[1]} can’t be bought.
      </p>
      {canPayHere ? (
        <form method="post" action="/wallet/pay">
          <Key value={key} />
          <button type="submit">Pay with a test card that works</button>
        </form>
      ) : (
        <p>Change your payment method where you manage your plan: it is charged at once then.</p>
      )}
      {look.support && (
        <p>
          <Contact at={look.support}>Contact support</Contact>
        </p>
      )}
    </Note>
  );
}

/** The standing of a renewal's payment, and the next step: pending, tried again, or a last time. */
function unpaidSentences(unpaid: Unpaid, { format, now, words }: WalletFrame): string[] {
  const { charge, pending, retries, retryAt } = unpaid;
  const renewal = `Your renewal of ${format.date(charge.at, now)}`;
  const last = retryAt.at(-1);
  if (pending)
    return [
      `${renewal} is not paid yet.`,
      'Its payment is on its way, and nothing needs to be done.',
      ...(last === undefined ? [] : [`If it has not arrived by ${format.date(last, now)}, your plan ends.`]),
    ];
  const next = retryAt[retries];
  const declined = `${renewal} was declined.`;
  if (next === undefined) return [declined];
  const when = next > now ? `on ${format.date(next, now)}` : 'now';
  if (retries < retryAt.length - 1) return [declined, `It is tried again ${when}.`];
  return [
    declined,
    `It is tried a last time ${when}.`,
    `If it is declined then too, your plan ends, and unused ${words.credit[1]} with it.`,
  ];
}

function Scheduled({ frame }: { frame: WalletFrame }) {
  const { state, format, now, key, words } = frame;
  const credits = words.credit[1];
  const change = state.scheduled;
  if (!change) return null;
  const date = format.date(change.at, now);
  return (
    <Note tone="warn">
      <p>
        {change.kind === 'cancel' ? (
          <>
            <strong>Your plan ends on {date}.</strong> Unused {credits}, {words.pack[1]} included, expire then
            and can’t be used.
          </>
        ) : (
          <>
            <strong>
              Your plan changes to {words.plan(change.plan)}, {INTERVAL_WORD[change.interval]}, on {date}.
            </strong>{' '}
            {capital(credits)} you have stay.
          </>
        )}
      </p>
      <form method="post" action="/wallet/resume">
        <Key value={key} />
        <button type="submit">{change.kind === 'cancel' ? 'Keep my plan' : 'Undo the change'}</button>
      </form>
    </Note>
  );
}
