import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Processes } from '../support/processes.ts';
import type { Answer } from '../support/stack.ts';

// Callers who spend, hold, capture, release and reverse while something is done to the programs. Each request has a key of
// its own; after a 5xx or a broken connection it is sent again with that key, to whichever API is next, until it is answered.

export const CALLERS = 16;
const PAUSE_MS = 30;
const ANSWERED_WITHIN_MS = 45_000;

/** An acknowledged request, so that it can be sent again, and its answer's text. */
export interface Acknowledged {
  op: 'usage' | 'hold' | 'capture' | 'release' | 'reverse';
  sub: string;
  /** The hold or usage that was settled or reversed. */
  object: string | null;
  path: string;
  body: object;
  key: string;
  status: number;
  text: string;
}

type Request = Omit<Acknowledged, 'status' | 'text'>;

/** A hold or usage that was acknowledged, and of how many credits. */
interface Made {
  sub: string;
  id: string;
  credits: number;
}

export class Load {
  readonly subs: string[];
  readonly acknowledged: Acknowledged[] = [];
  /** 4xx by code: answered, and nothing happened. */
  readonly refused = new Map<string, number>();
  /** Not answered, by code or as `gone`, and so sent again. */
  readonly broken = new Map<string, number>();
  /** Acknowledged by a repeat alone: the effect was there, its answer had been lost. */
  lost = 0;
  /** Requests on their way, by address. */
  readonly inFlight = new Map<string, number>();
  isOver = false;
  readonly #stack: Processes;
  readonly #urls: string[];
  readonly #holds: Made[] = [];
  readonly #usages: Made[] = [];

  constructor(stack: Processes, urls: string[], subs: string[]) {
    this.#stack = stack;
    this.#urls = urls;
    this.subs = subs;
  }

  /** Everyone calls while the harm is done, and some time before and after. */
  async run(harm: () => Promise<void>): Promise<void> {
    const calling = Promise.all(Array.from({ length: CALLERS }, (_, n) => this.#call(n)));
    const harming = (async () => {
      await this.#answersMore(200);
      await harm();
      await this.#answersMore(200);
    })().finally(() => {
      this.isOver = true;
    });
    await Promise.all([calling, harming]);
  }

  async #call(n: number): Promise<void> {
    for (let i = 0; !this.isOver; i += 1) {
      const request = this.#next(`${n}-${i}`);
      this.#note(request, await this.ask(request));
      await sleep(randomInt(2 * PAUSE_MS));
    }
  }

  /** Sends a request until it is answered. */
  async ask({ path, body, key }: Request): Promise<Answer> {
    for (const until = Date.now() + ANSWERED_WITHIN_MS; ; await sleep(20 + randomInt(100))) {
      const url = oneOf(this.#urls);
      this.#count(this.inFlight, url, 1);
      const answer = await this.#stack
        .at(url)
        .request('POST', path, { body, headers: { 'Idempotency-Key': key } })
        .catch(() => null);
      this.#count(this.inFlight, url, -1);
      if (answer !== null && answer.status < 500) return answer;
      this.#count(this.broken, codeOf(answer), 1);
      if (Date.now() > until) throw new Error(`${path} was not answered: ${answer?.text ?? 'gone'}`);
    }
  }

  async #answersMore(more: number): Promise<void> {
    const wanted = this.acknowledged.length + more;
    for (const until = Date.now() + ANSWERED_WITHIN_MS; this.acknowledged.length < wanted; await sleep(20))
      if (Date.now() > until) throw new Error(`no more answers: ${JSON.stringify([...this.broken])}`);
  }

  #note(request: Request, answer: Answer): void {
    const { status, text, headers } = answer;
    if (status >= 300) return this.#count(this.refused, codeOf(answer), 1);
    if (headers.get('Idempotent-Replayed') === 'true') this.lost += 1;
    this.acknowledged.push({ ...request, status, text });
    const { id, credits } = answer.body as Made;
    if (request.op === 'hold') this.#holds.push({ sub: request.sub, id, credits });
    if (request.op === 'usage') this.#usages.push({ sub: request.sub, id, credits });
  }

  #count(counts: Map<string, number>, what: string, by: number): void {
    counts.set(what, (counts.get(what) ?? 0) + by);
  }

  /** Mostly uses and holds; now and then two callers settle the same hold. */
  #next(key: string): Request {
    const dice = randomInt(100);
    const hold = dice < 30 ? take(this.#holds, dice < 5) : undefined;
    if (hold) {
      const op = dice % 3 === 0 ? 'release' : 'capture';
      const body = op === 'capture' && dice % 2 === 0 ? { credits: 1 + randomInt(hold.credits) } : {};
      return request(op, hold, `holds/${hold.id}/${op}`, body, key);
    }
    const usage = dice < 40 ? take(this.#usages, dice < 33) : undefined;
    if (usage) {
      const body = { reason: 'the job failed', ...(dice % 2 === 0 ? { credits: 1 } : {}) };
      return request('reverse', usage, `usage/${usage.id}/reverse`, body, key);
    }
    const [op, path] = dice % 3 === 0 ? (['hold', 'holds'] as const) : (['usage', 'usage'] as const);
    const items = Array.from({ length: 1 + randomInt(3) }, () => ({
      feature: 'generate_look',
      quantity: 1 + randomInt(9),
    }));
    return request(op, { sub: oneOf(this.subs), id: null }, path, { items, reference: key }, key);
  }
}

function request(
  op: Request['op'],
  { sub, id }: { sub: string; id: string | null },
  path: string,
  body: object,
  key: string,
): Request {
  return { op, sub, object: id, path: `/v1/subscriptions/${sub}/${path}`, body, key };
}

const oneOf = <T>(some: readonly T[]): T => some[randomInt(some.length)]!;

/** One of them, which others may then still take or not. */
function take<T>(some: T[], stays: boolean): T | undefined {
  if (some.length === 0) return undefined;
  const at = randomInt(some.length);
  return stays ? some[at] : some.splice(at, 1)[0];
}

const codeOf = (answer: Answer | null): string =>
  answer === null ? 'gone' : ((answer.body as { code?: string } | null)?.code ?? String(answer.status));
