import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { readCatalogText } from '../../src/catalog/read.ts';
import { catalogSchema, catalogSchemaText } from '../../src/catalog/schema.ts';
import type { PageDeps } from '../../src/web/shell/deps.ts';
import { sized } from '../support/campaign.ts';
import { catalogFiles, membersOf, pathsIn, withMember } from './files.ts';

// catalog.schema.json: the JSON Schema that editors read.

const root = new URL('../../', import.meta.url);

/** A validator that follows the standard alone: Temporal's bundler brings it. */
const Ajv = createRequire(import.meta.url)('ajv') as new (
  options: object,
) => { compile(schema: object): (value: unknown) => boolean };
const isTaken = new Ajv({ strict: false, validateFormats: false, logger: false }).compile(catalogSchema());

test('the committed file is the schema: `npx drawdown catalog schema > catalog.schema.json`', () => {
  expect(readFileSync(new URL('catalog.schema.json', root), 'utf8')).toBe(catalogSchemaText());
});

test('every member has a description, and a default unless it is required', () => {
  const members = membersOf(catalogSchema());
  expect(members.length).toBeGreaterThan(45);
  expect(
    members.filter(({ description }) => !/^[A-Z].*\.$/.test(description)).map(({ path }) => path),
  ).toEqual([]);
  expect(
    members.filter((member) => !member.isRequired && member.default === undefined).map(({ path }) => path),
  ).toEqual([
    '$schema',
    'plans[].prices.week',
    'plans[].prices.month',
    'plans[].prices.quarter',
    'plans[].prices.year',
    'plans[].credits',
    'plans[].trial.credits',
  ]);
});

test.each(['page', 'chat', 'images'])('the starting point %s fits it, as the reader has it', (name) => {
  const read = readCatalogText(readFileSync(new URL(`examples/catalogues/${name}.json`, root), 'utf8'));
  expect(isTaken((read as { catalog: object }).catalog)).toBe(true);
});

describe('laws', { timeout: 300_000 }, () => {
  const RUNS = { numRuns: sized(100, 2_000) };

  test('any valid file fits the schema', () => {
    fc.assert(
      fc.property(catalogFiles, (file) => {
        expect(isTaken(file)).toBe(true);
      }),
      RUNS,
    );
  });

  test('a wrong value fits neither the schema nor the reader', () => {
    fc.assert(
      fc.property(catalogFiles, fc.nat(), fc.constantFrom([[]], -1, 1e300), (file, nth, value) => {
        const paths = pathsIn(file).filter((at) => at[0] !== '$schema');
        const wrong = withMember(file, paths[nth % paths.length]!, value);
        expect(isTaken(wrong)).toBe(false);
        expect(readCatalogText(JSON.stringify(wrong))).toHaveProperty('faults');
      }),
      RUNS,
    );
  });
});

test('GET /catalog.schema.json answers it without a key, and 304 to those who have it', async () => {
  const app = createApp({ isOpen: () => false } as PageDeps);
  const answer = await app.request('/catalog.schema.json');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Content-Type')).toBe('application/schema+json');
  expect(answer.headers.get('Cache-Control')).toBe('public, max-age=3600');
  expect(await answer.text()).toBe(catalogSchemaText());
  const again = await app.request('/catalog.schema.json', {
    headers: { 'If-None-Match': answer.headers.get('ETag')! },
  });
  expect([again.status, await again.text()]).toEqual([304, '']);
});
