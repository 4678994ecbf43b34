import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readTimeline, type TimelineRow } from '../../src/db/console/timeline.ts';
import type { TimelineCursor } from '../../src/db/console/timeline-statement.ts';
import { leadLives } from '../support/books.ts';
import { expectSound } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { linesOf, textOf, Visit } from './console-visit.ts';
import { bodyOf, Driver } from './driver.ts';
import { hold } from './holding.ts';

// The console's timeline of a subscription shows every event of its life, in order, each with its rule.

let stack: Stack;
let visit: Visit;
beforeAll(async () => {
  stack = await startStack();
  visit = await Visit.begin(stack);
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack.stop());

const pageOf = async (id: string, query = ''): Promise<string> => {
  const seen = await visit.get(`/console/subscriptions/${id}${query}`);
  if (seen.status !== 200) throw new Error(`${seen.status} ${textOf(seen.html)}`);
  return seen.html;
};

/** The newest first, as the page has them. */
const timelineOf = async (id: string, query = '') => linesOf(await pageOf(id, query)).join('\n');

describe('a timeline', () => {
  test('tells a life as it was lived, newest first, with the rule of each', async () => {
    const driver = await Driver.open(stack);
    await driver.spend(5);
    await driver.buy(1);
    const held = await hold(driver, 20);
    bodyOf(await driver.post(`holds/${held['id']}/capture`, { credits: 12 }));
    bodyOf(
      await driver.post('usage', { items: [{ feature: 'video_translation_audio', quantity: 30 }] }),
      201,
    );
    const used = bodyOf(await driver.spend(200), 201);
    bodyOf(await driver.post(`usage/${used['id']}/reverse`, { credits: 30, reason: 'it failed' }));
    await driver.give(50);
    await driver.advance('2026-03-05T00:00:00.000Z');
    bodyOf(await driver.post('cancel', { reason: 'moving on' }));
    await driver.advance('2026-04-01T00:00:00.000Z');

    expect(await timelineOf(driver.id)).toBe(
      [
        '2026-03-31 R-51 · The subscription ended',
        '2026-03-31 R-50 -650 650 credits forfeited',
        '2026-03-30 R-21 -200 200 credits of an allowance expired',
        '2026-03-05 R-90 · Asked: advance',
        '2026-03-05 R-51 · A cancel was scheduled',
        '2026-03-05 R-51 · A cancel was asked for',
        '2026-03-05 R-51 · Asked: cancel',
        '2026-03-02 R-21 -13 13 credits of an allowance expired',
        '2026-02-28 R-32 +300 Pack of 300 credits',
        '2026-02-28 R-20 +200 Allowance of 200 credits',
        '2026-02-28 R-40 · The subscription renewed',
        '2026-02-28 R-32 · The renewal of $44.00: paid',
        '2026-01-31 R-90 · Asked: advance',
        '2026-01-31 R-36 +50 Adjustment of 50 credits',
        '2026-01-31 R-36 · Asked: issue grant',
        '2026-01-31 R-80 +30 Reversed 30 credits',
        '2026-01-31 R-60 -200 Spent 200 credits',
        '2026-01-31 R-62 0 Used a free feature',
        '2026-01-31 R-71 +8 Captured 12 credits of 20 held',
        '2026-01-31 R-70 -20 Held 20 credits',
        '2026-01-31 R-30 +300 Pack of 300 credits',
        '2026-01-31 R-30 · A purchase of $15.00: paid',
        '2026-01-31 R-30 · Asked: buy packs',
        '2026-01-31 R-60 -5 Spent 5 credits',
        '2026-01-31 R-20 +200 Allowance of 200 credits',
      ].join('\n'),
    );
    expect(await timelineOf(driver.id, '?kind=money')).toBe(
      [
        '2026-02-28 R-32 · The renewal of $44.00: paid',
        '2026-01-31 R-30 · A purchase of $15.00: paid',
        '2026-01-31 R-43 · The start of $29.00: paid',
      ].join('\n'),
    );
    expect(await timelineOf(driver.id, `?about=${held['id']}`)).toBe(
      ['2026-01-31 R-71 +8 Captured 12 credits of 20 held', '2026-01-31 R-70 -20 Held 20 credits'].join('\n'),
    );
    expect(await timelineOf(driver.id, `?about=${used['id']}`)).toBe(
      ['2026-01-31 R-80 +30 Reversed 30 credits', '2026-01-31 R-60 -200 Spent 200 credits'].join('\n'),
    );
  });

  test('shows the life of a purchase: asked, billed, granted, refunded', async () => {
    const driver = await Driver.open(stack);
    const bought = await driver.buy(2);
    await driver.spend(1);
    const body = { amount_minor: 1_500, reason: 'half was too much' };
    bodyOf(await driver.post(`purchases/${bought['id']}/refund`, body));
    expect(await timelineOf(driver.id, `?about=${bought['id']}`)).toBe(
      [
        '2026-01-31 R-81 -300 300 credits of a pack taken back',
        '2026-01-31 R-81 · Refund of $15.00',
        '2026-01-31 R-81 · Asked: refund purchase',
        '2026-01-31 R-30 +600 Pack of 600 credits',
        '2026-01-31 R-30 · A purchase of $30.00: paid',
        '2026-01-31 R-30 · Asked: buy packs',
      ].join('\n'),
    );
  });

  test('tells a charge that was pending by its message from billing', async () => {
    const { purchaseSettled } = await leadLives(stack, ['purchaseSettled']);
    expect(await timelineOf(purchaseSettled)).toBe(
      [
        '2026-01-31 R-30 +300 Pack of 300 credits',
        '2026-01-31 R-42 · Billing says how a payment went',
        '2026-01-31 R-30 · A purchase of $15.00: paid',
        '2026-01-31 R-30 · Asked: buy packs',
        '2026-01-31 R-20 +200 Allowance of 200 credits',
        '2026-01-31 R-43 · The subscription began',
        '2026-01-31 R-43 · The start of $29.00: paid',
      ].join('\n'),
    );
  });
});

/** All pages, in their order. */
async function whole(id: string, limit: number): Promise<TimelineRow[]> {
  const rows: TimelineRow[] = [];
  for (let after: TimelineCursor | null | undefined; after !== null; ) {
    const page = await readTimeline(stack.db, id, { limit, after: after ?? null, kind: null, about: null });
    expect(page.rows.length).toBeLessThanOrEqual(limit);
    rows.push(...page.rows);
    after = page.next;
  }
  return rows;
}

describe('pages of a timeline', () => {
  test('have every entry, charge, message, note and command of every life once, at any size of page', async () => {
    const lives = Object.values(await leadLives(stack));
    for (const id of lives) {
      const all = await whole(id, 500);
      expect(await whole(id, 3)).toEqual(all);
      expect(await whole(id, 1)).toEqual(all);
      const [counts] = await stack.db.execute<Record<string, number>>(sql`select
        (select count(*)::int from entries where subscription_id = ${id}) as entries,
        (select coalesce(sum(jsonb_array_length(attempts)), 0)::int from charges where subscription_id = ${id}) as charge,
        (select count(*)::int from inbox where subscription_id = ${id}) as message,
        (select count(*)::int from notes where subscription_id = ${id}) as note,
        (select count(*)::int from commands where scope = ${id}) as command`);
      const seen = (source: TimelineRow['source']) => all.filter((row) => row.source === source);
      const entries = seen('entries').flatMap((row) => (row.source === 'entries' ? row.data.entries : []));
      expect(new Set(entries.map(({ seq }) => seq)).size).toBe(counts!['entries']);
      expect(entries.length).toBe(counts!['entries']);
      for (const source of ['charge', 'message', 'note', 'command'] as const)
        expect(seen(source).length, source).toBe(counts![source]);
      const instants = all.map(({ at }) => at);
      expect(instants).toEqual([...instants].sort((a, b) => b - a));
      // At one instant credits are in the order of booking.
      const booked = entriesByInstant(all);
      for (const seqs of booked) expect(seqs).toEqual([...seqs].sort((a, b) => b - a));
    }
  });

  test('show at most 25 lines, and the way to older ones and back', async () => {
    const driver = await Driver.open(stack);
    for (let n = 0; n < 30; n += 1) bodyOf(await driver.spend(1, { 'Idempotency-Key': `n-${n}` }), 201);
    const first = await pageOf(driver.id);
    expect(linesOf(first)).toHaveLength(25);
    const older = hrefOf(first, 'Older');
    const second = await pageOf('', older.replace('/console/subscriptions/', ''));
    expect(linesOf(second).at(-1)).toBe('2026-01-31 R-43 · The start of $29.00: paid');
    expect(hrefOf(second, 'Newest')).toBe(`/console/subscriptions/${driver.id}#timeline`);
  });

  test.each([
    'x',
    'W10',
    Buffer.from('[1e99,0,0,""]').toString('base64url'),
    Buffer.from('[0,0,0,1]').toString('base64url'),
  ])('have no page after %s', async (cursor) => {
    const driver = await Driver.open(stack);
    const seen = await visit.get(`/console/subscriptions/${driver.id}?after=${cursor}`);
    expect(seen.status).toBe(400);
  });

  test('have nothing of another subscription, with its ids and places too', async () => {
    const [driver, other] = [await Driver.open(stack), await Driver.open(stack)];
    const used = bodyOf(await other.spend(3), 201);
    expect(linesOf(await pageOf(driver.id, `?about=${used['id']}`))).toEqual([]);
  });
});

/** The target of a link, by its text. */
function hrefOf(html: string, label: string): string {
  const [, href] = new RegExp(`<a class="button" href="([^"]*)"[^>]*>${label}<`).exec(html) ?? [];
  if (href === undefined) throw new Error(`no link ${label}`);
  return href.replaceAll('&amp;', '&');
}

function entriesByInstant(rows: TimelineRow[]): number[][] {
  const groups = new Map<number, number[]>();
  for (const row of rows)
    if (row.source === 'entries')
      groups.set(row.at, [...(groups.get(row.at) ?? []), row.data.entries[0]!.seq]);
  return [...groups.values()];
}
