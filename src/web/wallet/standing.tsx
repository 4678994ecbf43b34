import type { Instant } from '../../domain/calendar.ts';
import type { State, Unpaid } from '../../domain/state.ts';
import type { Format } from '../shell/format.ts';
import type { Assets } from '../shell/page.tsx';
import { Key, Note, When } from '../shell/parts.tsx';
import { intervalWord, planName } from '../shell/words.ts';

// The standing of a subscription: the last form's effect, obstacles, and ways around them.

/** The data that every page of a wallet has. */
export interface WalletFrame {
  assets: Assets;
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
}

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
  const { state, format, now } = frame;
  if (state.status === 'incomplete')
    return (
      <Note tone="warn">
        <p>Your first payment is still being settled. Your credits arrive as soon as it is paid.</p>
      </Note>
    );
  if (state.status === 'ended')
    return (
      <Note tone="warn">
        <p>
          You are on the Free plan since <When format={format} at={state.endedAt ?? now} near={now} />. Unused
          credits expired with the plan and can’t be used. A new plan brings new credits.
        </p>
      </Note>
    );
  if (state.status === 'past_due') return <PastDue frame={frame} />;
  return state.scheduled ? <Scheduled frame={frame} /> : null;
}

function PastDue({ frame }: { frame: WalletFrame }) {
  const { state, format, now, key, canPayHere } = frame;
  const { unpaid } = state;
  if (!unpaid) return null;
  const [headline, ...rest] = unpaidSentences(unpaid, format, now);
  return (
    <Note tone={unpaid.pending ? 'warn' : 'bad'}>
      <p>
        <strong>{headline}</strong> {rest.join(' ')} Until it is paid no default credits arrive, and packs
        can’t be bought.
      </p>
      {canPayHere ? (
        <form method="post" action="/wallet/pay">
          <Key value={key} />
          <button type="submit">Pay with a test card that works</button>
        </form>
      ) : (
        <p>Change your payment method where you manage your plan: it is charged at once then.</p>
      )}
    </Note>
  );
}

/** The standing of a renewal's payment, and the next step: pending, tried again, or a last time. */
function unpaidSentences(unpaid: Unpaid, format: Format, now: Instant): string[] {
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
    'If it is declined then too, your plan ends, and unused credits with it.',
  ];
}

function Scheduled({ frame }: { frame: WalletFrame }) {
  const { state, format, now, key } = frame;
  const change = state.scheduled;
  if (!change) return null;
  const date = format.date(change.at, now);
  return (
    <Note tone="warn">
      <p>
        {change.kind === 'cancel' ? (
          <>
            <strong>Your plan ends on {date}.</strong> Unused credits, packs included, expire then and can’t
            be used.
          </>
        ) : (
          <>
            <strong>
              Your plan changes to {planName(change.plan)}, {intervalWord(change.interval)}, on {date}.
            </strong>{' '}
            Credits you have stay.
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
