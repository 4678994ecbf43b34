const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `R-${String(from + i).padStart(2, '0')}`);

/** Every rule of docs/rules.md that scenario tables must show: all of sections A to J but R-84, which no single life shows. */
export const RULE_IDS: readonly string[] = [
  ...range(1, 8),
  'R-08a',
  'R-09',
  ...range(10, 17),
  ...range(20, 23),
  ...range(30, 39),
  ...['R-30a', 'R-31a', 'R-32a', 'R-39a'],
  ...range(40, 45),
  ...range(50, 56),
  ...range(60, 65),
  ...range(70, 74),
  'R-80',
  'R-81',
  'R-82',
  'R-83',
  'R-90',
];
