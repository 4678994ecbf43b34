import type { Child } from 'hono/jsx';
import { LOCALE } from './format.ts';

// The shell of every page: pages are pure functions of view data, written to a string. No inline script or style
// anywhere, so that the content security policy can forbid both.

export interface Assets {
  /** URLs that change with the content. */
  style: string;
  script: string;
}

export interface NavItem {
  href: string;
  label: string;
  current?: boolean;
}

export interface PageView {
  title: string;
  assets: Assets;
  /** Named in the header: the product, or the place. */
  brand?: string;
  nav?: NavItem[];
  /** Beside the navigation: a sign-out form, whose page this is. */
  aside?: Child;
  /** An address of server-sent events; when one comes, the script draws what changed again. */
  live?: string | undefined;
  /** What the script sends along then, so that what was just done is not forgotten. */
  notice?: string | null;
  /** Where the browser goes on by itself, at once. */
  next?: string | undefined;
  children: Child;
}

/** A whole document. */
export function page({
  title,
  assets,
  brand = 'Drawdown',
  nav = [],
  aside,
  live,
  notice,
  next,
  children,
}: PageView): string {
  const document = (
    <html lang={LOCALE}>
      <head>
        <meta charset="utf-8" />
        <title>{title}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        {next && <meta http-equiv="refresh" content={`0;url=${next}`} />}
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={assets.style} />
        <script src={assets.script} defer />
      </head>
      <body data-live={live} data-notice={notice ?? undefined}>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header class="top">
          <p class="brand">{brand}</p>
          {nav.length > 0 && <Nav items={nav} />}
          {aside && <div class="aside">{aside}</div>}
        </header>
        <main id="main" tabindex={-1}>
          {children}
        </main>
        <div id="said" class="unseen" role="status" aria-live="polite" />
      </body>
    </html>
  );
  return `<!doctype html>${document.toString()}`;
}

function Nav({ items }: { items: NavItem[] }) {
  return (
    <nav aria-label="Pages">
      <ul>
        {items.map(({ href, label, current }) => (
          <li>
            <a href={href} aria-current={current ? 'page' : undefined}>
              {label}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
