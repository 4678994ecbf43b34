import type { Stack } from '../support/stack.ts';
import { bodyOf } from './driver.ts';

// Pages without a browser: forms and cookies as a browser would send them.

export interface PageAnswer {
  status: number;
  headers: Headers;
  html: string;
}

/** One visitor: keeps the cookies it is given, and sends forms as a page of ours would. */
export class PageVisitor {
  readonly stack: Stack;
  private readonly jar = new Map<string, string>();

  constructor(stack: Stack) {
    this.stack = stack;
  }

  static async enter(stack: Stack, id: string): Promise<PageVisitor> {
    const visitor = new PageVisitor(stack);
    await visitor.get(await linkTo(stack, id));
    if (!visitor.cookie) throw new Error('the link did not open the wallet');
    return visitor;
  }

  /** The cookies that it sends along. */
  get cookie(): string | null {
    return this.jar.size === 0 ? null : [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  set cookie(text: string | null) {
    this.jar.clear();
    for (const [, name, value] of (text ?? '').matchAll(/([^=; ]+)=([^;]*)/g)) this.jar.set(name!, value!);
  }

  /** Sends a form, and follows where it leads. */
  async sent(path: string, fields: Record<string, string> = {}): Promise<string> {
    const answer = await this.post(path, fields);
    if (answer.status !== 303) throw new Error(`${answer.status} ${textOf(answer.html)}`);
    return textOf((await this.get(answer.headers.get('Location')!)).html);
  }

  get(path: string, headers: Record<string, string> = {}): Promise<PageAnswer> {
    return this.ask(path, { headers });
  }

  /** Sends a form; `key` as a page drew it, or a fresh one. */
  post(
    path: string,
    fields: Record<string, string> = {},
    headers: Record<string, string> = {},
  ): Promise<PageAnswer> {
    return this.ask(path, {
      method: 'POST',
      body: new URLSearchParams({ key: `test-${Math.random()}`, ...fields }).toString(),
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        Origin: 'http://localhost',
        ...headers,
      },
    });
  }

  private async ask(path: string, init: NonNullable<Parameters<typeof fetch>[1]>): Promise<PageAnswer> {
    const headers = { ...(this.cookie ? { Cookie: this.cookie } : {}), ...(init.headers as object) };
    const response = await this.stack.fetch(new Request(`http://localhost${path}`, { ...init, headers }));
    for (const given of response.headers.getSetCookie()) {
      const [name = '', value = ''] = given.split(';')[0]!.split(/=(.*)/s);
      if (/Max-Age=0/i.test(given)) this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return { status: response.status, headers: response.headers, html: await response.text() };
  }
}

/** The one-time link of a subscription's wallet, as a path. */
export async function linkTo(stack: Stack, id: string): Promise<string> {
  const answer = await stack.request('POST', '/v1/wallet_sessions', { body: { subscription_id: id } });
  const { url } = bodyOf<{ url: string }>(answer, 201);
  return new URL(url).pathname + new URL(url).search;
}

/** The heading of a page, and the text of its body without tags. */
export const headingOf = ({ html }: PageAnswer): string =>
  textOf(/<h1[^>]*>(.*?)<\/h1>/s.exec(html)?.[1] ?? '');

export const textOf = (html: string): string =>
  html
    .replaceAll(/<(script|style|svg)\b.*?<\/\1>/gs, ' ')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ ([.,;])/g, '$1')
    .trim();
