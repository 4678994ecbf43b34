import type { Child } from 'hono/jsx';
import type { Instant } from '../../domain/calendar.ts';
import type { Format } from './format.ts';
import type { NavItem } from './page.tsx';

// Pieces that pages have in common.

export function When({ format, at, near }: { format: Format; at: Instant; near?: Instant }) {
  return (
    <time datetime={format.iso(at)} title={format.moment(at)}>
      {format.date(at, near)}
    </time>
  );
}

/** A date with its time; the zone is said beside it. */
export function Minute({ format, at, near }: { format: Format; at: Instant; near: Instant }) {
  return <time datetime={format.iso(at)}>{format.minute(at, near)}</time>;
}

/** A sentence set apart: `warn` what asks for care, `bad` what went wrong. */
export function Note({ tone, children }: { tone?: 'warn' | 'bad'; children: Child }) {
  return <div class={tone ? `note ${tone}` : 'note'}>{children}</div>;
}

export function Empty({ children }: { children: Child }) {
  return <p class="empty">{children}</p>;
}

/** What may be wider than the window scrolls in a frame of its own, that the keyboard reaches too. */
export function Scroll({ label, kind, children }: { label: string; kind?: string; children: Child }) {
  return (
    <section class={kind ? `scroll ${kind}` : 'scroll'} tabindex={0} aria-label={label}>
      {children}
    </section>
  );
}

export interface BillLine {
  label: string;
  amount: string;
}

export interface Bill {
  /** "Creator $29.00 + 1 pack $15.00 = $44.00" */
  sentence: string;
  lines: BillLine[];
  total: string;
  /** When it is charged; null while its payment is under way. */
  at: Instant | null;
}

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

/** What remains of something, as a bar; the words beside it say the same. */
export function Bar({ of, total, kind }: { of: number; total: number; kind: string }) {
  const width = total > 0 ? Math.round((of / total) * 1_000) / 10 : 0;
  return (
    <svg class="bar" height="8" width="100%" aria-hidden="true">
      <rect class="track" width="100%" height="8" rx="4" />
      <rect class={`fill-${kind}`} width={`${width}%`} height="8" rx="4" />
    </svg>
  );
}

/** A request that is sent twice has one effect: the key was made when the form was drawn. */
export function Key({ value }: { value: string }) {
  return <input type="hidden" name="key" value={value} />;
}

export type WalletPlace = 'wallet' | 'add-ons' | 'activity';

export const walletNav = (current: WalletPlace | null): NavItem[] => [
  { href: '/wallet', label: 'Wallet', current: current === 'wallet' },
  { href: '/wallet/add-ons', label: 'Add-ons', current: current === 'add-ons' },
  { href: '/wallet/activity', label: 'Activity', current: current === 'activity' },
];

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
