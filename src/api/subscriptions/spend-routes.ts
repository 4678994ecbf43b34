import type { Deps } from '../deps.ts';
import { reply } from '../replies.ts';
import { type App, route } from '../route.ts';
import { holdSpends } from './holds.ts';
import type { SpendRoute } from './spend.ts';
import { usageSpends } from './usage.ts';

// The five routes that come by the hundred. The same handlers answer a request through the application and on the fast path
// (fast-path.ts).

/** The five routes. */
export const spends = (deps: Deps): SpendRoute[] => [...usageSpends(deps), ...holdSpends(deps)];

/** Registers the five routes in the application. */
export function spendRoutes(app: App, deps: Deps): void {
  for (const { definition, respond } of spends(deps))
    route(app, definition, async (c, input) => reply(c, await respond(input, c.get('scopes'))));
}
