import { AWAY, contrast, GROUNDS, LEAST_CONTRAST, mixed } from '../../domain/catalog/accent.ts';
import type { Catalog } from '../../domain/catalog/catalog.ts';

// The look of a product on its customers' pages: name, logo, links and colour. The colour of the catalogue is one; a page has two
// schemes, so each gets the nearest shade that a person can read on it.

/** The looks of a product. */
export interface Look {
  /** The product's name; empty before a catalogue is known. */
  name: string;
  logo: string | null;
  home: string | null;
  support: string | null;
  /** The address of a style sheet with its colour; null: the built-in colour. */
  style: string | null;
}

/** Of a page that no catalogue could be read for. */
export const PLAIN: Look = { name: '', logo: null, home: null, support: null, style: null };

/** The look of a catalogue's brand. */
export const lookOf = ({ brand }: Pick<Catalog, 'brand'>): Look => ({
  name: brand.product,
  logo: brand.logo_url,
  home: brand.home_url,
  support: brand.support_url,
  style: brand.accent && `/assets/accent/${brand.accent.slice(1)}.css`,
});

/** The part of the accent in the soft ground of notes: quiet text stays readable there. */
const SOFT = 0.12;
/** The step by which a shade is looked for. */
const STEP = 0.02;

/** The colours of an accent in one scheme. */
export interface Shades {
  accent: string;
  strong: string;
  soft: string;
  /** Text on the accent. */
  on: string;
}

/** The nearest shades of a colour, #rrggbb, that are read on every ground of a scheme. */
export function shadesOf(hex: string, scheme: 'light' | 'dark'): Shades {
  const away = AWAY[scheme];
  // Text on the accent has the other scheme's colour.
  const on = AWAY[scheme === 'light' ? 'dark' : 'light'];
  const soft = mixed(GROUNDS[scheme][1], hex, SOFT);
  const grounds = [...GROUNDS[scheme], soft, on];
  for (let part = 0; ; part += STEP) {
    const accent = mixed(hex, away, Math.min(part, 1));
    if (part >= 1 || grounds.every((ground) => contrast(accent, ground) >= LEAST_CONTRAST))
      return { accent, strong: mixed(accent, away, 0.2), soft, on };
  }
}

const declared = ({ accent, strong, soft, on }: Shades): string =>
  `:root{--accent:${accent};--accent-strong:${strong};--accent-soft:${soft};--on-accent:${on};--focus:${accent}}`;

/** The style sheet of an accent, #rrggbb, for both schemes. */
export const accentSheet = (hex: string): string =>
  `${declared(shadesOf(hex, 'light'))}\n@media (prefers-color-scheme: dark){${declared(shadesOf(hex, 'dark'))}}\n`;
