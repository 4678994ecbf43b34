import { INTERVALS, type Interval } from '../../src/domain/calendar.ts';
import type { Item } from '../../src/domain/catalog/rates.ts';
import type { DisputeStatus } from '../../src/domain/refunds.ts';

/** Which charge a settlement names: the newest or oldest pending one, the newest of any status, the one settled before, or the former subscription's newest. */
export type Which = 'newest' | 'oldest' | 'last' | 'again' | 'former';

/** Which hold, usage or paid purchase of the subscription: the one made last, or first. */
export type Made = 'newest' | 'oldest';

export type Step =
  | {
      verb: 'subscribe';
      plan: string;
      interval: Interval;
      zone?: string;
      method?: string;
      allowance?: number;
      anchor?: string;
      /** `real`: no test clock (stack only). */
      clock?: string;
      /** `yes` insists on the trial, `no` begins without. */
      trial?: string;
    }
  | { verb: 'buy'; packs: number; pack?: string; interval?: Interval; method?: string }
  /** `add_on 2`, or `add_on big:1,small:2`. */
  | { verb: 'add_on'; packs: number; items?: { pack: string; quantity: number }[] }
  | { verb: 'activate' }
  | { verb: 'reprice' }
  /** null: off. The ceiling in minor units. */
  | { verb: 'top_up'; wish: { threshold: number; packs: number; ceiling: number; pack?: string } | null }
  | { verb: 'use'; items: Item[]; via?: string }
  | { verb: 'quote'; items: Item[] }
  /** `for`: its deadline, in seconds from now. */
  | { verb: 'hold'; items: Item[]; via?: string; seconds?: number }
  /** Without credits: all. A capture makes a usage, which a reversal may name. */
  | { verb: 'capture'; which: Made; credits?: number }
  | { verb: 'reverse'; which: Made; credits?: number }
  | { verb: 'release'; which: Made }
  | { verb: 'cancel'; at: 'renewal' | 'now' }
  | { verb: 'resume' }
  | { verb: 'change' | 'preview'; plan: string; interval: Interval }
  | { verb: 'method'; method: string }
  | { verb: 'settle'; outcome: 'paid' | 'declined'; which: Which }
  /** null: without an end of its own. */
  | { verb: 'grant'; credits: number; until: string | null }
  /** An operator's refund of a purchase: of all that is not refunded yet, or of an amount. */
  | { verb: 'refund'; which: Made; amount?: number }
  /** The provider's report on a purchase's charge: the refunded total; or a dispute of an amount, by its name. */
  | { verb: 'refunded'; which: Made; amount: number }
  | { verb: 'dispute'; which: Made; name: string; amount: number; status: DisputeStatus }
  | { verb: 'revoke' }
  | { verb: 'allowance'; credits: number }
  /** Do nothing. */
  | { verb: 'look' }
  /** The forecast of the balance at an instant. */
  | { verb: 'foresee'; at: string }
  /** Ask for an advance, to the row's own instant or another. */
  | { verb: 'advance'; to: string }
  /** The last request once more with its key; or another body under the last key of that operation. */
  | { verb: 'again'; step: Step | null }
  /** One raw request below the subscription: input that the schema refuses. */
  | { verb: 'send'; method: string; path: string; body: unknown }
  /** Core only: nothing ran since the row before; all that was missed is worked now. */
  | { verb: 'outage' }
  /** Core only: from now on another catalogue is in force. */
  | { verb: 'catalogue'; path: string[]; value: number };

const number = (text: string | undefined): number => {
  if (text === undefined || text === '' || !Number.isFinite(Number(text)))
    throw new Error(`not a number: ${text}`);
  return Number(text);
};

const plan = (text: string | undefined): string => {
  if (!text || !/^[a-z0-9_]+$/.test(text)) throw new Error(`not a plan: ${text}`);
  return text;
};

const interval = (text: string | undefined): Interval => {
  const found = INTERVALS.find((each) => each === text);
  if (!found) throw new Error(`not an interval: ${text}`);
  return found;
};

/** `zone Europe/Berlin method sandbox_ok`: names with one value each. */
function options<Name extends string>(
  words: string[],
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (let i = 0; i < words.length; i += 2) {
    const name = names.find((known) => known === words[i]);
    const value = words[i + 1];
    if (!name || value === undefined) throw new Error(`not understood: ${words.slice(i).join(' ')}`);
    found[name] = value;
  }
  return found;
}

function items(text: string): { items: Item[]; via?: string } {
  const [, list = text, via] = /^(.*?) via (\S+)$/.exec(text) ?? [];
  const parsed = list.split(',').map((part) => {
    const [feature = '', quantity, word, credits] = part.trim().split(/\s+/);
    if (word !== undefined && word !== 'credits') throw new Error(`not understood: ${word}`);
    const item = { feature, quantity: number(quantity) };
    return word === undefined ? item : { ...item, credits: number(credits) };
  });
  return via === undefined ? { items: parsed } : { items: parsed, via };
}

/** `avatar_iv 90 via zapier for 60`: the seconds come last. */
function held(text: string): Step {
  const [, list = text, seconds] = /^(.*?) for (\S+)$/.exec(text) ?? [];
  const step = { verb: 'hold' as const, ...items(list) };
  return seconds === undefined ? step : { ...step, seconds: number(seconds) };
}

