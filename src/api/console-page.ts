import type { Context } from 'hono';
import { formatOf, localeOf } from '../web/format.ts';
import type { Env } from './route.ts';

export const CONSOLE = '/console';

/** Where a subscription is shown. */
export const placeOf = (id: string): string => `${CONSOLE}/subscriptions/${encodeURIComponent(id)}`;

/** Numbers and dates as the operator's browser wants them, in a zone of ours. */
export const formatFor = (c: Context<Env>, timeZone: string) =>
  formatOf(localeOf(c.req.header('Accept-Language')), timeZone);
