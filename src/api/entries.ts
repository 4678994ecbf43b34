import { z } from 'zod';
import { listEntries } from '../db/reads.ts';
import type { Instant } from '../domain/calendar.ts';
import { type Deps, listBody, pageOf, subscriptionOr404 } from './context.ts';
import { type App, route } from './route.ts';
import * as s from './schemas.ts';
import { entryView } from './views.ts';

const CSV_PAGE = 1_000;

const CSV_COLUMNS = [
  'id',
  'seq',
  'kind',
  'credits',
  'grant_id',
  'balance_after',
  'effective_at',
  'recorded_at',
  'usage_id',
  'hold_id',
  'feature',
] as const;

export function entryRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/entries',
      summary: 'List ledger entries; Accept: text/csv answers all of them as a table',
      scope: 'read',
      params: s.byId,
      query: z.strictObject(s.paging),
      answers: { 200: { description: 'A page', schema: s.list(s.entry), csv: true } },
    },
    async (c, { params, query }) => {
      await subscriptionOr404(deps, params.id);
      if ((c.req.header('Accept') ?? '').includes('text/csv')) {
        c.header('Content-Type', 'text/csv; charset=utf-8');
        return c.body(await entriesCsv(deps, params.id, query.order));
      }
      const page = pageOf(query, 'number');
      const rows = await listEntries(deps.db, params.id, page);
      return c.json(listBody(rows, page, (row) => [row.effectiveAt, row.seq], entryView));
    },
  );
}

/** All entries as CSV. No cell can start a formula: ids, kinds, numbers, instants and names of the rate card only. */
export async function entriesCsv(
  deps: Deps,
  id: string,
  order: 'asc' | 'desc',
  isWanted: (kind: string) => boolean = () => true,
): Promise<string> {
  const lines = [CSV_COLUMNS.join(',')];
  let after: { at: Instant; tie: number } | null = null;
  for (let more = true; more; ) {
    const rows: Awaited<ReturnType<typeof listEntries>> = await listEntries(deps.db, id, {
      limit: CSV_PAGE,
      order,
      after,
    });
    const page = rows.slice(0, CSV_PAGE);
    for (const row of page.filter(({ kind }) => isWanted(kind))) {
      const view = entryView(row);
      lines.push(CSV_COLUMNS.map((column) => view[column] ?? '').join(','));
    }
    const last = page.at(-1);
    more = rows.length > CSV_PAGE;
    if (last) after = { at: last.effectiveAt.getTime(), tie: last.seq };
  }
  return `${lines.join('\r\n')}\r\n`;
}
