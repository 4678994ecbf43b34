import { type Machine, machineLine, rounded } from './machine.ts';
import type { TemporalKind } from './spend-beside.ts';
import { LEG_NAMES, LEGS, type LegName } from './spend-legs.ts';
import { cpuEach, SERVERS } from './spend-meters.ts';
import { type Ratio, spread } from './spend-ratios.ts';
import type { Result } from './spend-rounds.ts';

/** The figures of a run, as its JSON holds them. */
export interface Figures {
  machine: Machine;
  postgres: string;
  floor: string;
  rounds: number;
  seconds: number;
  /** Entries before the first leg. */
  history: { small: number; large: number | null };
  /** Subscriptions with a workflow; 0: the API ran alone. */
  workflows: number;
  temporal: TemporalKind;
  /** Events of a start and an update of the empty workflow: those of a start and a purchase. */
  emptyEvents: { start: number; update: number } | null;
  ratios: Ratio[];
  results: Result[];
  wrong: string | null;
}

/** The figures for people: for each leg the median of its rounds. */
export function report({
  machine,
  postgres,
  floor,
  rounds,
  seconds,
  history,
  workflows,
  temporal,
  emptyEvents,
  ratios,
  results,
  wrong,
}: Figures): string {
  const large = history.large === null ? '' : `, large ${history.large}`;
  const legs = LEG_NAMES.filter((leg) => results.some((result) => result.leg === leg));
  const lines = [
    machineLine(machine),
    `PostgreSQL ${postgres}; floor: ${floor}; ${rounds} rounds of ${seconds} s a leg; entries before: small ${history.small}${large}`,
    workflows > 0
      ? `Worker and Temporal's ${temporal === 'dev' ? 'development' : 'regular'} server run beside the API, with ${workflows} workflows.`
      : 'The API runs alone, without worker and Temporal.',
    '',
    ...table([
      ['leg', '1/s', 'range', '÷ floor32', 'p50 ms', 'p99 ms', 'batch', 'WAL B', 'HOT l/g', ''],
      ...legs.map((leg) => legRow(leg, results)),
    ]),
    '',
    'CPU: seconds of each leg, and milliseconds for each answer',
    ...table([
      ['leg', ...CPU_NAMES, ...CPU_NAMES.slice(0, SERVERS.length).map((name) => `${name} ms`), 'all ms'],
      ...legs.map((leg) => cpuRow(leg, results)),
    ]),
    '',
    ...table([
      ['ratio', 'median', 'range', 'target', ''],
      ...ratios.map(({ name, median, least, most, target, met }) => [
        name,
        median,
        `${least} to ${most}`,
        target ?? '',
        met === false ? 'MISSED' : '',
      ]),
    ]),
    '',
    ...busyLines(results),
    ...(emptyEvents
      ? [
          `Events in Temporal: a start ${emptyEvents.start}, a purchase ${emptyEvents.update}; the empty workflow has the same.`,
        ]
      : []),
    'batch: requests a transaction; WAL: bytes a success; HOT: share of updates of ledgers and grants that touched no index.',
    wrong === null
      ? 'No request failed, every answer was booked once, and the invariants hold.'
      : `WRONG: ${wrong}`,
  ];
  return `${lines.join('\n')}\n`;
}

const MANY_OTHERS = 0.1;
/** Below so many a second a decimal is shown. */
const FEW = 100;
const CPU_GROUPS = [...SERVERS, 'bench', 'others'] as const;
const CPU_NAMES = ['PostgreSQL', 'API', 'worker', 'Temporal', 'bench', 'others'];

/** The rest of the machine's work in each leg: it explains noise. */
function busyLines(results: Result[]): string[] {
  const all = results.flatMap(({ measures }) => measures.cpu ?? []);
  const total = all.reduce((sum, cpu) => sum + CPU_GROUPS.reduce((one, who) => one + cpu[who], 0), 0);
  const share = all.reduce((sum, { others }) => sum + others, 0) / total;
  if (!(share > MANY_OTHERS)) return [];
  return [
    `NOTE: ${rounded(share * 100, 0)} % of the processors' work was other processes': expect figures to be lower and to vary.`,
  ];
}

function legRow(leg: LegName, results: Result[]): (string | number)[] {
  const mine = results.filter((result) => result.leg === leg);
  const median = medianOf(mine);
  const rates = mine.map(({ perSecond }) => perSecond);
  const rate = spread(rates, Math.max(...rates) < FEW ? 1 : 0);
  const toFloor = (result: Result): number | null => {
    const floor = results.find((other) => other.leg === 'floor32' && other.round === result.round);
    return floor ? result.perSecond / floor.perSecond : null;
  };
  return [
    leg,
    rate.median,
    `${rate.least} to ${rate.most}`,
    median(toFloor, 2),
    median(({ p50 }) => p50, 2),
    median(({ p99 }) => p99, 2),
    median(({ measures }) => measures.batch, 1),
    median(({ measures }) => measures.walBytes, 0),
    `${median(({ measures }) => measures.hot.ledgers, 2)}/${median(({ measures }) => measures.hot.grants, 2)}`,
    LEGS[leg].says,
  ];
}

const medianOf =
  (results: Result[]) =>
  (of: (result: Result) => number | null, digits: number): number | string => {
    const values = results.map(of).filter((value): value is number => value !== null && !Number.isNaN(value));
    return values.length > 0 ? spread(values, digits).median : '–';
  };

/** CPU seconds of a leg, and milliseconds for each answer. */
function cpuRow(leg: LegName, results: Result[]): (string | number)[] {
  const median = medianOf(results.filter((result) => result.leg === leg));
  return [
    leg,
    ...CPU_GROUPS.map((who) => median(({ measures }) => measures.cpu?.[who] ?? null, 1)),
    ...SERVERS.map((who) => median(({ measures }) => cpuEach(measures, [who]), 2)),
    median(({ measures }) => cpuEach(measures), 2),
  ];
}

/** Columns as wide as their widest cell. */
function table(rows: (string | number)[][]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)));
  return rows.map((row) =>
    row
      .map((cell, i) => String(cell).padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}
