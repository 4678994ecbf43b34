import { describe, expect, it } from 'vitest';
import { isThere, read } from './files.ts';

// docs/security.md, OWASP ASVS: each requirement of levels 1 and 2 has one line, whose files and tests exist.

/** The requirements of levels 1 and 2 of ASVS 5.0.0, by section: the numbers are those of the standard. */
const REQUIREMENTS = `
  V1.1 1-2     V1.2 1-9     V1.3 1-11    V1.4 1-3     V1.5 1-2
  V2.1 1-3     V2.2 1-3     V2.3 1-4     V2.4 1-1
  V3.2 1-2     V3.3 1-4     V3.4 1-6     V3.5 1-5     V3.7 1-2
  V4.1 1-3     V4.2 1-1     V4.3 1-2     V4.4 1-4
  V5.1 1-1     V5.2 1-3     V5.3 1-2     V5.4 1-3
  V6.1 1-3     V6.2 1-12    V6.3 1-4     V6.4 1-4     V6.5 1-5     V6.6 1-3     V6.8 1-4
  V7.1 1-3     V7.2 1-4     V7.3 1-2     V7.4 1-5     V7.5 1-2     V7.6 1-2
  V8.1 1-2     V8.2 1-3     V8.3 1-1     V8.4 1-1
  V9.1 1-3     V9.2 1-4
  V10.1 1-2    V10.2 1-2    V10.3 1-4    V10.4 1-11   V10.5 1-5    V10.6 1-2    V10.7 1-3
  V11.1 1-2    V11.2 1-3    V11.3 1-3    V11.4 1-4    V11.5 1-1    V11.6 1-1
  V12.1 1-3    V12.2 1-2    V12.3 1-4
  V13.1 1-1    V13.2 1-5    V13.3 1-2    V13.4 1-5
  V14.1 1-2    V14.2 1-4    V14.3 1-3
  V15.1 1-3    V15.2 1-3    V15.3 1-7
  V16.1 1-1    V16.2 1-5    V16.3 1-4    V16.4 1-3    V16.5 1-3
  V17.1 1-1    V17.2 1-4    V17.3 1-2
`;

const range = (section: string, first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, i) => `${section}.${first + i}`);

const required = [...REQUIREMENTS.matchAll(/(V\d+\.\d+) (\d+)-(\d+)/g)].flatMap(([, section, first, last]) =>
  range(section!, Number(first), Number(last)),
);

/** The ids of a cell: `V1.2.3`, and `V1.2.3–V1.2.5` for several of a section. */
function idsIn(cell: string): string[] {
  return cell.split(', ').flatMap((text) => {
    const [, section, first, last = first] = /^(V\d+\.\d+)\.(\d+)(?:–\1\.(\d+))?$/.exec(text) ?? [];
    return section === undefined ? [`${text} is no id`] : range(section, Number(first), Number(last));
  });
}

const page = read('docs/security.md');
const [, section = ''] = /^## OWASP ASVS\n(.*)/ms.exec(page) ?? [];
const rows = [...section.matchAll(/^\| (V[^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$/gm)].map(
  ([, ids, standing, where, test]) => ({
    ids: idsIn(ids!),
    standing: standing!,
    where: where!,
    test: test!,
  }),
);
const all = rows.flatMap(({ ids }) => ids);

describe('docs/security.md', () => {
  it('has each requirement of levels 1 and 2 once, and nothing else', () => {
    expect(required).toHaveLength(253);
    expect([...all].sort()).toEqual([...required].sort());
  });

  it('goes by chapter', () => {
    const chapters = rows.map(({ ids }) => Number(/^V(\d+)/.exec(ids[0]!)?.[1]));
    expect(chapters).toEqual(chapters.toSorted((a, b) => a - b));
  });

  it('counts its lines', () => {
    const count = (wanted: string) =>
      rows.filter(({ standing }) => standing === wanted).flatMap(({ ids }) => ids).length;
    const [met, not, others] = [count('met'), count('not met'), count('not ours')];
    expect(met + not + others).toBe(all.length);
    expect(section).toContain(
      `Of ${all.length} requirements ${met} are met, ${not} are not met, ${others} are not ours.`,
    );
  });

  it('says where, or the gap, and names a test or none', () => {
    const test = /^(—|`test\/[^`]+\.test\.ts`(, `test\/[^`]+\.test\.ts`)*)$/;
    expect(rows.filter((row) => row.where === '' || !test.test(row.test))).toEqual([]);
  });

  it('names files and tests that exist', () => {
    const named = [...page.matchAll(/`((?:src|test|client)\/[^`]*)`/g)].map(([, file]) => file!);
    expect(named.length).toBeGreaterThan(100);
    expect([...new Set(named)].filter((file) => !isThere(file))).toEqual([]);
  });
});
