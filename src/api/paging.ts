import type { Key, Page } from '../db/paging.ts';
import { invalid } from '../domain/errors.ts';

// Pages of the API's lists, and the cursors between them.

interface Paging {
  limit: number;
  cursor?: string | undefined;
  order: 'asc' | 'desc';
}

/** What the values of a list's keys are. */
type Part = 'id' | 'count';

export interface ListPage extends Page {
  list: string;
}

const FITS: Record<Part, (value: unknown) => boolean> = {
  id: (value) => typeof value === 'string' && /^[a-z0-9_]{1,64}$/.test(value),
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
};

/**
 * The page that is asked for. A cursor is the list's name and the key of the row it goes on after: one that was forged, or is of
 * another list or subscription, is a fault of the request.
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

/** A page of rows as the contract lists them: one row more than asked tells of more. */
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
