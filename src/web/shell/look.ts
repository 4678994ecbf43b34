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

type Rgb = readonly [number, number, number];
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];

/** The colours of style.css beside which an accent must stand out: ground, card and sunk of each scheme. */
const GROUNDS = {
  light: [[250, 249, 247], WHITE, [242, 240, 236]],
  dark: [
    [20, 21, 19],
    [28, 30, 27],
    [38, 40, 36],
  ],
} as const satisfies Record<string, readonly Rgb[]>;
/** WCAG 2.2 AA for text. */
const READABLE = 4.5;
/** The part of the accent in the soft ground of notes: quiet text stays readable there. */
const SOFT = 0.12;
/** The step by which a shade is looked for. */
const STEP = 0.02;

const rgbOf = (hex: string): Rgb => [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)) as never;
const hexOf = (rgb: Rgb): string => `#${rgb.map((n) => n.toString(16).padStart(2, '0')).join('')}`;
const mixed = (a: Rgb, b: Rgb, part: number): Rgb =>
  a.map((n, i) => Math.round(n + (b[i]! - n) * part)) as never;

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((n) => {
    const part = n / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

/** The contrast of two colours by WCAG 2.2: 1 to 21. */
export function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(rgbOf(a)), luminance(rgbOf(b))].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

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
  const away = scheme === 'light' ? BLACK : WHITE;
  const on = hexOf(scheme === 'light' ? WHITE : BLACK);
  for (let part = 0; ; part += STEP) {
    const accent = mixed(rgbOf(hex), away, Math.min(part, 1));
    const soft = hexOf(mixed(GROUNDS[scheme][1], rgbOf(hex), SOFT));
    const grounds = [...GROUNDS[scheme].map(hexOf), soft, on];
    if (part >= 1 || grounds.every((ground) => contrast(hexOf(accent), ground) >= READABLE))
      return { accent: hexOf(accent), strong: hexOf(mixed(accent, away, 0.2)), soft, on };
  }
}

const declared = ({ accent, strong, soft, on }: Shades): string =>
  `:root{--accent:${accent};--accent-strong:${strong};--accent-soft:${soft};--on-accent:${on};--focus:${accent}}`;

/** The style sheet of an accent, #rrggbb, for both schemes. */
export const accentSheet = (hex: string): string =>
  `${declared(shadesOf(hex, 'light'))}\n@media (prefers-color-scheme: dark){${declared(shadesOf(hex, 'dark'))}}\n`;
