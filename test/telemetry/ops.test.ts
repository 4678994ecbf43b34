import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/embedded/ports.ts';
import { headings, read } from '../project/files.ts';
import { createProcesses, type Processes } from '../support/processes.ts';

// The dashboard and the alerts: every metric that they name is served by a real API or worker, and every alert has its remedy.

const alerts = read('ops/prometheus/alerts.yml');
const dashboard = read('ops/grafana/drawdown.json');

const METRIC = /\b(?:drawdown|nodejs|process|temporal)_[a-z0-9_]+/g;

/** The names in a text of expressions. */
const namesIn = (text: string): string[] => [...new Set(text.match(METRIC))].sort();

/** The expressions of the alerts, without labels' values and prose. */
const alertExpressions = [...alerts.matchAll(/expr: (?:>-\n)?((?:.*\n)+?)(?= {8}(?:for|labels):)/g)].map(
  ([, text]) => text!,
);
const panels = (JSON.parse(dashboard) as { panels: { title: string; targets: { expr: string }[] }[] }).panels;
const panelExpressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

let processes: Processes;
let served = '';
beforeAll(async () => {
  const ports = [await freePort(), await freePort()].map(String);
  processes = await createProcesses();
  await processes.startApi(undefined, { METRICS_PORT: ports[0]! });
  await processes.startWorker({ METRICS_PORT: ports[1]! });
  const { status } = await processes.request('POST', '/v1/subscriptions', {
    body: { customer_id: 'c-1', plan: 'creator', interval: 'month', payment_method: 'sandbox_ok' },
  });
  expect(status).toBe(201);
  const texts = ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  served = (await Promise.all(texts)).join('\n');
});
afterAll(() => processes?.stop());

/** The names of a scrape: a histogram has three. */
function servedNames(): Set<string> {
  const types = [...served.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
  return new Set(
    types.flatMap(([, name, type]) =>
      type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name!],
    ),
  );
}

describe('every metric is served', () => {
  test('that an alert reads', () => {
    expect(alertExpressions.length).toBe(alerts.match(/- alert:/g)!.length);
    const names = alertExpressions.flatMap(namesIn);
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !servedNames().has(name))).toEqual([]);
  });

  test('that a panel shows', () => {
    expect(panels.length).toBeGreaterThan(15);
    expect(panelExpressions.filter((expr) => namesIn(expr).length === 0)).toEqual([]);
    expect(panelExpressions.flatMap(namesIn).filter((name) => !servedNames().has(name))).toEqual([]);
  });

  test('that docs/operating.md names, and each of ours is in it', () => {
    const table = read('docs/operating.md').split('\n### Metrics\n')[1]!.split('\n### ')[0]!;
    const named = namesIn(table).filter((name) => name.startsWith('drawdown_'));
    const ours = [...served.matchAll(/^# TYPE (drawdown_\w+) /gm)].map(([, name]) => name!);
    expect(named).toEqual([...new Set(ours)].sort());
  });
});

describe('every alert', () => {
  const names = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);

  test('has a severity, a summary, and its own heading in docs/operating.md as its runbook', () => {
    const [, ...rules] = alerts.split('- alert: ');
    const faults = rules.filter(
      (rule, i) =>
        !/severity: (page|ticket)/.test(rule) ||
        !/summary: \S/.test(rule) ||
        !rule.includes(`runbook: docs/operating.md#${names[i]!.toLowerCase()}\n`),
    );
    expect(faults).toEqual([]);
    expect(headings('docs/operating.md').filter((heading) => /^Drawdown[A-Z]/.test(heading))).toEqual(names);
  });

  test('reads labels that metrics have', () => {
    const kinds = ['kind', 'outcome', 'route', 'le', 'instance'];
    const labels = alertExpressions.flatMap((expr) => [
      ...[...expr.matchAll(/by \(([^)]+)\)/g)].flatMap(([, list]) => list!.split(', ')),
      ...[...expr.matchAll(/[{,](\w+)[!=]/g)].map(([, label]) => label!),
    ]);
    expect(labels.filter((label) => !kinds.includes(label))).toEqual([]);
  });
});
