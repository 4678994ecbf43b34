import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METHODS } from '../../src/client/client.ts';
import { OPERATIONS } from '../../src/client/contract.ts';
import { contractOf, openApi } from '../../tools/contract.ts';

// The client beside what is served: its types and its methods can't fall behind.

const document = await openApi();
const committed = readFileSync(new URL('../../src/client/contract.ts', import.meta.url), 'utf8');

describe('the contract of the client', () => {
  it('is what the OpenAPI document says now: `npm run contract` writes it', () => {
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
    const rows = [
      ...readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8').matchAll(
        /^\| `(\w+ \/v1[^`]*)` \| \w+ \| \*\*I\*\*/gm,
      ),
    ].map(([, route]) => route);
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

describe('what cannot be typed', () => {
  it('is told when the contract is written', () => {
    const components = { schemas: { Odd: { type: 'function' } } };
    expect(() => contractOf({ paths: {}, components })).toThrow('no type for {"type":"function"}');
  });
});
