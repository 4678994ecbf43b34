import { z } from 'zod';
import { CSV_HEAD, csvLines, listEntries } from '../../db/entries.ts';
import type { Deps } from '../deps.ts';
import { listBody, pageOf } from '../paging.ts';
import { type RequestFields, reported, requestFields } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { entryView } from '../views.ts';
import { pageOr404, subscriptionOr404 } from './found.ts';

// GET /v1/subscriptions/{id}/entries: a page of ledger entries, or all of them as CSV (Accept: text/csv). Locks nothing.

/** Registers the list of entries. */
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
    async (c, { params: { id }, query }) => {
      if ((c.req.header('Accept') ?? '').includes('text/csv')) {
        const { version } = await subscriptionOr404(deps, id);
        const lines = csvLines(deps.longReads, id, { order: query.order, newest: version, kinds: null });
        c.header('Content-Type', 'text/csv; charset=utf-8');
        return c.body(entriesCsv(deps, requestFields(c), lines));
      }
      const { rows, page } = await pageOr404(
        deps,
        id,
        () => pageOf(query, `entries/${id}`, 'count'),
        (wanted) => listEntries(deps.db, id, wanted),
      );
      return c.json(listBody(rows, page, ({ seq }) => [seq], entryView));
    },
  );
}

/**
 * Entries as CSV, page by page at the caller's pace. A page that can't be read breaks the connection: a table that ends early
 * must not look whole. `request` is for the log.
 */
export function entriesCsv(
  deps: Pick<Deps, 'log'>,
  request: RequestFields,
  pages: AsyncGenerator<string[]>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(encoder.encode(`${CSV_HEAD}\r\n`)),
      async pull(controller) {
        const { done, value } = await pages.next().catch((error: unknown) => {
          throw new Error(`${request.route} ends early: ${reported(deps.log, request, error).code}`);
        });
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value.map((line) => `${line}\r\n`).join('')));
      },
      async cancel() {
        await pages.return(undefined);
      },
    },
    // No page is read before the caller asks for it.
    { highWaterMark: 0 },
  );
}