/** `oldest 30`, `30`, `oldest` or nothing. */
function made(words: string[]): { which: Made; credits?: number } {
  const which = words[0] === 'oldest' ? 'oldest' : 'newest';
  const [credits, ...rest] = which === 'oldest' ? words.slice(1) : words;
  if (rest.length > 0) throw new Error(`not understood: ${rest.join(' ')}`);
  return credits === undefined ? { which } : { which, credits: number(credits) };
}

const PARSERS: Record<Step['verb'], (words: string[], text: string) => Step> = {
  subscribe: ([id, per, ...rest]) => {
    const { allowance, ...more } = options(rest, ['zone', 'method', 'allowance', 'anchor', 'clock', 'trial']);
    const start = { verb: 'subscribe' as const, plan: plan(id), interval: interval(per), ...more };
    return allowance === undefined ? start : { ...start, allowance: number(allowance) };
  },
  buy: ([packs, ...rest]) => {
    const { interval: per, ...more } = options(rest, ['interval', 'method', 'pack']);
    const step = { verb: 'buy' as const, packs: number(packs), ...more };
    return per === undefined ? step : { ...step, interval: interval(per) };
  },
  add_on: ([packs = '']) => {
    if (!packs.includes(':')) return { verb: 'add_on', packs: number(packs) };
    const items = packs.split(',').map((item) => {
      const [pack = '', quantity] = item.split(':');
      return { pack, quantity: number(quantity) };
    });
    return { verb: 'add_on', packs: 0, items };
  },
  activate: () => ({ verb: 'activate' }),
  reprice: () => ({ verb: 'reprice' }),
  top_up: ([first, ...rest]) => {
    if (first === 'off') return { verb: 'top_up', wish: null };
    const { below, ceiling, pack } = options(rest, ['below', 'ceiling', 'pack']);
    return {
      verb: 'top_up',
      wish: {
        packs: number(first),
        threshold: number(below),
        ceiling: number(ceiling),
        ...(pack === undefined ? {} : { pack }),
      },
    };
  },
  use: (_, text) => ({ verb: 'use', ...items(text) }),
  quote: (_, text) => ({ verb: 'quote', ...items(text) }),
  hold: (_, text) => held(text),
  capture: (words) => ({ verb: 'capture', ...made(words) }),
  reverse: (words) => ({ verb: 'reverse', ...made(words) }),
  release: (words) => ({ verb: 'release', which: made(words).which }),
  cancel: ([at]) => ({ verb: 'cancel', at: at === 'now' ? 'now' : 'renewal' }),
  resume: () => ({ verb: 'resume' }),
  change: ([id, per]) => ({ verb: 'change', plan: plan(id), interval: interval(per) }),
  preview: ([id, per]) => ({ verb: 'preview', plan: plan(id), interval: interval(per) }),
  method: ([method = '']) => ({ verb: 'method', method }),
  settle: ([outcome, which = 'newest']) => {
    if (outcome !== 'paid' && outcome !== 'declined') throw new Error(`not an outcome: ${outcome}`);
    return { verb: 'settle', outcome, which: which as Which };
  },
  grant: ([credits, , until = null]) => ({ verb: 'grant', credits: number(credits), until }),
  refund: (words) => {
    const { which, credits: amount } = made(words);
    return amount === undefined ? { verb: 'refund', which } : { verb: 'refund', which, amount };
  },
  refunded: (words) => {
    const { which, credits } = made(words);
    return { verb: 'refunded', which, amount: number(String(credits)) };
  },
  dispute: ([name = '', status, amount, which]) => {
    if (status !== 'open' && status !== 'won' && status !== 'lost')
      throw new Error(`not a status: ${status}`);
    return {
      verb: 'dispute',
      which: which === 'oldest' ? 'oldest' : 'newest',
      name,
      amount: number(amount),
      status,
    };
  },
  revoke: () => ({ verb: 'revoke' }),
  allowance: ([credits]) => ({ verb: 'allowance', credits: number(credits) }),
  look: () => ({ verb: 'look' }),
  foresee: ([at = '']) => ({ verb: 'foresee', at }),
  advance: ([to = '']) => ({ verb: 'advance', to }),
  again: (_, text) => ({ verb: 'again', step: text === '' ? null : parseStep(text) }),
  send: ([method = '', path = '', ...rest]) => {
    const body = rest.join(' ');
    return { verb: 'send', method, path, body: body === '' ? undefined : JSON.parse(body) };
  },
  outage: () => ({ verb: 'outage' }),
  catalogue: (words) => ({ verb: 'catalogue', path: words.slice(0, -1), value: number(words.at(-1)) }),
};

/** The command of a row. Throws with a sentence when it is not understood. */
export function parseStep(text: string): Step {
  const [verb = '', ...words] = text.split(/\s+/);
  const parse = (PARSERS as Record<string, (typeof PARSERS)['look'] | undefined>)[verb];
  if (!parse) throw new Error(`unknown verb ${verb}`);
  return parse(words, text.slice(verb.length).trim());
}
