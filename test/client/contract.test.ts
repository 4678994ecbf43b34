import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METHODS } from '../../client/src/client.ts';
import { OPERATIONS } from '../../client/src/contract.ts';
import { contractOf, openApi } from '../../tools/contract.ts';

// The client beside the served API: its types and its methods can't fall behind.

const document = await openApi();
const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const committed = read('client/src/contract.ts');

describe('the contract of the client', () => {
  it('equals the OpenAPI document: `npm run contract` writes it', () => {
    expect(committed).toBe(contractOf(document));
  });

  it('has a method for each route that asks for a key, and no other', () => {
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { security }]) => security !== undefined)
        .map(([method]) => `${method.toUpperCase()} ${path}`),
    );
    expect(Object.values<string>(METHODS).sort()).toEqual(routes.sort());
  });

  it('sends a key where docs/api.md asks for one', () => {
    const rows = [...read('docs/api.md').matchAll(/^\| `(\w+ \/v1[^`]*)` \| \w+ \| \*\*I\*\*/gm)].map(
      ([, route]) => route,
    );
    const keyed = Object.entries(OPERATIONS).filter(([, { keyed }]) => keyed);
    expect(keyed.map(([route]) => route).sort()).toEqual(rows.sort());
  });
});

describe('the OpenAPI document', () => {
  it('says null where null can be, not of a type wherever it stands', () => {
    const nullable = Object.entries(document.components.schemas).filter(([, { type }]) =>
      Array.isArray(type),
    );
    expect(nullable.map(([name]) => name)).toEqual([]);
  });
});

describe('a schema that cannot be typed', () => {
  it('is told when the contract is written', () => {
    const components = { schemas: { Odd: { type: 'function' } } };
    expect(() => contractOf({ paths: {}, components })).toThrow('no type for {"type":"function"}');
  });
});

describe('docs/client.md', () => {
  const page = read('docs/client.md');
  const blocks = (language: string) =>
    [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, code]) => code!);

  it('shows the code of the examples', () => {
    expect(read('examples/spend.mjs')).toContain(blocks('js')[0]!);
    expect(read('examples/paywall.html')).toContain(blocks('html')[0]!);
  });

  it('shows the lines that the package itself shows', () => {
    const [, lines] = /^```js\n(.*?)^```$/ms.exec(read('client/README.md')) ?? [];
    expect(read('examples/spend.mjs')).toContain(lines);
  });

  it('names every method', () => {
    const named = [...page.matchAll(/^\| [\w, ]+ \| ((?:`\w+` ?)+) \|$/gm)].flatMap(([, names]) =>
      [...names!.matchAll(/\w+/g)].map(String),
    );
    expect(named.sort()).toEqual(Object.keys(METHODS).sort());
  });
});
