import type { Deps } from './context.ts';
import { pagesBelow } from './pages.ts';
import type { App } from './route.ts';

/** What customers see of their credits. */
export function walletRoutes(app: App, deps: Deps): void {
  pagesBelow(app, '/wallet', deps, () => {});
}
