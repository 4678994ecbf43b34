export const CONSOLE = '/console';

/** Where a subscription is shown. */
export const placeOf = (id: string): string => `${CONSOLE}/subscriptions/${encodeURIComponent(id)}`;
