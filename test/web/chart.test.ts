import { expect, test } from 'vitest';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import type { Layer } from '../../src/domain/curve.ts';
import { formatOf } from '../../src/web/shell/format.ts';
import { wordsOf } from '../../src/web/shell/words.ts';
import { Chart, ChartTable, type ChartView, type Mark } from '../../src/web/wallet/chart.tsx';

// A chart stays a picture, and its table one that can be read, however many grants there are.

const DAY = 86_400_000;
const from = Date.parse('2026-01-01T00:00:00Z');
const now = from + 30 * DAY;
const to = now + 60 * DAY;

/** So many grants of one credit, each ending a minute after the one before. */
function viewOf(grants: number): ChartView {
  const at = (i: number) => now + i * 60_000;
  const layers = Array.from({ length: grants }, (_, i): Layer => {
    const points = [
      { at: from, credits: 1 },
      { at: at(i), credits: 0 },
    ];
    return {
      id: `grt_${i}`,
      kind: 'adjustment',
      amount: 1,
      effectiveAt: from,
      expiresAt: at(i),
      points,
    };
  });
  const marks = layers.map(
    ({ expiresAt }): Mark => ({ at: expiresAt, kind: 'expiry', text: '1 credit will expire', credits: -1 }),
  );
  const texts = { format: formatOf('UTC'), words: wordsOf(DEFAULT_CATALOG), gapReason: '' };
  return { ...texts, from, now, to, layers, marks, seams: [] };
}

const rowsOf = (view: ChartView): string[] => String(ChartTable({ view })).split('<tr>').slice(2);

test('few marks are listed one by one', () => {
  expect(rowsOf(viewOf(100)).filter((row) => row.includes('1 credit will expire'))).toHaveLength(100);
});

test('many are listed by the day, and the balance after them is exact', () => {
  const rows = rowsOf(viewOf(5_000));
  // 5,000 minutes are three days and 680 minutes.
  expect(rows.map((row) => /times [^<]*/.exec(row)?.[0] ?? '').filter(Boolean)).toEqual([
    ...Array(3).fill('times credits expire, 1,440 credits in all'),
    'times credits expire, 680 credits in all',
  ]);
  expect(rows.at(-1)).toContain('>0<');
  expect(rows.at(-2)).toContain('>680<');
  expect(String(Chart({ view: viewOf(5_000) })).length).toBeLessThan(20_000);
});
