import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Database } from '../../src/db/client.ts';
import type { GrantKind } from '../../src/domain/burndown.ts';
import { type Instant, type Interval, NEVER } from '../../src/domain/calendar.ts';
import type { Answer, Booked, Driver, View } from './driver.ts';
import { moment, showExpiry, showMoment, wireMoment } from './moment.ts';
import type { Made, Step } from './steps.ts';

/** The part of a started stack that the driver needs; it adds the operator key's header. */
export interface Requester {
  request(
    method: string,
    path: string,
    init?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<{ status: number; headers: Headers; body: unknown; text: string }>;
  db: Database;
}

type Of<V extends Step['verb']> = Extract<Step, { verb: V }>;
type Reply = Awaited<ReturnType<Requester['request']>>;
interface Sent {
  operation: string;
  method: string;
  path: string;
  body: unknown;
  key: string;
  reply: Reply;
}

interface Money {
  amount_minor: number;
}

interface SubscriptionBody {
  id: string;
  plan: string;
  interval: Interval;
  status: string;
  anchor_at: string | null;
  next_refresh_at: string | null;
  next_renewal: { at: string; charge: Money | null } | null;
  add_on: { packs: number; items: { pack: string; quantity: number }[] };
  trial: { ends_at: string } | null;
  top_up: { skipped: string | null } | null;
  ledger_version: number;
  scheduled_change: { kind: 'cancel' | 'plan'; at: string; plan?: string; interval?: Interval } | null;
  ended_at: string | null;
  test_clock: { now: string } | null;
}

interface WorkflowBody {
  balance: { ledger_version: number };
  state: { now: string };
  next_due: { kind: string; at: string } | null;
}

interface ChargeBody {
  id: string;
  kind: string;
  status: string;
  amount: Money;
  refunded: Money | number;
}

interface GrantBody {
  id: string;
  kind: GrantKind;
  amount: number;
  effective_at: string;
  expires_at: string | null;
}

interface BalanceBody {
  available: number;
  held: number;
  by_kind: Record<GrantKind, number>;
}

/** The real stack behind the driver, over HTTP exactly as docs/api.md says, on a test clock. */
export class HttpDriver implements Driver {
  private readonly stack: Requester;
  private readonly customerId: string;
  private id: string | null = null;
  private former: string | null = null;
  private settledLast: string | null = null;
  private sent: Sent[] = [];
  /** Ids of the subscription's holds and usages, in the order of their making; a capture makes a usage. */
  private made: Record<'holds' | 'usage', string[]> = { holds: [], usage: [] };

  constructor(stack: Requester, customerId = `scenario-${randomUUID()}`) {
    this.stack = stack;
    this.customerId = customerId;
  }

  async advance(to: Instant): Promise<void> {
    const reply = await this.send('advance', 'POST', this.path('advance'), {
      to: new Date(to).toISOString(),
    });
    if (reply.status !== 200) throw new Error(`advance answered ${reply.status} ${reply.text}`);
  }

  async do(step: Step, at: string): Promise<Answer> {
    if (step.verb === 'look') return { outcome: 'ok', data: {} };
    if (step.verb === 'again') return this.again(step, at);
    if (step.verb === 'settle') return this.settle(step);
    if (step.verb === 'refunded' || step.verb === 'dispute') return this.sayBack(step);
    if (step.verb === 'outage' || step.verb === 'catalogue')
      throw new Error(`${step.verb} is for the core: mark the row or table`);
    const answer = await this.perform(step, at, randomUUID());
    if (this.id !== null) await this.toppedUp();
    return answer;
  }

  /** R-39: the workflow gets a nudge a moment after a spend. Done when it has, and has no top-up to make. */
  private async toppedUp(): Promise<void> {
    for (const until = Date.now() + 15_000; Date.now() < until; await sleep(50)) {
      const { top_up: wish, ledger_version: version } = await this.get<SubscriptionBody>(this.path(''));
      if (wish === null) return;
      const { balance, state, next_due } = await this.get<WorkflowBody>(this.path('workflow'));
      const isDue = next_due?.kind === 'top_up' && next_due.at <= state.now;
      if (balance.ledger_version >= version && !isDue) return;
    }
    throw new Error('the top-up was not made within 15 s');
  }

  async look(): Promise<View | null> {
    if (this.id === null) return null;
    const [subscription, balance, grants, charges] = await Promise.all([
      this.get<SubscriptionBody>(this.path('')),
      this.get<BalanceBody>(this.path('balance')),
      this.all<GrantBody>('grants'),
      this.all<ChargeBody>('charges'),
    ]);
    return viewOf(subscription, balance, grants, charges);
  }

