import { getTableName, is } from 'drizzle-orm';
import { PgTable } from 'drizzle-orm/pg-core';
import { describe, expect, it } from 'vitest';
import * as schema from '../../src/db/schema.ts';
import { filesBelow, read } from './files.ts';

// docs/ledger.md lists every table and every SQL function.

const page = read('docs/ledger.md');

/** The rows of the first table below a heading, as cells. */
function rowsBelow(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

const name = (cell: string): string => cell.replaceAll('`', '');

describe('docs/ledger.md', () => {
  it('has one line for each table of src/db/schema.ts', () => {
    const tables = Object.values(schema).flatMap((value) =>
      is(value, PgTable) ? [getTableName(value)] : [],
    );
    expect(
      rowsBelow('Tables')
        .map(([table]) => name(table!))
        .sort(),
    ).toEqual(tables.sort());
  });

  it('has one line for each function of src/db/functions, under its file', () => {
    let file = '';
    const listed = rowsBelow('Functions').map(([fileCell, functionCell]) => {
      file = name(fileCell!) || file;
      return `${file}: ${name(functionCell!)}`;
    });
    const written = filesBelow('src/db/functions', /\.sql$/).flatMap((path) =>
      [...read(path).matchAll(/^create or replace function (\w+)\(/gm)].map(
        ([, made]) => `${path.split('/').at(-1)}: ${made}`,
      ),
    );
    expect(listed.sort()).toEqual(written.sort());
  });

  it('says something of each', () => {
    const lines = [...rowsBelow('Tables'), ...rowsBelow('Functions')];
    expect(lines.filter((cells) => cells.at(-1) === '')).toEqual([]);
  });
});
