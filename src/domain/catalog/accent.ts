// The brand's colour on pages: text of the page's ground colours and of the accent must differ enough to be read (WCAG 2.2, 1.4.3).

/** The grounds of the pages on which the accent is the colour of links, and the text on a button of that colour. */
export const GROUNDS = {
  light: ['#faf9f7', '#ffffff', '#f2f0ec'],
  dark: ['#141513', '#1c1e1b', '#262824'],
} as const;

/** The colour that stands out most from the grounds of a scheme. */
export const AWAY = { light: '#000000', dark: '#ffffff' } as const;

/** The lowest contrast of text that level AA allows. */
export const LEAST_CONTRAST = 4.5;

const channels = (colour: string): number[] =>
  [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

const linear = (channel: number): number => {
  const share = channel / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
};

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = channels(colour).map(linear);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The contrast of two colours #rrggbb, from 1 to 21, as WCAG defines it. */
export function contrast(a: string, b: string): number {
  const [darker = 0, lighter = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (lighter + 0.05) / (darker + 0.05);
}

/** The lowest contrast of a colour with some grounds. */
const lowest = (colour: string, grounds: readonly string[]): number =>
  Math.min(...grounds.map((ground) => contrast(colour, ground)));

/** Two colours mixed; `part` from 0 to 1 is the share of the second. */
export const mixed = (a: string, b: string, part: number): string => {
  const second = channels(b);
  return `#${channels(a)
    .map((channel, i) => Math.round(channel + (second[i]! - channel) * part))
    .map((channel) => channel.toString(16).padStart(2, '0'))
    .join('')}`;
};

/**
 * The accent as a page of one scheme shows it: the same where it has `LEAST_CONTRAST` with every ground, else the nearest one
 * that has it, mixed with black on light pages and with white on dark ones. No colour has it on both schemes.
 */
export function readableAccent(accent: string, scheme: keyof typeof GROUNDS): string {
  const away = AWAY[scheme];
  for (let share = 0; share < 255; share += 1) {
    const colour = mixed(accent, away, share / 255);
    if (lowest(colour, GROUNDS[scheme]) >= LEAST_CONTRAST) return colour;
  }
  return away;
}
