import { type Assets, page } from './page.tsx';

export interface MessageView {
  title: string;
  text: string;
  /** A second line: what to do now. */
  hint?: string | undefined;
  way?: { href: string; label: string } | undefined;
}

/** A page that says one thing: what was refused, what is missing, what comes next. */
export function messagePage({ title, text, hint, way }: MessageView, assets: Assets): string {
  return page({
    title,
    assets,
    children: (
      <section class="card narrow">
        <h1>{title}</h1>
        <p>{text}</p>
        {hint && <p class="quiet">{hint}</p>}
        {way && (
          <p>
            <a class="button" href={way.href}>
              {way.label}
            </a>
          </p>
        )}
      </section>
    ),
  });
}

/**
 * Stands between a link from elsewhere and the wallet: a cookie that is `SameSite=Strict` does not go along with a visit that
 * began on another site, but with one that begins here.
 */
export function entryPage(to: string, assets: Assets): string {
  return page({
    title: 'Your wallet',
    assets,
    next: to,
    children: (
      <section class="card narrow">
        <h1>Your wallet is open</h1>
        <p>
          <a class="button primary" href={to}>
            Go on
          </a>
        </p>
      </section>
    ),
  });
}
