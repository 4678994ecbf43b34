import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { subscriptionView } from '../../src/api/views.ts';
import { isUsable } from '../../src/domain/burndown.ts';
import { type Instant, iso } from '../../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { changeOf, totalAt } from '../../src/domain/curve.ts';
import { balance, openGrants } from '../../src/domain/model/book.ts';
import { openHolds } from '../../src/domain/model/holds.ts';
import { endsAt } from '../../src/domain/subscription.ts';
import { advanceLife, command, forecast, type Life, startLife } from '../../src/domain/timeline.ts';
import { formatOf } from '../../src/web/shell/format.ts';
import { PLAIN } from '../../src/web/shell/look.ts';
import { wordsOf } from '../../src/web/shell/words.ts';
import { type ChartData, chartOf, LOOKS_BACK } from '../../src/web/wallet/chart-view.ts';
import { walletPage } from '../../src/web/wallet/overview.tsx';
import { walletOf } from '../../src/web/wallet/overview-view.ts';
import type { Visit } from '../../src/web/wallet/visit.ts';
import { textOf } from '../api/pages.ts';
import { histories, type Method, type Op } from '../domain/history.ts';
import { Model } from '../domain/model.ts';
import { sized } from '../support/campaign.ts';

// One balance in five places: chart, table, `balance?at=`, schedule and the page's sentences agree in every life.

const RUNS = sized(50, 2_000);

function lookedAt(life: Life) {
  const { state, book, catalog } = life;
  const { now } = state;
  const row = { state, version: book.entries.length, now, testClock: now, nextDeadline: null, metadata: {} };
  const assets = { style: '', script: '' };
  const format = formatOf(state.timeZone);
  const frame = {
    assets,
    look: PLAIN,
    words: wordsOf(catalog),
    format,
    now,
    state,
    live: '',
    key: '',
    said: null,
    reported: null,
    canPayHere: false,
    trialPrice: null,
  };
  const visit = { row, frame, catalog, reported: null } as unknown as Visit;
  const from = now - LOOKS_BACK;
  const found: ChartData = {
    grants: [...book.grants.values()]
      .filter(({ remaining, held, expiresAt }) => remaining + held > 0 || expiresAt > from)
      .map((grant) => ({ ...grant, chargeId: null, reason: null })),
    changes: book.entries
      .filter(({ effectiveAt }) => effectiveAt > from)
      .map((entry) => changeOf(entry, entry.effectiveAt)),
    holds: openHolds(book),
  };
  const chart = chartOf(visit, found);
  const activity = book.entries
    .toReversed()
    .slice(0, 8)
    .map((entry) => ({ ...entry, feature: null, at: entry.effectiveAt }));
  const view = walletOf(visit, { grants: found.grants, chart }, activity);
  const html = walletPage(view);
  return { row: row as unknown as Visit['row'], chart, view, html, text: textOf(html) };
}

/** The answer of `balance?at=`: before now by the entries as `balance_at` reads them, after it by a forecast. */
function balanceAt({ state, book, catalog }: Life, at: Instant): number {
  if (at > state.now) {
    const { life } = forecast(state, openGrants(book), catalog, { until: at, holds: openHolds(book) });
    return balance(life.book, at).available;
  }
  const ends = endsAt(state);
  return [...book.grants.values()]
    .filter((grant) => isUsable(grant, at, ends))
    .map(({ id, remaining }) =>
      book.entries
        .filter(({ grantId, effectiveAt }) => grantId === id && effectiveAt > at)
        .reduce((sum, { credits }) => sum - credits, remaining),
    )
    .reduce((sum, credits) => sum + credits, 0);
}

/** The rows of the table on the page: instant and the credits available after it. */
const tableOf = (html: string): [Instant, number][] =>
  [
    ...html.matchAll(
      /<tr><th scope="row"><time datetime="([^"]+)".*?<td class="right">([\d,]+)<\/td><\/tr>/gs,
    ),
  ].map(([, at, credits]) => [Date.parse(at!), Number(credits!.replaceAll(',', ''))]);

