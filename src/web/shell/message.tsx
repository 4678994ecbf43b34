import type { Look } from './look.ts';
import { type Assets, page } from './page.tsx';
import { Contact } from './parts.tsx';

/** A title, a sentence, a hint and a link. */
export interface MessageView {
  title: string;
  text: string;
  /** A second line: the next step. */
  hint?: string | undefined;
  way?: { href: string; label: string } | undefined;
  /** Whether the person is stuck, and may need the product's support. */
  isStuck?: boolean;
}

/** A page with one message: a refusal, a missing page, a next step. `look` is absent on pages for operators. */
export function messagePage(
  { title, text, hint, way, isStuck }: MessageView,
  assets: Assets,
  look?: Look,
): string {
  return page({
    title,
    assets,
    look,
    children: (
      <section class="card narrow">
        <h1>{title}</h1>
        <p>{text}</p>
        {hint && <p class="quiet">{hint}</p>}
        {isStuck && look?.support && (
          <p>
            <Contact at={look.support}>Contact support</Contact>
          </p>
        )}
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
 * The page between an outside link and the wallet: the browser sends a `SameSite=Strict` cookie only with a visit that begins on
 * this site.
 */
export function entryPage(to: string, assets: Assets, look: Look): string {
  return page({
    title: 'Your wallet',
    assets,
    look,
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
