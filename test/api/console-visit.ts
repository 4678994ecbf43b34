import type { Stack } from '../support/stack.ts';

// An operator at the console without a browser: forms are sent as a browser would, and the cookie is kept.

const ORIGIN = 'http://localhost';

export interface Seen {
  status: number;
  headers: Headers;
  html: string;
}

export class Visit {
  readonly stack: Pick<Stack, 'fetch'>;
  cookie = '';

  constructor(stack: Pick<Stack, 'fetch'>) {
    this.stack = stack;
  }

  static async begin(stack: Stack, key = stack.key): Promise<Visit> {
    const visit = new Visit(stack);
    const seen = await visit.post('/console/sign-in', { key });
    if (seen.status !== 303) throw new Error(`not let in: ${seen.status}`);
    return visit;
  }

  get(path: string): Promise<Seen> {
    return this.ask(path, {});
  }

  post(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Seen> {
    const body = new URLSearchParams(form).toString();
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' };
    return this.ask(path, { method: 'POST', body, headers: { Origin: ORIGIN, ...type, ...headers } });
  }

  private async ask(
    path: string,
    init: { method?: string; body?: string; headers?: Record<string, string> },
  ) {
    const headers = { ...init.headers, ...(this.cookie ? { Cookie: this.cookie } : {}) };
    const response = await this.stack.fetch(new Request(new URL(path, ORIGIN), { ...init, headers }));
    const set = response.headers.get('Set-Cookie');
    if (set !== null) this.cookie = set.split(';')[0]!;
    return { status: response.status, headers: response.headers, html: await response.text() };
  }
}

/** A page's text as a person reads it, in one line. */
export function textOf(html: string): string {
  const main = html.slice(html.indexOf('<main'), html.indexOf('</main>'));
  const text = main.replaceAll(/<[^>]*>/g, ' ');
  const entities: Record<string, string> = {
    '&amp;': '&',
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#39;': "'",
  };
  return text
    .replaceAll(/&(amp|lt|gt|quot|#39);/g, (entity) => entities[entity]!)
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** The titles of the timeline's lines, newest first. */
export const titlesOf = (html: string): string[] =>
  [...html.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, title]) => textOf(`<main>${title}</main>`));

/** The value of a hidden field. */
export function hiddenOf(html: string, name: string): string {
  const [, value] = new RegExp(`<input type="hidden" name="${name}" value="([^"]*)"`).exec(html) ?? [];
  if (value === undefined) throw new Error(`no hidden ${name}`);
  return value.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&#39;', "'");
}

/** The lines of the timeline, newest first: day, rule, change of the available credits (· for none) and title. */
export const linesOf = (html: string): string[] =>
  [...html.matchAll(/<li class="line .*?<\/li>(?=<li class="line|<\/ol>)/gs)].map(([line]) => {
    const [, day] = /datetime="([^T]*)T/.exec(line) ?? [];
    const [, title] = /<h3>(.*?)<\/h3>/s.exec(line) ?? [];
    const [, rule] = /<p class="rule"><code>(R-\d\d)/.exec(line) ?? [];
    const [, moved] = /<p class="moved"><span[^>]*>(.*?)<\/span>/s.exec(line) ?? [];
    return `${day} ${rule ?? '----'} ${moved ?? '·'} ${textOf(`<main>${title}</main>`)}`;
  });
