import type { Catalog, Policies } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { CATALOGS } from './catalogs.ts';
import { parseStep, type Step } from './steps.ts';

export const COLUMNS = [
  'at',
  'do',
  'allowance',
  'pack',
  'adjustment',
  'held',
  'charged',
  'status',
  'on',
  'outcome',
] as const;
export type Column = (typeof COLUMNS)[number];
const NUMBERS: readonly Column[] = ['allowance', 'pack', 'adjustment', 'held', 'charged'];

/**
 * `stack`: the core has nothing to show. `core`: it needs a thing that a running stack can't do (another catalogue, an
 * outage).
 */
export type Room = 'stack' | 'core';

export interface Row {
  at: string;
  step: Step;
  cells: Partial<Record<Column, string>>;
  on: Room | null;
}

export interface Table {
  rules: string[];
  title: string;
  /** The catalogue's policies where they are not the default. */
  policies: Partial<Policies>;
  /** Its catalogue of catalogs.ts; null: the built-in one. */
  catalog: string | null;
  on: Room | null;
  columns: { name: Column; start: number; end: number }[];
  rows: Row[];
  /** The header and the rows, as written. */
  lines: string[];
  file: string;
}

/** Tables are separated by blank lines; a line that begins with # is a comment. */
export function parseTables(source: string | readonly string[], file: string): Table[] {
  return (typeof source === 'string' ? source : source.join('\n\n'))
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n\s*\n/)
    .filter((text) => text.trim() !== '')
    .map((text) => parseTable(text, file));
}

function parseTable(text: string, file: string): Table {
  const [heading = '', header = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  const [rules = '', title = '', ...marks] = heading.trim().split(/ {2,}/);
  const where = `${file}, "${title}"`;
  if (!/^R-\d\d[ab]?( R-\d\d[ab]?)*$/.test(rules) || title === '')
    throw new Error(`${where}: the first line must be rule ids, two spaces and a title: ${heading}`);
  const columns = parseHeader(header, where);
  return {
    rules: rules.split(' '),
    title,
    ...parseMarks(marks, where),
    columns,
    rows: lines.map((line) => parseRow(line, columns, where)),
    lines: [header, ...lines],
    file,
  };
}

function parseMarks(marks: string[], where: string): Pick<Table, 'policies' | 'catalog' | 'on'> {
  const found: Pick<Table, 'policies' | 'catalog' | 'on'> = { policies: {}, catalog: null, on: null };
  for (const mark of marks) {
    if (mark === 'stack' || mark === 'core') found.on = mark;
    else if (mark.startsWith('catalogue ') && mark.slice('catalogue '.length) in CATALOGS)
      found.catalog = mark.slice('catalogue '.length);
    else if (mark.startsWith('policy '))
      for (const pair of mark.slice('policy '.length).split(' '))
        Object.assign(found.policies, parsePolicy(pair, where));
    else throw new Error(`${where}: unknown mark "${mark}"`);
  }
  return found;
}

function parsePolicy(pair: string, where: string): Partial<Policies> {
  const [name = '', value = ''] = pair.split('=');
  if (name === 'past_due_spending' && (value === 'allow' || value === 'block')) return { [name]: value };
  if (name === 'allowance_term' && value === 'until_next_refresh') return { [name]: value };
  if (name === 'allowance_term' && /^\d+$/.test(value)) return { [name]: { days: Number(value) } };
  if (name === 'dunning_days') return { [name]: value.split(',').map(Number) };
  throw new Error(`${where}: unknown policy ${pair}`);
}

function parseHeader(header: string, where: string): Table['columns'] {
  const columns = [...header.matchAll(/\S+/g)].map(({ 0: name, index }) => {
    if (!COLUMNS.includes(name as Column)) throw new Error(`${where}: unknown column ${name}`);
    return { name: name as Column, start: index, end: index + name.length };
  });
  if (columns[0]?.name !== 'at' || columns[1]?.name !== 'do') throw new Error(`${where}: no header line`);
  return columns;
}

function parseRow(line: string, columns: Table['columns'], where: string): Row {
  // A number is right-aligned and may be wider than its header: the column then begins further left.
  const starts = columns.map(({ name, start }) => {
    let from = start;
    while (NUMBERS.includes(name) && from > 0 && /\S/.test(line[from - 1] ?? '')) from -= 1;
    return from;
  });
  const cells: Row['cells'] = {};
  columns.forEach(({ name }, i) => {
    const start = starts[i] ?? 0;
    if (start > 1 && /\S/.test(line.slice(start - 2, start)))
      throw new Error(`${where}: a cell crosses into column ${name}: ${line}`);
    const cell = line.slice(start, starts[i + 1]).trim();
    // A dash says nothing: the cell is not compared.
    if (cell !== '' && cell !== '-') cells[name] = cell;
    if (NUMBERS.includes(name) && !/^(-|\d+)?$/.test(cell))
      throw new Error(`${where}: ${name} must be a number or a dash: ${line}`);
  });
  const { at, on } = cells;
  if (at === undefined || cells.do === undefined) throw new Error(`${where}: no date or command: ${line}`);
  if (on !== undefined && on !== 'stack' && on !== 'core') throw new Error(`${where}: on ${on}: ${line}`);
  try {
    return { at, step: parseStep(cells.do), cells, on: on ?? null };
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}: ${line}`);
  }
}

/** The cells under the header of the table, numbers flush right: the real row, to lay beside the expected one. */
export function formatRow(columns: Table['columns'], cells: Row['cells']): string {
  let line = '';
  for (const { name, start, end } of columns) {
    const cell = cells[name] ?? '';
    const from = NUMBERS.includes(name) ? end - cell.length : start;
    line = line.padEnd(Math.max(from, line === '' ? 0 : line.length + 1)) + cell;
  }
  return line.trimEnd();
}

/** The catalogue a table runs on; other policies are another version. */
export function catalogOf(table: Table): Catalog {
  const changes = JSON.stringify(table.policies);
  const catalog = table.catalog === null ? DEFAULT_CATALOG : CATALOGS[table.catalog]!;
  if (changes === '{}') return catalog;
  return {
    ...catalog,
    version: `${catalog.version}+${changes.replace(/[^a-zA-Z0-9_,:]/g, '')}`.slice(0, 64),
    policies: { ...catalog.policies, ...table.policies },
  };
}
