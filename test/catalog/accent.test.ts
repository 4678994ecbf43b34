import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contrast, GROUNDS, LEAST_CONTRAST, readableAccent } from '../../src/domain/catalog/accent.ts';

const colours = fc.stringMatching(/^#[0-9a-f]{6}$/);
const schemes = fc.constantFrom('light' as const, 'dark' as const);
const isReadable = (colour: string, scheme: keyof typeof GROUNDS) =>
  GROUNDS[scheme].every((ground) => contrast(colour, ground) >= LEAST_CONTRAST);

describe('contrast', () => {
  // WebAIM's checker gives these.
  test.each([
    ['#000000', '#ffffff', 21],
    ['#777777', '#ffffff', 4.48],
    ['#767676', '#ffffff', 4.54],
    ['#1f5f5b', '#ffffff', 7.34],
  ])('%s on %s is %d', (a, b, expected) => {
    expect(contrast(a, b)).toBeCloseTo(expected, 1);
    expect(contrast(b, a)).toBe(contrast(a, b));
  });
});

describe('the readable accent', () => {
  test('is the accent itself exactly where that is readable', () => {
    fc.assert(
      fc.property(colours, schemes, (colour, scheme) => {
        const shown = readableAccent(colour, scheme);
        expect(isReadable(shown, scheme)).toBe(true);
        expect(shown === colour).toBe(isReadable(colour, scheme));
        expect(readableAccent(shown, scheme)).toBe(shown);
      }),
    );
  });

  test('is the nearest: every channel is moved one way, and no less would do', () => {
    const channels = (colour: string) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    fc.assert(
      fc.property(colours, (colour) => {
        const [before, after] = [channels(colour), channels(readableAccent(colour, 'light'))];
        for (const [i, channel] of after.entries()) expect(channel).toBeLessThanOrEqual(before[i]!);
        if (isReadable(colour, 'light')) return;
        // Two units lighter in every channel that moved is too light.
        const lighter = after.map((channel, i) => Math.min(before[i]!, channel + 2));
        const text = `#${lighter.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
        expect(isReadable(text, 'light')).toBe(false);
      }),
    );
  });

  test('is never the same on both schemes: no grey is readable on both', () => {
    for (let level = 0; level < 256; level += 1) {
      const grey = `#${level.toString(16).padStart(2, '0').repeat(3)}`;
      expect(isReadable(grey, 'light') && isReadable(grey, 'dark')).toBe(false);
    }
  });

  test('is for the grounds of the pages', () => {
    const css = readFileSync(new URL('../../src/web/shell/style.css', import.meta.url), 'utf8');
    const grounds = [...css.matchAll(/--(?:ground|card|sunk): (#[0-9a-f]{6});/g)].map(([, colour]) => colour);
    expect(grounds).toEqual([...GROUNDS.light, ...GROUNDS.dark]);
  });
});