  async entries(): Promise<Booked[]> {
    const entries = await this.all<Booked & { seq: number }>('entries');
    return entries.sort((a, b) => a.seq - b.seq);
  }

  private path(below: string): string {
    if (this.id === null) throw new Error('there is no subscription yet');
    return `/v1/subscriptions/${this.id}${below === '' ? '' : `/${below}`}`;
  }

  private async get<Body>(path: string): Promise<Body> {
    const reply = await this.stack.request('GET', path);
    if (reply.status !== 200) throw new Error(`GET ${path} answered ${reply.status} ${reply.text}`);
    return reply.body as Body;
  }

  /** A whole list, the oldest first. */
  private async all<Body>(list: string): Promise<Body[]> {
    const found: Body[] = [];
    for (let cursor = ''; ; ) {
      const page = await this.get<{ data: Body[]; has_more: boolean; next_cursor: string | null }>(
        `${this.path(list)}?limit=100&order=asc${cursor}`,
      );
      found.push(...page.data);
      if (!page.has_more) return found;
      cursor = `&cursor=${encodeURIComponent(page.next_cursor ?? '')}`;
    }
  }

  private async send(
    operation: string,
    method: string,
    path: string,
    body: unknown,
    key: string = randomUUID(),
  ): Promise<Reply> {
    const headers = { 'Idempotency-Key': key };
    const init = body === undefined ? { headers } : { headers, body };
    const reply = await this.stack.request(method, path, init);
    this.noteMade(operation, reply);
    if (operation !== 'advance') this.sent.push({ operation, method, path, body, key, reply });
    return reply;
  }

  /** An answer to a replay, or to a repeat for the same hold, names an object made before. */
  private noteMade(operation: string, { status, body }: Reply): void {
    if (status >= 300) return;
    const { id, usage_id: usageId } = (body ?? {}) as { id?: string; usage_id?: string | null };
    const note = (list: string[], made: string | null | undefined) => {
      if (made && !list.includes(made)) list.push(made);
    };
    if (operation === 'use') note(this.made.usage, id);
    if (operation === 'hold') note(this.made.holds, id);
    if (operation === 'capture') note(this.made.usage, usageId);
  }

  private madePath(list: 'holds' | 'usage', which: Made, below: string): string {
    const id = which === 'oldest' ? this.made[list][0] : this.made[list].at(-1);
    if (id === undefined) throw new Error(`there is no ${which} one in ${list} yet`);
    return `${list}/${id}/${below}`;
  }

