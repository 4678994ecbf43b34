import type { Deps } from '../deps.ts';
import { reply, replyOf } from '../replies.ts';
import { type App, type FastRoute, route } from '../route.ts';
import { balanceRead } from './balance.ts';
import { holdSpends } from './holds.ts';
import type { SpendRoute } from './spend.ts';
import { subscriptionRead } from './subscriptions.ts';
import { quote, usageSpends } from './usage.ts';

// The routes that come by the hundred. The same handlers answer a request through the application and on the fast path
// (fast-path.ts).

/** The routes of the fast path. */
export const fastRoutes = (deps: Deps): FastRoute[] => [
  ...spends(deps).map(withReply),
  balanceRead(deps),
  quote(deps),
  subscriptionRead(deps),
];

const spends = (deps: Deps): SpendRoute[] => [...usageSpends(deps), ...holdSpends(deps)];

const withReply = ({ definition, respond }: SpendRoute): FastRoute => ({
  definition,
  respond: async (input, { scopes }) => replyOf(await respond(input, scopes)),
});

/** Registers the five routes of spends in the application. */
export function spendRoutes(app: App, deps: Deps): void {
  for (const { definition, respond } of spends(deps))
    route(app, definition, async (c, input) => reply(c, await respond(input, c.get('scopes'))));
}
