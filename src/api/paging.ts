import type { Key, Page } from '../db/paging.ts';
import { invalid } from '../domain/errors.ts';

// Pages of the API's lists, and the cursors between them.

interface Paging {
  limit: number;
  cursor?: string | undefined;
  order: 'asc' | 'desc';
}

/** The types of a key's values in a cursor. */
type Part = 'id' | 'count';

/** A page of a named list. */
export interface ListPage extends Page {
  list: string;
}

const FITS: Record<Part, (value: unknown) => boolean> = {
  id: (value) => typeof value === 'string' && /^[a-z0-9_]{1,64}$/.test(value),
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
};

/**
 * The page that a query names. A cursor holds the list's name and the key of the row before the page. Throws `invalid_request` at
 * `?cursor` for a forged cursor and for one of another list or subscription.
 */
export function pageOf(
  { limit, cursor, order }: Paging,
  list: string,
  ...parts: [Part, ...Part[]]
): ListPage {
  if (cursor === undefined) return { list, limit, order, after: null };
  try {
    const [of, ...key] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (of === list && key.length === parts.length && parts.every((part, i) => FITS[part](key[i])))
      return { list, limit, order, after: key as (string | number)[] };
  } catch {
    // falls through to the refusal
  }
  throw invalid({ pointer: '?cursor', detail: 'is not a cursor of this list' });
}

/** The body of a list's answer; `rows` holds one row more than `limit` where another page follows. */
export function listBody<Row, View>(
  rows: Row[],
  { list, limit }: ListPage,
  keyOf: (row: Row) => Key,
  view: (row: Row) => View,
): { data: View[]; has_more: boolean; next_cursor: string | null } {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1)! : null;
  const cursor = last && Buffer.from(JSON.stringify([list, ...keyOf(last)])).toString('base64url');
  return { data: page.map(view), has_more: last !== null, next_cursor: cursor };
}
