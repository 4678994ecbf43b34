import type { Cost } from './fleet-figures.ts';
import type { Figures } from './fleet-minute.ts';
import { machineLine } from './machine.ts';

/** The figures for people. */
export function report(figures: Figures): string {
  const { machine, subscriptions, moved_in, boundaries, spending, temporal, restarts, faults } = figures;
  const { before, during, ratio } = spending;
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;
  const cost = ({ events, actions }: Cost) => `${events} events, ${actions} actions`;
  const lines: [string, ...(string | number)[]][] = [
    [`${subscriptions} subscriptions due in one minute`],
    [machineLine(machine)],
    [''],
    ['moved in', `${moved_in.per_second}/s`, `in ${moved_in.seconds} s`],
    ['boundaries booked', boundaries.booked, `of ${subscriptions}`],
    ['  a second', `median ${boundaries.median_per_second}`, `peak ${boundaries.peak_per_second}`],
    ['  first due to last booked', `${boundaries.first_due_to_last_booked_s} s`],
    [
      '  late',
      `p50 ${seconds(boundaries.late_ms.p50)}`,
      `p99 ${seconds(boundaries.late_ms.p99)}`,
      `max ${seconds(boundaries.late_ms.max)}`,
    ],
    [`spends, ${spending.per_second}/s`, 'before', 'during', 'ratio'],
    ['  p50 ms', before.p50_ms, during.p50_ms, ratio.p50],
    ['  p99 ms', before.p99_ms, during.p99_ms, ratio.p99],
    ['  sent', before.sent, during.sent],
    ['  failed', before.failed, during.failed],
    [`Temporal, ${temporal.histories} histories`],
    ['  a boundary', cost(temporal.boundary), `most ${cost(temporal.boundary_most)}`],
    ['  moving in', cost(temporal.move_in)],
    ['API and worker', restarts.join('; ') || 'never restarted'],
    [''],
    ...(faults.length > 0
      ? faults.map((fault): [string] => [`FAILED: ${fault}`])
      : [
          [
            `Each of ${subscriptions} has exactly one paid renewal and one allowance, dated at its boundary.`,
          ] as [string],
        ]),
  ];
  return `${lines.map(([label, ...cells]) => row(label, cells)).join('\n')}\n`;
}

function row(label: string, cells: (string | number)[]): string {
  if (cells.length === 0) return label;
  return [label.padEnd(26), ...cells.map((cell) => String(cell).padEnd(14))].join('  ').trimEnd();
}