  private async perform(step: Step, at: string, key: string): Promise<Answer> {
    const post = (below: string, body: unknown) => this.send(step.verb, 'POST', this.path(below), body, key);
    const put = (below: string, body: unknown) => this.send(step.verb, 'PUT', this.path(below), body, key);
    switch (step.verb) {
      case 'subscribe':
        return this.subscribe(step, at, key);
      case 'buy': {
        const { packs, pack, interval, method } = step;
        const body = {
          packs,
          ...optional('pack', pack),
          ...optional('interval', interval),
          ...optional('payment_method', method),
        };
        return answerOf(await post('purchases', body));
      }
      case 'add_on':
        return answerOf(await put('add_on', step.items ? { items: step.items } : { packs: step.packs }));
      case 'activate':
      case 'reprice':
        return answerOf(await post(step.verb, {}));
      case 'top_up': {
        const { threshold, packs, ceiling, pack } = step.wish ?? {};
        const wish = { threshold, packs, ...optional('pack', pack), monthly_ceiling_minor: ceiling };
        const body = step.wish ? wish : { enabled: false };
        return answerOf(await put('top_up', body));
      }
      case 'use': {
        const reply = await post('usage', { items: step.items, ...optional('via', step.via) });
        return answerOf(reply, usageData(reply.body, step.via));
      }
      case 'quote': {
        const reply = await post('quote', { items: step.items });
        return answerOf(reply, quoteData(reply.body));
      }
      case 'hold': {
        const { items, via, seconds } = step;
        const body = { items, ...optional('via', via), ...optional('expires_in_seconds', seconds) };
        const reply = await post('holds', body);
        return answerOf(reply, holdData(reply, via));
      }
      case 'capture': {
        const body = optional('credits', step.credits);
        const reply = await post(this.madePath('holds', step.which, 'capture'), body);
        return answerOf(reply, pick(reply.body, SETTLED));
      }
      case 'release': {
        const reply = await post(this.madePath('holds', step.which, 'release'), {});
        return answerOf(reply, pick(reply.body, SETTLED));
      }
      case 'reverse': {
        const body = { ...optional('credits', step.credits), reason: 'scenario' };
        const reply = await post(this.madePath('usage', step.which, 'reverse'), body);
        return answerOf(reply, pick(reply.body, REVERSED));
      }
      case 'cancel': {
        const reply = await post('cancel', { at: step.at });
        return answerOf(reply, pick(reply.body, { at_risk: 'credits_at_risk' }));
      }
      case 'resume':
        return answerOf(await post('resume', {}));
      case 'change':
      case 'preview': {
        const { plan, interval } = step;
        const preview = step.verb === 'preview' ? { preview: true } : {};
        const reply = await post('change', { plan, interval, ...preview });
        return answerOf(reply, changeData(reply.body));
      }
      case 'method':
        return answerOf(await put('payment_method', { payment_method: step.method }));
      case 'grant': {
        const { credits, until } = step;
        const term = until === null ? {} : { expires_at: wireMoment(until) };
        return answerOf(await post('grants', { credits, ...term, reason: 'scenario' }));
      }
      case 'refund': {
        const { id } = await this.purchase(step.which);
        const body = { ...optional('amount_minor', step.amount), reason: 'scenario' };
        const reply = await post(`purchases/${id}/refund`, body);
        return answerOf(reply, refundData(reply));
      }
      case 'revoke': {
        const last = (await this.all<GrantBody>('grants')).filter(({ kind }) => kind === 'adjustment').at(-1);
        const reply = await post(`grants/${last?.id}/revoke`, { reason: 'scenario' });
        return answerOf(reply, pick(reply.body, { revoked: 'revoked' }));
      }
      case 'allowance':
        return answerOf(await put('allowance', { credits: step.credits }));
      case 'foresee': {
        const query = encodeURIComponent(new Date(moment(step.at)).toISOString());
        const reply = await this.stack.request('GET', `${this.path('balance')}?at=${query}`);
        const { available, by_kind } = reply.body as BalanceBody;
        return answerOf(reply, strings({ available, ...by_kind }));
      }
      case 'advance':
        return answerOf(await post('advance', { to: wireMoment(step.to) }));
      case 'send': {
        const path = step.path.startsWith('/') ? step.path : this.path(step.path);
        return answerOf(await this.send(step.path, step.method, path, step.body, key));
      }
      case 'look':
      case 'again':
      case 'settle':
      case 'refunded':
      case 'dispute':
      case 'outage':
      case 'catalogue':
        throw new Error(`${step.verb} is not one request`);
    }
  }

  private async subscribe(step: Of<'subscribe'>, at: string, key: string): Promise<Answer> {
    const { plan, interval, zone, method, allowance, anchor, clock, trial } = step;
    const body = {
      customer_id: this.customerId,
      plan,
      interval,
      ...optional('time_zone', zone),
      ...optional('payment_method', method),
      ...optional('allowance', allowance),
      ...optional('trial', trial && trial === 'yes'),
      ...optional('anchor_at', anchor && wireMoment(anchor)),
      ...(clock === 'real' ? {} : { test_clock: { now: wireMoment(at) } }),
    };
    const reply = await this.send('subscribe', 'POST', '/v1/subscriptions', body, key);
    if (reply.status < 300 && reply.headers.get('idempotent-replayed') === null) {
      this.former = this.id;
      this.id = (reply.body as SubscriptionBody).id;
      this.made = { holds: [], usage: [] };
    }
    return answerOf(reply);
  }

  private async again({ step }: Of<'again'>, at: string): Promise<Answer> {
    const last = this.sent.findLast(({ operation }) => step === null || operation === step.verb);
    if (!last) throw new Error('no request to repeat');
    if (step !== null) return this.perform(step, at, last.key);
    const reply = await this.send(last.operation, last.method, last.path, last.body, last.key);
    const isSame = reply.status === last.reply.status && reply.text === last.reply.text;
    const replayed = reply.headers.get('idempotent-replayed') === 'true';
    return answerOf(reply, { replayed: replayed ? 'yes' : 'no', same: isSame ? 'yes' : 'no' });
  }

