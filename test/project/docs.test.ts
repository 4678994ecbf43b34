import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { PROBLEMS } from '../../src/domain/errors.ts';
import type { PageDeps } from '../../src/web/shell/deps.ts';
import { headings, isThere, pages, read, withoutCode } from './files.ts';

/** The anchor that a heading gets when the page is shown. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('links to existing places', () => {
    const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    const broken = links
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const [path = '', fragment] = target.split('#');
        const file = path === '' ? page : join(dirname(page), path);
        if (!isThere(file)) return true;
        return fragment !== undefined && !headings(file).map(anchor).includes(fragment);
      });
    expect(broken).toEqual([]);
  });

  it('names paths that exist', () => {
    const named = text.match(/(?<![\w./-])(?:src|test|docs|examples|bench|\.ci)\/[\w./*-]*[\w/*]/g) ?? [];
    const files =
      text.match(/(?<![\w./-])(?:[\w-]+\.(?:yml|mjs|md)|\.env\.example|Dockerfile)(?![\w/])/g) ?? [];
    const missing = [...named, ...files].filter((path) => {
      const fixed = path.includes('*') ? dirname(path.slice(0, path.indexOf('*') + 1)) : path;
      return !isThere(fixed) && !isThere(join(dirname(page), fixed));
    });
    expect(missing).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run ([a-z][\w:-]*)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('names commands of drawdown that exist', () => {
    const named = [...text.matchAll(/npx drawdown ([a-z][\w-]*)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !isThere(join('src', 'cli', `${name}.ts`)))).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  it('has one heading for each code, in the order of the catalogue of errors', () => {
    expect(headings('docs/errors.md').slice(1)).toEqual(Object.keys(PROBLEMS));
  });

  it('states the status of each', () => {
    const stated = [...read('docs/errors.md').matchAll(/^## (\w+)\n\n\*\*(\d{3})\.\*\*/gm)];
    expect(stated.map(([, code, status]) => [code, Number(status)])).toEqual(
      Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]),
    );
  });
});

describe('docs/api.md', () => {
  // No route is asked anything here, so the app's dependencies are never used.
  const app = createApp({} as PageDeps);
  const documented = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}');
  const served = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${documented(path)}`);

  it('names every route that is served, and no other', () => {
    const named = [...read('docs/api.md').matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/[^`?]*)`/g)];
    expect([...new Set(named.map(([, route]) => route))].sort()).toEqual([...new Set(served)].sort());
  });

  it('names the scope that each route of the contract asks for, and whether it needs a key', () => {
    const rows = [...read('docs/api.md').matchAll(/^\| `(\w+ \/v1[^`]*)` \| (\w+) \| (.*?) \|/gm)];
    const said = rows.map(([, route, scope, marks]) => ({ route, scope, key: marks!.includes('**I**') }));
    const registered = app.openAPIRegistry.definitions.flatMap((definition) => {
      if (definition.type !== 'route') return [];
      const { method, path, security, request } = definition.route;
      return [
        {
          route: `${method.toUpperCase()} ${path}`,
          scope: security?.[0]?.['key']?.[0] ?? 'none',
          key: request?.headers !== undefined,
        },
      ];
    });
    expect(said.sort(byRoute)).toEqual(registered.sort(byRoute));
  });
});

const byRoute = (a: { route: string | undefined }, b: { route: string | undefined }): number =>
  String(a.route) < String(b.route) ? -1 : 1;
