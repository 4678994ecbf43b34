import { grant, revoke } from './console-credits.ts';
import { advance, cancel } from './console-life.ts';
import { refund, retry, settle } from './console-money.ts';
import type { Action } from './console-stage.ts';

/** What an operator can do from the console, in the order in which it is offered. Each is one call of the API, made as it is shown. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  grant,
  revoke,
  refund,
  retry,
  settle,
  advance,
  cancel,
};