  /** The provider's signal comes through the inbox: done when the charge has changed, or had no reason to. */
  private async settle({ outcome, which }: Of<'settle'>): Promise<Answer> {
    const newestId = this.id;
    if (which === 'former') this.id = this.former;
    try {
      const charges = await this.all<ChargeBody>('charges');
      const pending = charges.filter(({ status }) => status === 'pending');
      const id = {
        newest: pending.at(-1)?.id,
        oldest: pending.at(0)?.id,
        last: charges.at(-1)?.id,
        again: this.settledLast,
        former: charges.at(-1)?.id,
      }[which];
      if (!id) throw new Error(`no charge to settle: ${which}`);
      this.settledLast = id;
      const reply = await this.stack.request('POST', `/v1/sandbox/charges/${id}/settle`, {
        body: { outcome },
      });
      const wasPending = pending.some((charge) => charge.id === id);
      if (reply.status < 300) await this.settled(id, wasPending);
      return answerOf(reply);
    } finally {
      this.id = newestId;
    }
  }

  private async purchase(which: Made): Promise<{ id: string; charge: ChargeBody }> {
    const all = await this.all<{ id: string; status: string; charge: ChargeBody }>('purchases');
    const paid = all.filter(({ status }) => status === 'paid');
    const found = which === 'oldest' ? paid[0] : paid.at(-1);
    if (!found) throw new Error('there is no paid purchase yet');
    return found;
  }

  /** The provider's report comes through the inbox: done when its effect on the add-on had time to arrive too. */
  private async sayBack(step: Of<'refunded' | 'dispute'>): Promise<Answer> {
    const { charge } = await this.purchase(step.which);
    const [path, body] =
      step.verb === 'refunded'
        ? ['refund', { refunded_minor: step.amount }]
        : ['dispute', { dispute: step.name, amount_minor: step.amount, status: step.status }];
    const reply = await this.stack.request('POST', `/v1/sandbox/charges/${charge.id}/${path}`, { body });
    await this.signalled();
    return answerOf(reply);
  }

  /** No message waits for the relay, and the workflow has booked the ledger's newest count for the add-on. */
  private async signalled(): Promise<void> {
    for (const until = Date.now() + 30_000; Date.now() < until; await sleep(50)) {
      const [row] = await this.stack.db.execute<{ signalled: boolean }>(sql`
        select not exists (select from inbox where subscription_id = s.id and relayed_at is null)
          and (s.status = 'ended' or coalesce((s.state->'withdrawn'->>'nth')::int, 0) = l.withdrawals) as signalled
        from subscriptions s join ledgers l on l.subscription_id = s.id where s.id = ${this.id}`);
      if (row?.signalled) return;
    }
    throw new Error(`messages of ${this.id} were not worked within 30 s`);
  }

  private async settled(chargeId: string, wasPending: boolean): Promise<void> {
    // A purchase that was written off may still be refunded: a signal's way through the workflow.
    if (!wasPending) return this.signalled().then(() => sleep(750));
    for (const until = Date.now() + 30_000; Date.now() < until; await sleep(50)) {
      const charge = await this.get<ChargeBody>(this.path(`charges/${chargeId}`));
      if (charge.status !== 'pending') return;
    }
    throw new Error(`the settlement of ${chargeId} was not worked within 30 s`);
  }
}

const SETTLED = { captured: 'captured', released: 'released' };
const REVERSED = {
  restored: 'restored',
  expired: 'expired_at_once',
  forfeited: 'forfeited_at_once',
  revoked_at_once: 'revoked_at_once',
};

const optional = <Name extends string, Value>(name: Name, value: Value | undefined) =>
  (value === undefined ? {} : { [name]: value }) as Partial<Record<Name, Value>>;

const strings = (values: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value ?? 'none')]));

function pick(body: unknown, names: Record<string, string>): Record<string, string> {
  const members = (body ?? {}) as Record<string, unknown>;
  return strings(Object.fromEntries(Object.entries(names).map(([key, name]) => [key, members[name]])));
}

function answerOf(reply: Reply, data: Record<string, string> = {}): Answer {
  if (reply.status === 202) return { outcome: 'pending', data };
  if (reply.status < 300) return { outcome: 'ok', data };
  const problem = (reply.body ?? {}) as { code?: string };
  return { outcome: problem.code ?? `status_${reply.status}`, data: problemData(reply.body) };
}

interface Offer {
  pack: string;
  packs: number;
  price: Money;
  expires_at: string | null;
}

/** R-83: null where credits live as long as the subscription. */
const until = (expiresAt: string | null): Instant => (expiresAt === null ? NEVER : moment(expiresAt));

function offerData(offer: Offer | null | undefined, contact: unknown): Record<string, string> {
  if (!offer) return strings({ packs: 'none', contact });
  return strings({
    pack: offer.pack,
    packs: offer.packs,
    price: offer.price.amount_minor,
    offer_until: showExpiry(until(offer.expires_at)),
  });
}

