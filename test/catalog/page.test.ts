import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/catalog/read.ts';
import { catalogSchema } from '../../src/catalog/schema.ts';
import { parseText } from '../../src/catalog/text.ts';
import { membersOf } from './files.ts';

// docs/catalogue.md: its tables are the schema's members, and its examples are valid.

const page = readFileSync(new URL('../../docs/catalogue.md', import.meta.url), 'utf8');

describe('docs/catalogue.md', () => {
  test.each([
    ['The file', ''],
    ['Brand', 'brand.'],
    ['Plans', 'plans[].'],
    ['Packs', 'packs[].'],
    ['Features', 'features[].'],
    ['Policies', 'policies.'],
  ])('%s: every member with its default and the schema’s sentence', (title, prefix) => {
    const [, section] = new RegExp(`^## ${title}\\n(.*?)^## `, 'ms').exec(page)!;
    const [, table] = /\| member \| default \| \|\n\|---\|---\|---\|\n(.*?)\n\n/s.exec(section!)!;
    const isOwn = (path: string) => (prefix === '' ? !/[.[]/.test(path) : path.startsWith(prefix));
    const rows = membersOf(catalogSchema())
      .filter(({ path }) => isOwn(path))
      .map(({ path, description, isRequired, default: value }) => {
        const shown = isRequired ? 'required' : value === undefined ? '' : `\`${JSON.stringify(value)}\``;
        return `| \`${path.slice(prefix.length)}\` | ${shown} | ${description} |`;
      });
    expect(table!.split('\n')).toEqual(rows);
  });

  const stories = [...page.matchAll(/```jsonc\n\/\/ (\w+)\n(.*?)```/gs)].map(
    ([, list, text]) => [list!, text!] as const,
  );

  test('has stories of plans, packs and features', () => {
    expect(stories.map(([list]) => list)).toEqual([
      ...['plans', 'plans', 'plans', 'plans'],
      ...['packs', 'packs', 'packs'],
      ...['features', 'features', 'features'],
    ]);
  });

  test.each(stories)('a story of %s is valid: %s', (list, text) => {
    const parsed = parseText(text);
    if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
    const file: Record<string, unknown> = {
      version: 'story',
      currency: 'EUR',
      brand: { product: 'Story' },
      plans: [{ id: 'every', name: 'Every', prices: { month: 1 }, credits: 1 }],
      features: [{ id: 'one', name: 'One', credits: 1 }],
    };
    expect(
      readCatalog({ ...file, [list]: [...((file[list] as unknown[]) ?? []), parsed.value] }),
    ).toHaveProperty('catalog');
  });

  test('quotes a fault as the reader says it', () => {
    const read = readCatalog({ plans: [{ credit: 3 }] });
    const faults = 'faults' in read ? read.faults : [];
    expect(
      faults
        .map(({ pointer, detail }) => `${pointer} ${detail}`)
        .some((fault) => page.includes(`  ${fault}\n`)),
    ).toBe(true);
  });
});
