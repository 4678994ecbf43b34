import { randomUUID } from 'node:crypto';
import { started } from '../support/lives.ts';
import type { Answer, Stack } from '../support/stack.ts';

// Requests to the application itself, with a subscription behind them.

/** Where test clocks of these tests start: boundaries 02-28, 03-31, 04-30. */
export const T0 = '2026-01-31T00:00:00.000Z';

export type Json = Record<string, unknown>;

export interface Subscription {
  id: string;
  customer_id: string;
  plan: string;
  interval: string;
  status: string;
  time_zone: string;
  anchor_at: string | null;
  current_period: { start: string; end: string } | null;
  next_refresh_at: string | null;
  next_renewal: { at: string; charge: { amount_minor: number; currency: string } | null } | null;
  add_on: { packs: number };
  scheduled_change: { kind: string; at: string } | null;
  ended_at: string | null;
  test_clock: { now: string } | null;
  ledger_version: number;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors?: { pointer: string; detail: string }[];
}

export interface Page {
  data: Json[];
  has_more: boolean;
  next_cursor: string | null;
}

/** The body of an answer with this status; another status fails with the whole answer. */
export function bodyOf<Body = Json>(answer: Answer, status = 200): Body {
  if (answer.status !== status) throw new Error(`${status} expected, got ${answer.status} ${answer.text}`);
  return answer.body as Body;
}

export const codeOf = (answer: Answer): string =>
  answer.status < 300 ? 'ok' : String((answer.body as Problem | null)?.code ?? answer.status);

/** The faults, as `code: /pointer, /pointer`. */
export function faultsOf(answer: Answer): string {
  if (answer.status < 300) return 'ok';
  const { code, errors } = answer.body as Problem;
  return errors ? `${code}: ${errors.map(({ pointer }) => pointer).join(', ')}` : code;
}

/** One subscription on a test clock. */
export class Driver {
  readonly stack: Stack;
  readonly id: string;

  constructor(stack: Stack, id: string) {
    this.stack = stack;
    this.id = id;
  }

  static async open(stack: Stack, wanted: Json = {}): Promise<Driver> {
    const answer = await started(stack, bodyOfStart(wanted));
    if (answer.status !== 201 && answer.status !== 202) throw new Error(answer.text);
    return new Driver(stack, (answer.body as Subscription).id);
  }

  path(below = ''): string {
    return `/v1/subscriptions/${this.id}${below && `/${below}`}`;
  }

  get(below = '', headers: Record<string, string> = {}): Promise<Answer> {
    return this.stack.request('GET', this.path(below), { headers });
  }

  post(below: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.stack.request('POST', this.path(below), { body, headers });
  }

  put(below: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.stack.request('PUT', this.path(below), { body, headers });
  }

  spend(credits: number, headers: Record<string, string> = {}): Promise<Answer> {
    return this.post('usage', { items: [{ feature: 'generate_look', quantity: credits }] }, headers);
  }

  hold(credits: number, headers: Record<string, string> = {}): Promise<Answer> {
    return this.post('holds', { items: [{ feature: 'generate_look', quantity: credits }] }, headers);
  }

  async advance(to: string): Promise<void> {
    bodyOf(await this.post('advance', { to }));
  }

  async buy(packs: number): Promise<Json> {
    return bodyOf(await this.post('purchases', { packs }), 201);
  }

  /** An adjustment that outlives the test. */
  async give(credits: number, expires_at = '2030-01-01T00:00:00Z'): Promise<Json> {
    return bodyOf(await this.post('grants', { credits, expires_at, reason: 'a gift' }), 201);
  }

  async available(): Promise<number> {
    return Number(bodyOf(await this.get('balance'))['available']);
  }

  async subscription(): Promise<Subscription> {
    return bodyOf<Subscription>(await this.get());
  }
}

export function start(
  stack: Stack,
  wanted: Json = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  return stack.request('POST', '/v1/subscriptions', { body: bodyOfStart(wanted), headers });
}

const bodyOfStart = (wanted: Json) => ({
  customer_id: `c-${randomUUID()}`,
  plan: 'creator',
  interval: 'month',
  test_clock: { now: T0 },
  ...wanted,
});

/** All pages of a list. */
export async function all(stack: Stack, path: string, limit: number): Promise<Json[]> {
  const rows: Json[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page = bodyOf<Page>(
      await stack.request('GET', `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${more}`),
    );
    rows.push(...page.data);
    if (page.has_more !== (page.next_cursor !== null)) throw new Error('has_more and next_cursor differ');
    cursor = page.next_cursor;
  }
  return rows;
}
