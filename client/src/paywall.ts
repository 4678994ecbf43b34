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
  /** The pack's id: several may be sold. */
  pack: string;
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
  #chosen!: Offer;
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
    on(this.#dialog, 'close', () => this.#closed());
    on(this.#dialog, 'cancel', (event) => {
      if (this.#working) event.preventDefault();
    });
  }

  disconnectedCallback(): void {
    this.#finish();
  }

  async show(problem: InsufficientCredits): Promise<Outcome> {
    if (problem?.code !== 'insufficient_credits') throw new TypeError('another problem');
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

  #say(name: Saying, values: Record<string, string> = {}): string {
    const text = this.#filled(this.words?.[name] ?? WORDS[name], values);
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  #credits(n: number): string {
    const { one, other } = this.words?.credits ?? WORDS.credits;
    return this.#filled(this.#write.isOne(n) ? one : other, { n: this.#write.number(n) });
  }

  #filled(text: string, values: Record<string, string>): string {
    const known: Record<string, string> = { ...this.#problem.words, ...values };
    return text.replaceAll(/{(\w+)}/g, (_, name: string) => known[name] ?? '');
  }

  /** The needed credits, the available ones, and the ways on. */
  #offer(problem: InsufficientCredits): void {
    this.#problem = problem;
    this.#key = newKey();
    this.#isPending = false;
    const {
      needed,
      available,
      held,
      offer,
      other_offers: others = [],
      contact,
      next_refresh: next,
    } = problem;
    const needs = this.#say('needs', { needed: this.#credits(needed), available: this.#credits(available) });
    const heldToo = held > 0 ? ` ${this.#say('held', { held: this.#credits(held) })}` : '';
    const ways: Node[] = [];
    const main: Node[] = [];
    if (offer && this.buy) {
      ways.push(...this.#packs([offer, ...others]));
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

  /** The number of packs: enough for the shortfall, or more; of the cheapest offer, or another. */
  #packs(offers: Offer[]): Node[] {
    const input = make('input', { id: 'packs', type: 'number', required: '' });
    const total = make('output', { for: 'packs' });
    const show = () => {
      if (input.validity.valid) total.textContent = this.#total(this.#chosen, input.valueAsNumber);
    };
    const choose = (i: number) => {
      this.#chosen = offers[i]!;
      const { packs } = this.#chosen;
      input.max = `${Math.max(packs, MOST_PACKS)}`;
      input.min = input.value = `${packs}`;
      show();
    };
    on(input, 'input', show);
    const step = (sign: string, name: 'less' | 'more', by: number) => {
      const button = make('button', { type: 'button', class: 'step', 'aria-label': this.#say(name) }, sign);
      on(button, 'click', () => {
        input.stepUp(by);
        show();
      });
      return button;
    };
    choose(0);
    const label = make('label', { for: 'packs' }, this.#say('packs'));
    const nodes = [make('div', {}, label, step('−', 'less', -1), input, step('+', 'more', 1)), total];
    if (!offers[1]) return nodes;
    const named = offers.map((offer) => make('option', {}, `${offer.packs} × ${offer.name}`));
    const select = make('select', { 'aria-label': this.#say('packs') }, ...named);
    on(select, 'change', () => choose(select.selectedIndex));
    return [select, ...nodes];
  }

  #total({ packs, credits, price, expires_at: until, renews }: Offer, wanted: number): string {
    const total = this.#say(until ? 'total' : 'lasting', {
      credits: this.#credits((credits / packs) * wanted),
      price: this.#write.money((price.amount_minor / packs) * wanted, price.currency),
      until: this.#write.day(until!),
    });
    return renews ? `${total} ${this.#say('renews')}` : total;
  }

  /** The way into the wallet, in a tab of its own; nothing but a page of the web is opened. */
  #wallet(): Node[] {
    const { wallet_url: url } = this.#problem;
    if (!url || !/^https?:/.test(url)) return [];
    const link = make('a', { class: 'main', href: url, target: '_blank' }, this.#say('wallet'));
    // After the click has led there.
    on(link, 'click', () => setTimeout(() => this.#ready('almost', 'walletOpen')));
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
    on(closing, 'click', () => {
      if (!this.#working) this.#dialog.close();
    });
    this.#alert.textContent = '';
    const form = make('form', {}, ...between, this.#alert, make('div', {}, ...main, closing));
    on(form, 'submit', (event) => {
      event.preventDefault();
      this.#submitted(form);
    });
    this.#dialog.replaceChildren(heading, make('p', { id: 'says' }, says), form);
    return heading;
  }

  /** Bought, or left to the wallet: the refused request may go again. */
  #ready(title: 'ready' | 'almost', says: Saying, values?: Record<string, string>): void {
    const again = make('button', { class: 'main', 'aria-describedby': 'says' }, this.#say('retry'));
    this.#draw(title, this.#say(says, values), [], [again], 'close');
    again.focus();
  }

  #submitted(form: HTMLFormElement): void {
    const input = form.querySelector('input');
    const button = form.querySelector('.main')!;
    if (this.#working) return;
    button.ariaDisabled = 'true';
    this.#alert.textContent = '';
    const work = input ? this.#buy(input.valueAsNumber) : this.#retry();
    this.#working = work.finally(() => {
      this.#working = null;
      button.ariaDisabled = null;
    });
  }

  async #buy(packs: number): Promise<void> {
    const { pack, ...offer } = this.#chosen;
    const purchase = { idempotencyKey: this.#key, pack, problem: this.#problem };
    const { isOk, body } = await asked(() => this.buy!(packs, purchase));
    // An answer that got lost was followed by another number of packs: the first was bought.
    if (!isOk && body.code !== 'idempotency_key_reused') return this.#refused(body);
    this.#isBought = true;
    this.#isPending = body.status === 'pending';
    const credits = (offer.credits / offer.packs) * packs;
    if (this.#isPending) this.#ready('almost', 'pending');
    else this.#ready('ready', 'bought', { credits: this.#credits(credits) });
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

type Saying = Exclude<keyof Words, 'credits'>;
type Offer = NonNullable<InsufficientCredits['offer']>;

interface Answer {
  code?: unknown;
  detail?: unknown;
  status?: unknown;
}

/** The result of the app's function: JSON, or the Response that brings it, left for the app to read; a rejection may be a problem. */
async function asked(ask: () => Promise<unknown>): Promise<{ isOk: boolean; body: Answer }> {
  try {
    const answer = await ask();
    if (!(answer instanceof Response)) return { isOk: true, body: Object(answer) };
    return {
      isOk: answer.ok,
      body: Object(
        await answer
          .clone()
          .json()
          .catch(() => null),
      ),
    };
  } catch (error) {
    return { isOk: false, body: Object(error) };
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
      return writer.format(minor / 10 ** writer.resolvedOptions().maximumFractionDigits!);
    },
    day(at: string) {
      const date = new Date(at);
      const isThisYear = date.getFullYear() === new Date().getFullYear();
      const year = isThisYear ? undefined : 'numeric';
      return date.toLocaleDateString(locale, { day: 'numeric', month: 'short', year, timeZone });
    },
  };
}

const on = (target: EventTarget, type: string, listener: (event: Event) => void): void =>
  target.addEventListener(type, listener);

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
