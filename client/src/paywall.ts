import type { InsufficientCredits } from './contract.ts';
import { STYLE } from './paywall-style.ts';
import { LANGUAGE, WORDS, type Words } from './paywall-words.ts';
import { newKey } from './random.ts';

// <drawdown-paywall>: an app shows it on a 402. No framework, no markup from strings, no style attribute: it works under
// `default-src 'none'; script-src 'self'` with Trusted Types.

/** `retry`: Try again was pressed, and the app's `retry` succeeded if it gave one. `bought`: closed after buying. */
export type Outcome = 'bought' | 'closed' | 'retry';

export interface Purchase {
  /** The same for every press of one offer: sent as Idempotency-Key, it charges once. */
  idempotencyKey: string;
  problem: InsufficientCredits;
}

export interface PaywallMembers {
  /**
   * Buys packs through the app's own back end. May answer the API's answer, or the Response that brings it; rejects, or
   * answers a Response that is not ok, where nothing was bought. Without it the wallet is offered.
   */
  buy?: ((packs: number, purchase: Purchase) => Promise<unknown>) | undefined;
  /** Repeats the refused request under its own key, like `buy`. Refused as short of credits again, the new offer is shown. */
  retry?: (() => Promise<unknown>) | undefined;
  /** Instead of the English words; any of them. */
  words?: Partial<Words> | undefined;
  /** Shows the problem of a 402 `insufficient_credits` until the person is done. */
  show(problem: InsufficientCredits): Promise<Outcome>;
}

/** The DOM's element where its types are there: a program for Node needs none of them. */
type AnElement = typeof globalThis extends { HTMLElement: { prototype: infer Found } } ? Found : object;
export type DrawdownPaywall = PaywallMembers & AnElement;

declare global {
  interface HTMLElementTagNameMap {
    'drawdown-paywall': DrawdownPaywall;
  }
}

/** The most packs one purchase may have. */
const MOST_PACKS = 100;

// On a server there is no such class, and the module must load all the same.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

class Paywall extends Base implements PaywallMembers {
  // Declared, not defined: members that an app set before the element was known stay.
  declare buy?: PaywallMembers['buy'];
  declare retry?: PaywallMembers['retry'];
  declare words?: PaywallMembers['words'];

