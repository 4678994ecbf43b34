import type { GrantKind } from '../../domain/burndown.ts';
import type { Instant } from '../../domain/calendar.ts';
import { type Layer, type Seam, sumOf, totalAt, valueAt } from '../../domain/curve.ts';
import type { Format } from '../shell/format.ts';
import { Scroll, When } from '../shell/parts.tsx';
import type { Words } from '../shell/words.ts';

// The balance of the last 30 and the next 60 days, grant on grant, drawn on the server, and as a table.

/** The kinds of marks. */
type MarkKind = 'refresh' | 'expiry' | 'renewal' | 'end';

/** An event on the chart. */
export interface Mark {
  at: Instant;
  kind: MarkKind;
  /** Its text for the pointer and the table. */
  text: string;
  credits: number | null;
}

/** The data of the chart. */
export interface ChartView {
  format: Format;
  words: Words;
  /** why days without default credits come: the term of the allowance, and the cycle that is longer. */
  gapReason: string;
  from: Instant;
  now: Instant;
  to: Instant;
  layers: Layer[];
  marks: Mark[];
  seams: Seam[];
}

const WIDTH = 720;
const HEIGHT = 262;
const LEFT = 52;
const RIGHT = 8;
const TOP = 26;
const FLOOR = 196;
/** With more grants than this each kind is one layer: bands too thin to see would make the page too large. */
const MOST_LAYERS = 16;
/** With more marks than this each day has one. */
const MOST_MARKS = 120;
const DAY = 86_400_000;

const KINDS: GrantKind[] = ['allowance', 'adjustment', 'pack'];

interface Scale {
  x(at: Instant): number;
  y(credits: number): number;
}

/** The chart as SVG. */
export function Chart({ view }: { view: ChartView }) {
  const { format, from, to, now } = view;
  const layers = view.layers.length > MOST_LAYERS ? mergedByKind(view) : view.layers;
  const instants = instantsOf(layers, from, to);
  const top = niceTop(Math.max(0, ...instants.map((at) => totalAt(layers, at))));
  const scale: Scale = {
    x: (at) => round(LEFT + ((at - from) / (to - from)) * (WIDTH - LEFT - RIGHT)),
    y: (credits) => round(FLOOR - (credits / top) * (FLOOR - TOP)),
  };
  const label = `Balance from ${format.date(from, now)} to ${format.date(to, now)}; the table below says the same.`;
  return (
    <Scroll label="Chart of your balance" kind="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
        <defs>
          <pattern
            id="hatching"
            width="7"
            height="7"
            patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)"
          >
            <line class="hatch" y2="7" />
          </pattern>
        </defs>
        <Seams view={view} scale={scale} />
        <Areas layers={layers} instants={instants} scale={scale} to={to} />
        <rect
          x={scale.x(now)}
          y={TOP}
          width={round(scale.x(to) - scale.x(now))}
          height={FLOOR - TOP}
          fill="url(#hatching)"
        />
        <Axes view={view} scale={scale} top={top} />
        {marksOf(view).map((mark) => (
          <MarkSign mark={mark} x={scale.x(mark.at)} />
        ))}
      </svg>
    </Scroll>
  );
}

const round = (n: number): number => Math.round(n * 10) / 10;

/** The instants at which the outline changes. */
function instantsOf(layers: Layer[], from: Instant, to: Instant): Instant[] {
  const all = layers.flatMap(({ points }) => points.map(({ at }) => Math.max(at, from)));
  return [...new Set([from, ...all])].filter((at) => at <= to).sort((a, b) => a - b);
}

/** The next round number with a round half: the axis shows both. */
function niceTop(most: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 10)));
  return [1, 1.5, 2, 3, 4, 6, 8, 10].map((step) => step * power).find((top) => top >= most) ?? most;
}

function mergedByKind({ layers, from, to }: ChartView): Layer[] {
  const column = (at: Instant) => Math.floor(((at - from) / (to - from)) * WIDTH);
  return KINDS.flatMap((kind) => {
    const same = layers.filter((layer) => layer.kind === kind);
    if (same.length === 0) return [];
    // Of points in one pixel column only the last is visible.
    const points = sumOf(same).filter(
      ({ at }, i, all) => column(at) !== column(all[i + 1]?.at ?? Number.POSITIVE_INFINITY),
    );
    return [{ ...same[0]!, id: kind, points }];
  });
}

