import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cut, isStorable, requireStorable, storageFault } from '../../src/domain/text.ts';

// Text that PostgreSQL would refuse is found anywhere in JSON, and named by its pointer.

const HIGH = '\ud83d';
const LOW = '\ude00';

test.each([
  ['', true],
  ['ä', true],
  ['\u0001', true],
  ['\ufffd\uffff', true],
  [`${HIGH}${LOW}`, true],
  ['\u{10ffff}', true],
  [HIGH, false],
  [LOW, false],
  [`${LOW}${HIGH}`, false],
  [`${HIGH}${HIGH}${LOW}`, false],
  ['a\0', false],
])('%j can be kept: %s', (text, expected) => {
  expect(isStorable(text)).toBe(expected);
});

describe('the pointer', () => {
  test.each<[unknown, string | null]>([
    ['ok', null],
    [HIGH, ''],
    [{ reason: `ok ${HIGH}` }, '/reason'],
    [{ a: [{ b: ['x', LOW] }] }, '/a/0/b/1'],
    [{ metadata: { 'a/b~c': '\0' } }, '/metadata/a~1b~0c'],
    // The first of several, as they stand.
    [{ a: 'x', b: [HIGH, LOW], c: '\0' }, '/b/0'],
    // Nobody could follow a pointer with half a character in it: it is that of the object.
    [{ metadata: { [`k${HIGH}`]: 'v' } }, '/metadata'],
    [{ '\0': 1 }, ''],
    [JSON.parse(`{"__proto__":{"a":"\\ud83d"}}`), '/__proto__/a'],
    [[null, 1, true, 1e300, undefined], null],
  ])('of %j is %j', (value, pointer) => {
    expect(storageFault(value)?.pointer ?? null).toBe(pointer);
  });

  test('of a value that nests too deep is the place where that begins, however deep it goes', () => {
    const nested = (depth: number) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
    expect(storageFault(nested(100))).toBeNull();
    expect(storageFault(nested(101))).toEqual({
      pointer: '/0'.repeat(100),
      detail: 'must not nest more than 100 deep',
    });
    expect(storageFault(nested(32_768))?.pointer).toBe('/0'.repeat(100));
  });

  test('comes in a refusal, in the words of who asks', () => {
    const errors = [{ pointer: '?limit', detail: 'must hold neither a NUL nor half a surrogate pair' }];
    expect(() => requireStorable({ limit: LOW }, ([name]) => `?${name}`)).toThrow(
      expect.objectContaining({ code: 'invalid_request', data: { errors } }),
    );
  });

  /** Any 16-bit units: halves of pairs and NULs are among them, and whole pairs are put together. */
  const units = fc
    .array(fc.oneof(fc.constantFrom(0, 0x61, 0xd83d, 0xde00), fc.nat(0xffff)), { maxLength: 4 })
    .map((codes) => String.fromCharCode(...codes));
  const json = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      units,
      fc.integer(),
      fc.constant(null),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(units, tie('any'), { maxKeys: 4 }),
    ),
  })).any;

  /** Whether PostgreSQL would refuse a text, read from the JSON as it would be sent. */
  const isRefused = (value: unknown) =>
    /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(JSON.stringify(value) ?? '');

  test('is there exactly when the JSON has an escape that PostgreSQL refuses, and leads to it', () => {
    fc.assert(
      fc.property(json, (value) => {
        const fault = storageFault(value);
        expect(fault !== null).toBe(isRefused(value));
        if (fault === null) return;
        let found = value;
        for (const part of fault.pointer.split('/').slice(1))
          found = (found as Record<string, unknown>)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
        expect(typeof found === 'string' ? isStorable(found) : Object.keys(found!).every(isStorable)).toBe(
          false,
        );
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a text that is cut', () => {
  test.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'abc'],
    ['', 3, ''],
    [`ab${HIGH}${LOW}`, 3, 'ab'],
    [`ab${HIGH}${LOW}`, 4, `ab${HIGH}${LOW}`],
    [`a${HIGH}${LOW}b`, 3, `a${HIGH}${LOW}`],
  ])('%j to %i is %j', (text, most, expected) => {
    expect(cut(text, most)).toBe(expected);
  });

  test('is a beginning that can be kept, and lacks one unit at most', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (text, most) => {
          const short = cut(text, most);
          expect(text.startsWith(short)).toBe(true);
          expect(short.isWellFormed()).toBe(true);
          expect(short.length).toBeGreaterThanOrEqual(Math.min(text.length, most - 1));
          expect(short.length).toBeLessThanOrEqual(most);
        },
      ),
    );
  });
});
