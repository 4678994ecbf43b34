import type { Child } from 'hono/jsx';
import type { Instant } from '../../domain/calendar.ts';
import type { Format } from './format.ts';
import type { NavItem } from './page.tsx';

// Pieces of pages.

/** A date. */
export function When({ format, at, near }: { format: Format; at: Instant; near?: Instant }) {
  return (
    <time datetime={format.iso(at)} title={format.moment(at)}>
      {format.date(at, near)}
    </time>
  );
}

/** A date with its time; the page names the zone beside it. */
export function Minute({ format, at, near }: { format: Format; at: Instant; near: Instant }) {
  return <time datetime={format.iso(at)}>{format.minute(at, near)}</time>;
}

/** A sentence set apart: `warn` for care, `bad` for a failure. */
export function Note({ tone, children }: { tone?: 'warn' | 'bad'; children: Child }) {
  return <div class={tone ? `note ${tone}` : 'note'}>{children}</div>;
}

/** The text of an empty list. */
export function Empty({ children }: { children: Child }) {
  return <p class="empty">{children}</p>;
}

/** A frame that scrolls content wider than the window; the keyboard reaches it too. */
export function Scroll({ label, kind, children }: { label: string; kind?: string; children: Child }) {
  return (
    <section class={kind ? `scroll ${kind}` : 'scroll'} tabindex={0} aria-label={label}>
      {children}
    </section>
  );
}

/** A line of a bill. */
interface BillLine {
  label: string;
  amount: string;
}

/** A bill: sentence, lines, total and date. */
export interface Bill {
  /** "Creator $29.00 + 1 pack $15.00 = $44.00" */
  sentence: string;
  lines: BillLine[];
  total: string;
  /** The instant of its charge; null while its payment is pending. */
  at: Instant | null;
}

/** A bill as a table. */
export function BillTable({ bill }: { bill: Bill }) {
  return (
    <dl class="facts">
      {bill.lines.map(({ label, amount }) => (
        <div>
          <dt>{label}</dt>
          <dd>{amount}</dd>
        </div>
      ))}
      <div class="sum">
        <dt>Total</dt>
        <dd>{bill.total}</dd>
      </div>
    </dl>
  );
}

/** The remaining part of a total as a bar; the text beside it states the same. */
export function Bar({ of, total, kind }: { of: number; total: number; kind: string }) {
  const width = total > 0 ? Math.round((of / total) * 1_000) / 10 : 0;
  return (
    <svg class="bar" height="8" width="100%" aria-hidden="true">
      <rect class="track" width="100%" height="8" rx="4" />
      <rect class={`fill-${kind}`} width={`${width}%`} height="8" rx="4" />
    </svg>
  );
}

/** A link to people who help: a page, a mail address, or a text as it is. */
export function Contact({ at, children }: { at: string; children: Child }) {
  if (/^(https?|mailto):/i.test(at)) return <a href={at}>{children}</a>;
  if (/^[^\s@:]+@[^\s@:]+$/.test(at)) return <a href={`mailto:${at}`}>{children}</a>;
  return (
    <>
      {children}: {at}
    </>
  );
}

/** The idempotency key of a form, made when the form was drawn: sending the form twice has one effect. */
export function Key({ value }: { value: string }) {
  return <input type="hidden" name="key" value={value} />;
}

/** The places of the wallet's navigation. */
type WalletPlace = 'wallet' | 'add-ons' | 'activity';

/** The wallet's navigation. */
export const walletNav = (current: WalletPlace | null): NavItem[] => [
  { href: '/wallet', label: 'Wallet', current: current === 'wallet' },
  { href: '/wallet/add-ons', label: 'Add-ons', current: current === 'add-ons' },
  { href: '/wallet/activity', label: 'Activity', current: current === 'activity' },
];

/** The form that closes the wallet. */
export function Leave() {
  return (
    <form method="post" action="/wallet/leave">
      <button type="submit" class="plain">
        Close the wallet
      </button>
    </form>
  );
}

/** Links to the newest and to the next older page of a list; null where there is none. */
export function PageLinks({
  of,
  newest,
  older,
}: {
  of: string;
  newest: string | null;
  older: string | null;
}) {
  if (!newest && !older) return null;
  return (
    <nav class="row" aria-label={`Pages of ${of}`}>
      {newest && (
        <a class="button" href={newest}>
          Newest
        </a>
      )}
      {older && (
        <a class="button" href={older} rel="next">
          Older
        </a>
      )}
    </nav>
  );
}
