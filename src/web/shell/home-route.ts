import { accepts } from 'hono/accepts';
import type { Deps } from '../../api/deps.ts';
import type { App } from '../../api/route.ts';
import { isDemoOn } from '../demo/routes.ts';
import { type HomeView, homePage } from './home.tsx';
import { assets, pageHeaders, sendPage } from './pages.ts';

// GET /: the home page for browsers, the same as JSON for other clients. It needs no key.

/** The addresses for people: home, console, and the studio where it is on. */
export function placesOf({ publicUrl, ...mode }: Pick<Deps, 'publicUrl' | 'testMode' | 'billing'>) {
  const at = (path: string) => new URL(path, publicUrl).href;
  return { home: at('/'), console: at('/console'), demo: isDemoOn(mode) ? at('/demo') : null };
}

/** Registers GET /. */
export function homeRoute(app: App, deps: Deps): void {
  app.get('/', pageHeaders, (c) => {
    c.header('Vary', 'Accept');
    const type = accepts(c, {
      header: 'Accept',
      supports: ['application/json', 'text/html'],
      default: 'application/json',
    });
    const { console, demo } = placesOf(deps);
    if (type === 'text/html')
      return sendPage(c, homePage({ demo: demo !== null } satisfies HomeView, assets));
    return c.json({
      name: 'Drawdown',
      api: new URL('/v1', deps.publicUrl).href,
      openapi: new URL('/openapi.json', deps.publicUrl).href,
      console,
      demo,
    });
  });
}
