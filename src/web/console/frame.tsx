import type { Child } from 'hono/jsx';
import { type Assets, page } from '../shell/page.tsx';
import type { RuleView } from './views.ts';

/** A page of the console, with its navigation and the sign-out. */
export function consolePage(
  { title, current, assets }: { title: string; current?: 'search' | 'fleet'; assets: Assets },
  children: Child,
): string {
  return page({
    title: `${title} · Drawdown console`,
    assets,
    brand: 'Drawdown console',
    nav: [
      { href: '/console', label: 'Search', current: current === 'search' },
      { href: '/console/fleet', label: 'Fleet', current: current === 'fleet' },
    ],
    aside: (
      <form method="post" action="/console/sign-out">
        <button class="plain" type="submit">
          Sign out
        </button>
      </form>
    ),
    children,
  });
}

/** A rule's number with its short text. */
export function Rule({ rule }: { rule: RuleView | null }) {
  if (rule === null) return null;
  return (
    <p class="rule">
      <code>{rule.id}</code> {rule.words}
    </p>
  );
}

/** The class of a status's tag. */
const STATUS_TONE: Record<string, string> = {
  active: 'tag good',
  trialing: 'tag good',
  past_due: 'tag warn',
  incomplete: 'tag warn',
  ended: 'tag',
};

/** A status as a tag. */
export function Status({ status }: { status: string }) {
  return <span class={STATUS_TONE[status] ?? 'tag'}>{status.replace('_', ' ')}</span>;
}
