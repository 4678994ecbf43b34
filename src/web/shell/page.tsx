import type { Child } from 'hono/jsx';
import { LOCALE } from './format.ts';
import type { Look } from './look.ts';

// The shell of every page. Pages are pure functions from view data to a string, without inline script or style: the content
// security policy forbids both.

/** The addresses of the style sheet and the script. */
export interface Assets {
  /** URLs that change with the content. */
  style: string;
  script: string;
}

/** A link of the navigation. */
export interface NavItem {
  href: string;
  label: string;
  current?: boolean;
}

/** The parts of a document. */
interface PageView {
  title: string;
  assets: Assets;
  /** The product whose customers see the page; absent on pages for developers and operators. */
  look?: Look | undefined;
  /** The name in the header instead of the product's. */
  brand?: string;
  nav?: NavItem[];
  /** Beside the navigation: the sign-out form, or the owner of the page. */
  aside?: Child;
  /** An address of server-sent events; on an event the script loads the page's content again. */
  live?: string | undefined;
  /** A notice that the script sends along then, so that the page keeps it. */
  notice?: string | null;
  /** The address to which the browser goes on at once. */
  next?: string | undefined;
  children: Child;
}

/** A whole document. */
export function page({
  title,
  assets,
  look,
  brand = look ? undefined : 'Drawdown',
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
        <title>{look?.name ? `${title} · ${look.name}` : title}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        {next && <meta http-equiv="refresh" content={`0;url=${next}`} />}
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={assets.style} />
        {look?.style && <link rel="stylesheet" href={look.style} />}
        <script src={assets.script} defer />
      </head>
      <body data-live={live} data-notice={notice ?? undefined}>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header class="top">
          <Mark look={look} brand={brand} />
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

/** The product's logo or name, which leads back to it; or the name of the place. */
function Mark({ look, brand }: { look: Look | undefined; brand: string | undefined }) {
  const name = brand ?? look?.name;
  if (!name) return null;
  const mark = look?.logo ? (
    <>
      <img src={look.logo} alt={look.name} height="32" />
      {brand && <span>{brand}</span>}
    </>
  ) : (
    name
  );
  return <p class="brand">{look?.home ? <a href={look.home}>{mark}</a> : mark}</p>;
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
