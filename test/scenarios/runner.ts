import type { Driver, View } from './driver.ts';
import { type Column, formatRow, type Room, type Row, type Table } from './format.ts';
import { moment, showExpiry, showMoment } from './moment.ts';

export interface Report {
  ok: boolean;
  /** The table that was expected and the table that happened, whole, the rows that differ marked. */
  text: string;
}

/** Runs a table through a driver: each row moves the clock, does its command, then compares the cells. */
export async function runTable(table: Table, driver: Driver, room: Room): Promise<Report> {
  const happened: Row['cells'][] = [];
  const run = { now: null as number | null, paidMinor: 0, booked: tellsEntries(table) ? 0 : null };
  for (const row of table.rows)
    happened.push(row.on !== null && row.on !== room ? row.cells : await runRow(row, table, driver, run));
  return report(table, happened);
}

/** `booked`: the number of entries so far; null where no row names any. */
type Run = { now: number | null; paidMinor: number; booked: number | null };

const tellsEntries = ({ rows }: Table): boolean =>
  rows.some(({ cells }) => / booked\b/.test(cells.outcome ?? ''));

/** The entries since the row before, in order: `release:50,expiry:-200,grant:200`. */
async function bookedSince(driver: Driver, run: Run, isNew: boolean): Promise<Record<string, string>> {
  if (run.booked === null) return {};
  const entries = await driver.entries();
  const made = entries.slice(isNew ? 0 : run.booked);
  run.booked = entries.length;
  return { booked: made.map(({ kind, credits }) => `${kind}:${credits}`).join(',') || 'nothing' };
}

async function runRow(row: Row, table: Table, driver: Driver, run: Run): Promise<Row['cells']> {
  const cells: Row['cells'] = { at: row.at, do: row.cells.do ?? '', ...(row.on ? { on: row.on } : {}) };
  try {
    const at = moment(row.at);
    const isMoved = run.now !== null && at > run.now;
    if (isMoved && !['outage', 'subscribe'].includes(row.step.verb)) await driver.advance(at);
    const answer = await driver.do(row.step, row.at);
    const view = await driver.look();
    const isNew = row.step.verb === 'subscribe' && ['ok', 'pending'].includes(answer.outcome);
    if (isNew) Object.assign(run, { now: null, paidMinor: 0 });
    run.now = view === null ? null : Math.max(at, run.now ?? at);
    const booked = view === null ? {} : await bookedSince(driver, run, isNew);
    const paidMinor = (view?.charges ?? []).reduce(
      (sum, charge) => sum + (charge.status === 'paid' ? charge.amountMinor : 0),
      0,
    );
    for (const { name } of table.columns)
      cells[name] ??= cellOf(
        name,
        view,
        { ...answer, data: { ...answer.data, ...booked }, charged: paidMinor - run.paidMinor },
        row,
      );
    run.paidMinor = paidMinor;
  } catch (error) {
    cells.outcome = `failed: ${(error as Error).stack?.split('\n').slice(0, 3).join(' ') ?? String(error)}`;
  }
  return cells;
}

type Said = { outcome: string; data: Record<string, string>; charged: number };

function cellOf(name: Column, view: View | null, said: Said, row: Row): string {
  switch (name) {
    case 'at':
    case 'do':
    case 'on':
      return row.cells[name] ?? '';
    case 'allowance':
    case 'pack':
    case 'adjustment':
    case 'held':
      return String(view?.balances[name] ?? 0);
    case 'charged':
      return String(said.charged);
    case 'status':
      return view?.status ?? 'none';
    case 'outcome':
      return outcomeCell(view, said, row.cells.outcome ?? '');
  }
}

/** The outcome with the details that the row names; an unexpected refusal gives all of them. */
function outcomeCell(view: View | null, said: Said, expected: string): string {
  const [code, ...words] = expected.split(/\s+/);
  const values: Record<string, string> = { ...facts(view), ...said.data };
  if (code !== said.outcome)
    return [said.outcome, ...Object.entries(said.data).map((pair) => pair.join(' '))].join(' ');
  const pairs = words.filter((_, i) => i % 2 === 0).map((key) => `${key} ${values[key] ?? '(nothing)'}`);
  return [said.outcome, ...pairs].join(' ');
}

const moments = (at: number | null | undefined): string =>
  at === null || at === undefined ? 'none' : showMoment(at);

/** The facts that any row may name besides the balances. */
function facts(view: View | null): Record<string, string> {
  if (!view) return { status: 'none' };
  const newest = view.grants.at(-1);
  const of = (kind: string) => view.grants.filter((grant) => grant.kind === kind).at(-1);
  const { scheduled } = view;
  const found: Record<string, string> = {
    status: view.status,
    plan: `${view.plan}/${view.interval}`,
    anchor: moments(view.anchorAt),
    refresh: moments(view.refreshAt),
    renewal: moments(view.renewal?.at),
    bill: String(view.renewal?.chargeMinor ?? 'none'),
    add_on: String(view.packs),
    items: view.items.map(({ pack, quantity }) => `${pack}:${quantity}`).join(',') || 'none',
    trial: moments(view.trialEndsAt),
    skipped: view.skipped ?? 'none',
    scheduled:
      scheduled?.kind === 'plan' ? `${scheduled.plan}/${scheduled.interval}` : (scheduled?.kind ?? 'none'),
    scheduled_at: moments(scheduled?.at),
    ended: moments(view.endedAt),
    expires: newest ? showExpiry(newest.expiresAt) : 'none',
    effective: moments(newest?.effectiveAt),
    grants: String(view.grants.length),
    charge: view.charges.at(-1)?.status ?? 'none',
    refunded: String(view.charges.reduce((sum, { refundedMinor }) => sum + refundedMinor, 0)),
  };
  for (const kind of ['allowance', 'pack', 'adjustment']) {
    found[`${kind}_from`] = moments(of(kind)?.effectiveAt);
    const last = of(kind);
    found[`${kind}_until`] = last ? showExpiry(last.expiresAt) : 'none';
    found[`${kind}_amount`] = String(of(kind)?.credits ?? 'none');
  }
  return found;
}

/** Dates may be written at any length: `2026-01-17T00:00:00Z` is `2026-01-17`. */
const normal = (cell: string): string =>
  cell
    .split(/\s+/)
    .map((word) => (/^\d{4}-\d\d-\d\d/.test(word) ? showMoment(moment(word)) : word))
    .join(' ');

function report(table: Table, happened: Row['cells'][]): Report {
  const marks = table.rows.map((row, i) =>
    table.columns.every(
      ({ name }) =>
        row.cells[name] === undefined || normal(row.cells[name]) === normal(happened[i]?.[name] ?? ''),
    ),
  );
  const [header = '', ...lines] = table.lines;
  const mark = (line: string, i: number) => `${marks[i] ? ' ' : '>'} ${line}`;
  const text = [
    `${table.rules.join(' ')}  ${table.title}  (${table.file})`,
    'expected:',
    `  ${header}`,
    ...lines.map(mark),
    'happened:',
    `  ${header}`,
    ...happened.map((cells, i) => mark(formatRow(table.columns, cells), i)),
  ].join('\n');
  return { ok: marks.every(Boolean), text };
}