function expectOneStory(life: Life): void {
  const { row, chart, view, html, text } = lookedAt(life);
  const { state, catalog } = life;
  const { now } = state;
  const { format } = view;
  const instants = new Set(
    [
      now,
      chart.to,
      ...chart.layers.flatMap(({ points }) => points.map(({ at }) => at)),
      ...chart.marks.map(({ at }) => at),
    ]
      .flatMap((at) => [at - 1, at, at + 1])
      .filter((at) => at >= chart.from && at <= chart.to),
  );
  const says = (of: (at: Instant) => number) => [...instants].map((at) => `${iso(at)} ${of(at)}`);
  expect(
    says((at) => totalAt(chart.layers, at)),
    'the chart',
  ).toEqual(says((at) => balanceAt(life, at)));

  const table = tableOf(html);
  expect(table.length > 0 || chart.layers.length + chart.marks.length === 0).toBe(true);
  for (const [at, credits] of table)
    expect([iso(at), credits], 'the table').toEqual([iso(at), balanceAt(life, at)]);

  const { happenings } = forecast(state, openGrants(life.book), catalog, {
    limit: 40,
    holds: openHolds(life.book),
  });
  const marks = new Set(chart.marks.map(({ at, kind }) => `${iso(at)} ${kind}`));
  for (const { at, kind } of happenings.filter(({ at }) => at > now && at <= chart.to))
    expect(marks, 'the schedule').toContain(`${iso(at)} ${kind}`);

  expect(view.available).toBe(balanceAt(life, now));
  expect(text).toContain(`Premium Credits available ${format.credits(view.available)} `);
  const refresh = happenings.find(({ kind }) => kind === 'refresh');
  if (view.refresh) expect(view.refresh).toEqual({ at: refresh?.at, credits: refresh?.credits });

  const renewal = happenings.find(({ kind }) => kind === 'renewal');
  const next = subscriptionView(row, catalog).next_renewal?.charge ?? null;
  const charge = textOf(/aria-labelledby="charge">.*?<\/section>/s.exec(html)?.[0] ?? '');
  if (state.unpaid?.pending) {
    expect(charge).toContain('The payment is on its way.');
    expect([next, renewal?.at ?? null]).toEqual([null, null]);
  } else if (renewal) {
    expect(charge).toContain(`Next charge ${format.date(renewal.at, now)}, `);
    expect(charge).toContain(format.money(renewal.charge!.amount_minor, renewal.charge!.currency));
    if (next) expect(next).toEqual(renewal.charge);
  } else {
    expect(charge).toMatch(/Nothing more will be charged|Your contract pays|Free/);
    expect(next).toBeNull();
  }

  const ends = endsAt(state);
  if (ends !== null)
    for (const { at } of [...view.expiring, ...view.grants.map(({ goneAt: at }) => ({ at }))])
      expect(at, 'nothing is promised beyond the end').toBeLessThanOrEqual(ends);
  if (state.unpaid?.pending) expect(text).not.toMatch(/could not be paid|was declined/);
  const last = life.book.entries.findLast(({ credits }) => credits < 0)?.kind;
  if (last === 'expiry' || last === 'revocation') expect(text).not.toContain('Everything is used');
}

/** Half of the lives meet a renewal that is not paid, which seldom happens by chance. */
const unpaidFirst: fc.Arbitrary<Op[]> = fc
  .tuple(
    fc
      .constantFrom<Method | null>(null, null, 'sandbox_declined', 'sandbox_pending')
      .map((method): Op[] => (method === null ? [] : [{ do: 'method', method }])),
    fc.constantFrom<Op>({ do: 'to_due', n: 2, ms: 0 }, { do: 'to_due', n: 2, ms: 1 }, { do: 'days', n: 33 }),
  )
  .map(([method, wait]) => [...method, wait]);

test(`chart, table, balance, schedule and sentences tell one story in ${RUNS} lives`, {
  timeout: 900_000,
}, () => {
  fc.assert(
    fc.property(histories, unpaidFirst, (history, ops) =>
      new Model({ ...history, ops: [...ops, ...history.ops.slice(0, 12)] }).run(expectOneStory),
    ),
    { numRuns: RUNS },
  );
});

/** A creator of 31 January whose renewal of 28 February is not paid, on a day after it. */
function unpaid(method: 'sandbox_declined' | 'sandbox_pending', day: string): Life {
  const life = startLife(
    {
      id: 'sub_unpaid',
      customerId: 'customer',
      plan: 'creator',
      interval: 'month',
      timeZone: 'UTC',
      paymentMethod: 'sandbox_ok',
      allowance: null,
      anchorAt: null,
      testClock: true,
    },
    Date.parse('2026-01-31T00:00Z'),
    DEFAULT_CATALOG,
  );
  command(life, { type: 'set_payment_method', paymentMethod: method });
  advanceLife(life, Date.parse(`${day}T12:00Z`));
  return life;
}

describe('past due (R-41, R-42)', () => {
  test.each([
    [
      'sandbox_declined',
      '2026-03-02',
      'was declined. It is tried again on Mar 3. Until',
      'Next charge Mar 3, tomorrow',
    ],
    [
      'sandbox_declined',
      '2026-03-06',
      'was declined. It is tried a last time on Mar 7. If it is declined then too, your plan ends, and unused credits with it.',
      'Next charge Mar 7, tomorrow',
    ],
    [
      'sandbox_pending',
      '2026-03-02',
      'is not paid yet. Its payment is on its way, and nothing needs to be done. If it has not arrived by Mar 7, your plan ends.',
      'Charge under way The payment is on its way.',
    ],
  ] as const)('%s on %s', (method, day, standing, charge) => {
    const life = unpaid(method, day);
    expectOneStory(life);
    const { text } = lookedAt(life);
    expect(text).toContain(`Your renewal of Feb 28 ${standing}`);
    expect(text).toContain(charge);
    expect(text).toContain('Nothing is left to use: 200 credits expired unused on Mar 2.');
  });

  test('the credits of a retry are drawn where they would come, not at the boundary that is past', () => {
    const { chart } = lookedAt(unpaid('sandbox_declined', '2026-03-02'));
    const drawn = (at: string) => totalAt(chart.layers, Date.parse(at));
    expect(drawn('2026-03-01T00:00Z')).toBe(200);
    expect(drawn('2026-03-02T12:00Z')).toBe(0);
    expect(drawn('2026-03-02T23:59Z')).toBe(0);
    expect(drawn('2026-03-03T00:00Z')).toBe(200);
    expect(chart.seams.filter(({ from }) => from < Date.parse('2026-03-03'))).toEqual([]);
  });
});