function problemData(body: unknown): Record<string, string> {
  const problem = (body ?? {}) as {
    code?: string;
    errors?: { pointer: string }[];
    needed?: number;
    available?: number;
    held?: number;
    shortfall?: number;
    next_refresh?: { at: string; credits: number } | null;
    offer?: Offer | null;
    contact?: string;
  };
  const pointer = problem.errors?.[0]?.pointer;
  if (problem.code !== 'insufficient_credits') return pointer === undefined ? {} : { pointer };
  const { needed, available, held, shortfall, next_refresh: next } = problem;
  return {
    ...strings({ needed, available, held, shortfall, brings: next?.credits }),
    next: next ? showMoment(moment(next.at)) : 'none',
    ...offerData(problem.offer, problem.contact),
  };
}

function usageData(body: unknown, via: string | undefined): Record<string, string> {
  const { credits, debits = [] } = (body ?? {}) as {
    credits?: number;
    debits?: { kind: GrantKind; credits: number }[];
  };
  const burned = debits.map((debit) => `${debit.kind}:${debit.credits}`).join(',') || 'nothing';
  return strings({ credits, burned, via });
}

function holdData({ status, body }: Reply, via: string | undefined): Record<string, string> {
  if (status >= 300) return {};
  const { deadline } = body as { deadline: string };
  return { ...usageData(body, via), deadline: showMoment(moment(deadline)) };
}

function refundData({ status, body }: Reply): Record<string, string> {
  if (status >= 300) return {};
  const { refunded, revoked, unrecoverable, add_on } = body as {
    refunded: Money;
    revoked: number;
    unrecoverable: number;
    add_on: { packs: number };
  };
  return strings({ revoked, unrecoverable, money: refunded.amount_minor, left_on: add_on.packs });
}

function quoteData(body: unknown): Record<string, string> {
  const quote = (body ?? {}) as {
    credits?: number;
    available?: number;
    sufficient?: boolean;
    offer?: Offer | null;
    contact?: string;
  };
  const { credits, available } = quote;
  const short = quote.sufficient === false ? offerData(quote.offer, quote.contact) : {};
  return { ...strings({ credits, available }), ...short };
}

function changeData(body: unknown): Record<string, string> {
  const { effective, charge, allowance_granted } = (body ?? {}) as {
    effective?: string;
    charge?: { amount?: Money; amount_minor?: number } | null;
    allowance_granted?: number;
  };
  const price = charge?.amount?.amount_minor ?? charge?.amount_minor ?? 0;
  return strings({ effective, price, brings: allowance_granted ?? 0 });
}

const instant = (text: string | null): Instant | null => (text === null ? null : moment(text));

function viewOf(
  subscription: SubscriptionBody,
  balance: BalanceBody,
  grants: GrantBody[],
  charges: ChargeBody[],
): View {
  const { next_renewal: renewal, scheduled_change: scheduled } = subscription;
  return {
    balances: { ...balance.by_kind, held: balance.held },
    status: subscription.status,
    plan: subscription.plan,
    interval: subscription.interval,
    anchorAt: instant(subscription.anchor_at),
    refreshAt: instant(subscription.next_refresh_at),
    renewal: renewal && { at: moment(renewal.at), chargeMinor: renewal.charge?.amount_minor ?? null },
    packs: subscription.add_on.packs,
    items: subscription.add_on.items,
    trialEndsAt: subscription.trial && moment(subscription.trial.ends_at),
    skipped: subscription.top_up?.skipped ?? null,
    scheduled: scheduledOf(scheduled, subscription),
    endedAt: instant(subscription.ended_at),
    grants: grants.map((grant) => ({
      kind: grant.kind,
      credits: grant.amount,
      effectiveAt: moment(grant.effective_at),
      expiresAt: until(grant.expires_at),
    })),
    charges: charges.map(({ kind, status, amount, refunded }) => ({
      kind,
      status,
      amountMinor: amount.amount_minor,
      refundedMinor: typeof refunded === 'number' ? refunded : refunded.amount_minor,
    })),
  };
}

function scheduledOf(
  scheduled: SubscriptionBody['scheduled_change'],
  { plan, interval }: SubscriptionBody,
): View['scheduled'] {
  if (scheduled === null) return null;
  const at = moment(scheduled.at);
  if (scheduled.kind === 'cancel') return { kind: 'cancel', at };
  return { kind: 'plan', at, plan: scheduled.plan ?? plan, interval: scheduled.interval ?? interval };
}