function marksOf({ marks, from, ...texts }: ChartView): Mark[] {
  if (marks.length <= MOST_MARKS) return marks;
  const days = new Map<string, Mark[]>();
  for (const mark of marks) {
    const day = `${Math.floor((mark.at - from) / DAY)} ${mark.kind}`;
    const same = days.get(day);
    if (same) same.push(mark);
    else days.set(day, [mark]);
  }
  return [...days.values()].map((same) => (same.length === 1 ? same[0]! : together(same, texts)));
}

function together(same: Mark[], { format, words }: Pick<ChartView, 'format' | 'words'>): Mark {
  const last = same.at(-1)!;
  const credits = same.reduce((sum, mark) => sum + (mark.credits ?? 0), 0);
  const says = SIGNS[last.kind].says(words.credit[1]);
  return {
    ...last,
    credits,
    text: `${same.length} times ${says}, ${format.creditsOf(Math.abs(credits))} in all`,
  };
}

function Areas(props: { layers: Layer[]; instants: Instant[]; scale: Scale; to: Instant }) {
  const { layers, instants, scale, to } = props;
  const floor = new Map(instants.map((at) => [at, 0]));
  // Default credits at the bottom: they are used first.
  const stacked = KINDS.flatMap((kind) => layers.filter((layer) => layer.kind === kind));
  return (
    <g class="areas">
      {stacked.map((layer) => {
        const bands = instants.map((at, i) => {
          const low = floor.get(at) ?? 0;
          const high = low + valueAt(layer, at);
          floor.set(at, high);
          return {
            left: scale.x(at),
            right: scale.x(instants[i + 1] ?? to),
            low: scale.y(low),
            high: scale.y(high),
          };
        });
        return <path class={`fill-${layer.kind}`} d={outline(bands)} />;
      })}
    </g>
  );
}

interface Band {
  left: number;
  right: number;
  low: number;
  high: number;
}

/** Steps along the top and back along the bottom, once for each stretch with a height. */
function outline(bands: Band[]): string {
  const runs: Band[][] = [];
  bands.forEach((band, i) => {
    if (band.low === band.high) return;
    const before = bands[i - 1];
    if (before && before.low !== before.high) runs.at(-1)!.push(band);
    else runs.push([band]);
  });
  return runs
    .map((run) => {
      const first = run[0]!;
      const there = run.map(({ high, right }) => `V${high}H${right}`).join('');
      const back = run
        .toReversed()
        .map(({ low, left }) => `V${low}H${left}`)
        .join('');
      return `M${first.left} ${first.low}${there}${back}Z`;
    })
    .join('');
}

function Axes({ view, scale, top }: { view: ChartView; scale: Scale; top: number }) {
  const { format, now, to } = view;
  const days = [-30, -15, 15, 30, 45, 60].map((day) => now + day * 86_400_000);
  return (
    <g>
      {[0, top / 2, top].map((credits) => (
        <>
          <line class="axis" x1={LEFT} x2={WIDTH - RIGHT} y1={scale.y(credits)} y2={scale.y(credits)} />
          <text x={LEFT - 8} y={scale.y(credits) + 4} text-anchor="end">
            {format.credits(credits)}
          </text>
        </>
      ))}
      {days.map((at) => (
        <text x={scale.x(at)} y={HEIGHT - 4} text-anchor={anchorOf(at, view)}>
          {format.date(at, at)}
        </text>
      ))}
      <line class="now" x1={scale.x(now)} x2={scale.x(now)} y1={TOP - 8} y2={FLOOR + 6} />
      <text class="strong" x={scale.x(now)} y={12} text-anchor="middle">
        Today
      </text>
      <text x={round((scale.x(now) + scale.x(to)) / 2)} y={12} text-anchor="middle">
        what is to come
      </text>
    </g>
  );
}

const anchorOf = (at: Instant, { now, to }: ChartView): 'start' | 'middle' | 'end' =>
  at >= to ? 'end' : at <= now - 30 * 86_400_000 ? 'start' : 'middle';