  readonly #dialog = make('dialog', { 'aria-labelledby': 'title', 'aria-describedby': 'says' });
  readonly #alert = make('p', { class: 'bad', role: 'alert' });
  #write = writers(LANGUAGE, undefined);
  #problem!: InsufficientCredits;
  #key = '';
  #isBought = false;
  #isPending = false;
  #working: Promise<void> | null = null;
  #done: (outcome: Outcome) => void = () => {};

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#dialog);
    this.#dialog.addEventListener('close', () => this.#closed());
    this.#dialog.addEventListener('cancel', (event) => {
      if (this.#working) event.preventDefault();
    });
  }

  disconnectedCallback(): void {
    this.#finish();
  }

  async show(problem: InsufficientCredits): Promise<Outcome> {
    if (problem?.code !== 'insufficient_credits')
      throw new TypeError('show() takes an insufficient_credits problem');
    this.#finish();
    this.#isBought = false;
    if (!this.isConnected) document.body.append(this);
    const lang = this.closest<HTMLElement>('[lang]')?.lang || LANGUAGE;
    this.#write = writers(lang, this.getAttribute('time-zone') ?? undefined);
    const outcome = new Promise<Outcome>((resolve) => {
      this.#done = resolve;
    });
    this.#offer(problem);
    return outcome;
  }

  #say(name: Exclude<keyof Words, 'credits'>, values: Record<string, string> = {}): string {
    return filled(this.words?.[name] ?? WORDS[name], values);
  }

  #credits(n: number): string {
    const { one, other } = this.words?.credits ?? WORDS.credits;
    return filled(this.#write.isOne(n) ? one : other, { n: this.#write.number(n) });
  }

  /** The needed credits, the available ones, and the ways on. */
  #offer(problem: InsufficientCredits): void {
    this.#problem = problem;
    this.#key = newKey();
    this.#isPending = false;
    const { needed, available, held, offer, contact, next_refresh: next } = problem;
    const needs = this.#say('needs', { needed: this.#credits(needed), available: this.#credits(available) });
    const heldToo = held > 0 ? ` ${this.#say('held', { held: this.#credits(held) })}` : '';
    const ways: Node[] = [];
    const main: Node[] = [];
    if (offer && this.buy) {
      ways.push(...this.#packs(offer));
      main.push(make('button', { class: 'main' }, this.#say('buy')));
    } else {
      if (offer) ways.push(make('p', {}, this.#total(offer, offer.packs)));
      else if (contact && contact in WORDS) ways.push(make('p', {}, this.#say(contact)));
      main.push(...this.#wallet());
    }
    // Waiting is a way on only where the refresh is enough.
    if (next) {
      const values = { credits: this.#credits(next.credits), at: this.#write.day(next.at) };
      ways.push(make('p', { class: 'quiet' }, this.#say(next.credits < needed ? 'next' : 'wait', values)));
    }
    const title = this.#draw('title', `${needs}${heldToo}`, ways, main, 'later');
    if (!this.#dialog.open) this.#dialog.showModal();
    title.focus();
  }

  /** The number of packs: enough for the shortfall, or more. */
  #packs(offer: Offer): Node[] {
    const [min, max] = [offer.packs, Math.max(offer.packs, MOST_PACKS)];
    const attributes = { id: 'packs', type: 'number', required: '' };
    const input = make('input', { ...attributes, min: `${min}`, max: `${max}`, value: `${min}` });
    const total = make('output', { for: 'packs' }, this.#total(offer, min));
    const show = () => {
      if (input.validity.valid) total.textContent = this.#total(offer, input.valueAsNumber);
    };
    input.addEventListener('input', show);
    const step = (sign: string, name: 'less' | 'more', by: number) => {
      const button = make('button', { type: 'button', class: 'step', 'aria-label': this.#say(name) }, sign);
      button.addEventListener('click', () => {
        input.stepUp(by);
        show();
      });
      return button;
    };
    const label = make('label', { for: 'packs' }, this.#say('packs'));
    return [make('div', {}, label, step('−', 'less', -1), input, step('+', 'more', 1)), total];
  }

  #total({ packs, credits, price, expires_at: until }: Offer, wanted: number): string {
    const bought = {
      credits: this.#credits((credits / packs) * wanted),
      price: this.#write.money((price.amount_minor / packs) * wanted, price.currency),
    };
    if (until === null) return this.#say('totalForGood', bought);
    return this.#say('total', { ...bought, until: this.#write.day(until) });
  }

  /** The way into the wallet, in a tab of its own; nothing but a page of the web is opened. */
  #wallet(): Node[] {
    const { wallet_url: url } = this.#problem;
    if (!url || !/^https?:$/.test(new URL(url, document.baseURI).protocol)) return [];
    const link = make('a', { class: 'main', href: url, target: '_blank' }, this.#say('wallet'));
    // After the click has led there.
    link.addEventListener('click', () => setTimeout(() => this.#ready('almost', this.#say('walletOpen'))));
    return [link];
  }

  /** The dialog anew: its title, a sentence, its content, and the buttons. */
  #draw(
    title: 'title' | 'ready' | 'almost',
    says: string,
    between: Node[],
    main: Node[],
    close: 'later' | 'close',
  ): HTMLElement {
    const heading = make('h2', { id: 'title', tabindex: '-1' }, this.#say(title));
    const closing = make('button', { type: 'button' }, this.#say(close));
    closing.addEventListener('click', () => {
      if (!this.#working) this.#dialog.close();
    });
    this.#alert.textContent = '';
    const form = make('form', {}, ...between, this.#alert, make('div', {}, ...main, closing));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submitted(form);
    });
    this.#dialog.replaceChildren(heading, make('p', { id: 'says' }, says), form);
    return heading;
  }

  /** Bought, or left to the wallet: the refused request may go again. */
  #ready(title: 'ready' | 'almost', says: string): void {
    const again = make('button', { class: 'main', 'aria-describedby': 'says' }, this.#say('retry'));
    this.#draw(title, says, [], [again], 'close');
    again.focus();
  }

  #submitted(form: HTMLFormElement): void {
    const input = form.querySelector('input');
    const button = form.querySelector('.main')!;
    if (this.#working) return;
    button.setAttribute('aria-disabled', 'true');
    this.#alert.textContent = '';
    const work = input ? this.#buy(input.valueAsNumber) : this.#retry();
    this.#working = work.finally(() => {
      this.#working = null;
      button.removeAttribute('aria-disabled');
    });
  }

  async #buy(packs: number): Promise<void> {
    const { offer } = this.#problem;
    const purchase = { idempotencyKey: this.#key, problem: this.#problem };
    const { isOk, body } = await asked(() => this.buy!(packs, purchase));
    // An answer that got lost was followed by another number of packs: the first was bought.
    if (!isOk && body.code !== 'idempotency_key_reused') return this.#refused(body);
    this.#isBought = true;
    this.#isPending = body.status === 'pending';
    const credits = (offer!.credits / offer!.packs) * packs;
    if (this.#isPending) this.#ready('almost', this.#say('pending'));
    else this.#ready('ready', this.#say('bought', { credits: this.#credits(credits) }));
  }

  async #retry(): Promise<void> {
    const { isOk, body } = await asked(async () => this.retry?.());
    if (isOk) {
      this.#finish('retry');
      this.#dialog.close();
    } else if (body.code !== 'insufficient_credits') this.#refused(body);
    // Not offered again before it is paid: it would be bought twice.
    else if (this.#isPending) this.#alert.textContent = this.#say('unpaid');
    else this.#offer(body as unknown as InsufficientCredits);
  }

  #refused({ code, detail }: Answer): void {
    const shown = typeof detail === 'string' ? detail : this.#say('failed');
    this.#alert.textContent = code === 'payment_declined' ? this.#say('declined') : shown;
  }

  async #closed(): Promise<void> {
    // Closed while buying: the outcome is still an event.
    await this.#working;
    // The event comes late: it may be shown again by now.
    if (!this.#dialog.open) this.#finish();
  }

  #finish(outcome: Outcome = this.#isBought ? 'bought' : 'closed'): void {
    this.#done(outcome);
    this.#done = () => {};
  }
}

type Offer = NonNullable<InsufficientCredits['offer']>;

interface Answer {
  code?: unknown;
  detail?: unknown;
  status?: unknown;
}

/** The result of the app's function: JSON, or the Response that brings it, left for the app to read; a rejection may be a problem. */
async function asked(ask: () => Promise<unknown>): Promise<{ isOk: boolean; body: Answer }> {
  const bodyOf = (value: unknown): Answer => (typeof value === 'object' && value !== null ? value : {});
  try {
    const answer = await ask();
    if (!(answer instanceof Response)) return { isOk: true, body: bodyOf(answer) };
    return {
      isOk: answer.ok,
      body: bodyOf(
        await answer
          .clone()
          .json()
          .catch(() => null),
      ),
    };
  } catch (error) {
    return { isOk: false, body: bodyOf(error) };
  }
}

/** Numbers, amounts and days as the locale writes them; a tag that is none (`en_US`) falls back to that of the words. */
function writers(tag: string, timeZone: string | undefined) {
  let locale = tag;
  try {
    Intl.getCanonicalLocales(tag);
  } catch {
    locale = LANGUAGE;
  }
  const plural = new Intl.PluralRules(locale);
  return {
    isOne: (n: number) => plural.select(n) === 'one',
    number: (n: number) => n.toLocaleString(locale),
    money(minor: number, currency: string) {
      const writer = new Intl.NumberFormat(locale, { style: 'currency', currency });
      return writer.format(minor / 10 ** (writer.resolvedOptions().maximumFractionDigits ?? 2));
    },
    day(at: string) {
      const date = new Date(at);
      const isThisYear = date.getFullYear() === new Date().getFullYear();
      const year = isThisYear ? undefined : 'numeric';
      return date.toLocaleDateString(locale, { day: 'numeric', month: 'short', year, timeZone });
    },
  };
}

const filled = (text: string, values: Record<string, string>): string =>
  text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');

function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const DrawdownPaywall = Paywall as unknown as { new (): DrawdownPaywall };

if (globalThis.customElements && !customElements.get('drawdown-paywall'))
  customElements.define('drawdown-paywall', Paywall);