function Seams({ view, scale }: { view: ChartView; scale: Scale }) {
  const { seams, from, to } = view;
  return (
    <g>
      {seams.map((seam) => {
        const left = scale.x(Math.max(seam.from, from));
        const right = scale.x(Math.min(seam.to, to));
        return (
          <rect
            class={seam.kind}
            x={left}
            y={TOP}
            width={Math.max(2, round(right - left))}
            height={FLOOR - TOP}
          >
            <title>{seamText(seam, view)}</title>
          </rect>
        );
      })}
    </g>
  );
}

type SeamTexts = Pick<ChartView, 'format' | 'now' | 'words' | 'gapReason'>;

/** The text of a gap. */
export function seamText({ kind, from, to }: Seam, { format, now, words, gapReason }: SeamTexts): string {
  const credits = `default ${words.credit[1]}`;
  const [start, end] = [format.date(from, now), format.date(to, now)];
  return kind === 'gap'
    ? `No ${credits} from ${start} to ${end}: ${gapReason}.`
    : `Two sets of ${credits} from ${start} to ${end}: the earlier ones have not expired when the next ones arrive.`;
}

/** A sign below the floor: credits in, credits out, money. */
function MarkSign({ mark, x }: { mark: Mark; x: number }) {
  const path = {
    refresh: `M${x} ${FLOOR + 6}l5 9h-10z`,
    // Expiries have a row of their own: credits may come and go at one instant.
    expiry: `M${x} ${FLOOR + 27}l5-9h-10z`,
    renewal: `M${x - 4} ${FLOOR + 31}h8v8h-8z`,
    end: `M${x - 4} ${FLOOR + 31}l8 8m0-8l-8 8`,
  }[mark.kind];
  return (
    <path class={`mark mark-${mark.kind}`} d={path}>
      <title>{mark.text}</title>
    </path>
  );
}

const SIGNS: Record<MarkKind, { sign: string; says(credits: string): string }> = {
  refresh: { sign: '▲', says: (credits) => `${credits} arrive` },
  expiry: { sign: '▼', says: (credits) => `${credits} expire` },
  renewal: { sign: '□', says: () => 'your plan renews' },
  end: { sign: '✕', says: () => 'your plan ends' },
};

/** The key to the chart's colours and signs. */
export function ChartKey({ view }: { view: ChartView }) {
  const kinds = KINDS.filter((kind) => view.layers.some((layer) => layer.kind === kind));
  const signs = [...new Set(view.marks.map(({ kind }) => kind))];
  return (
    <ul class="key">
      {kinds.map((kind) => (
        <li>
          <svg width="14" height="14" aria-hidden="true">
            <rect class={`fill-${kind}`} width="14" height="14" rx="3" />
          </svg>
          {view.words.grants[kind]}
        </li>
      ))}
      {signs.map((kind) => (
        <li>
          <span aria-hidden="true">{SIGNS[kind].sign}</span> {SIGNS[kind].says(view.words.credit[1])}
        </li>
      ))}
      <li>hatched: expected, if nothing is used</li>
    </ul>
  );
}

/** The chart as a table: each event with the balance after it. */
export function ChartTable({ view }: { view: ChartView }) {
  const { format, layers, now, from } = view;
  const marks = marksOf(view);
  const points = sumOf(layers);
  const instants = [...new Set([from, now, ...marks.map(({ at }) => at)])].sort((a, b) => a - b);
  return (
    <Scroll label="Your balance as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">Date</th>
            <th scope="col">Event</th>
            <th scope="col" class="right">
              Available
            </th>
          </tr>
        </thead>
        <tbody>
          {instants.map((at) => (
            <tr>
              <th scope="row">
                <When format={format} at={at} near={now} />
              </th>
              <td>{whatHappens({ ...view, marks }, at)}</td>
              <td class="right">{format.credits(valueAt({ points }, at))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function whatHappens(view: ChartView, at: Instant): string {
  const { marks, seams, now, from } = view;
  const happened = marks.filter((mark) => mark.at === at).map(({ text }) => text);
  const begun = seams.filter((seam) => seam.from === at).map((seam) => seamText(seam, view));
  if (at === now) happened.unshift('Today');
  else if (at === from) happened.unshift('Balance at the start');
  return [...happened, ...begun].join('. ').replaceAll('..', '.');
}
