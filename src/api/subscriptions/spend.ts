import type { z } from 'zod';
import { readReply, type SubscriptionRow } from '../../db/reads.ts';
import {
  type CreditReturn,
  digestOf,
  halfOf,
  type Shortfall,
  type SpendOutcome,
} from '../../db/spend-batches.ts';
import { iso } from '../../domain/calendar.ts';
import { problemWords } from '../../domain/catalog/brand.ts';
import type { Catalog } from '../../domain/catalog/catalog.ts';
import { nextRefresh } from '../../domain/catalog/offers.ts';
import { type Item, price } from '../../domain/catalog/rates.ts';
import { NOT_ACTIVE } from '../../domain/eligibility.ts';
import { invalid, Refusal } from '../../domain/errors.ts';
import { newId } from '../../ids.ts';
import type { Scope } from '../auth.ts';
import type { Reply } from '../commands.ts';
import type { Deps } from '../deps.ts';
import { notFound } from '../problems.ts';
import type { Definition, Input } from '../route.ts';
import type * as s from '../schemas.ts';
import { promptUrl } from '../tickets.ts';
import type { Once } from '../updates.ts';
import { subscriptionOr404 } from './found.ts';
import { offersFor } from './offers.ts';

// The routes of usage.ts and holds.ts that spend, hold and return credits have one way: they price, submit to the ledger, and turn
// its outcome into an answer or a refusal. One call of spend_batch serves each, which locks the ledger's row; Temporal is not asked.

type SpendHandler<Params extends z.ZodType, Body extends z.ZodType> = (
  input: Input<z.output<Params>, unknown, z.output<Body>>,
  scopes: readonly Scope[],
) => Promise<Reply>;

/** A route on both paths: its definition, and a handler that needs no Hono. */
export interface SpendRoute<Params extends z.ZodType = z.ZodType, Body extends z.ZodType = z.ZodType> {
  definition: Definition<Params, z.ZodType, Body>;
  respond: SpendHandler<Params, Body>;
}

/** Drops the types of a route's input: its own definition checks it. */
export const spendRoute = <Params extends z.ZodType, Body extends z.ZodType>(
  definition: Omit<Definition<Params, z.ZodType, Body>, 'method' | 'scope' | 'idempotent'>,
  respond: SpendHandler<Params, Body>,
): SpendRoute =>
  ({
    definition: { ...definition, method: 'post', scope: 'spend', idempotent: true },
    respond,
  }) as unknown as SpendRoute;

/** Items without undefined members: zod's `credits?: number | undefined` becomes present or absent. */
export const itemsOf = (items: z.output<typeof s.items>): Item[] =>
  items.map(({ feature, quantity, credits }) => ({
    feature,
    quantity,
    ...(credits === undefined ? {} : { credits }),
  }));

type KeyedInput = Once & { params: { id: string } };
type SpendInput = KeyedInput & { body: z.output<typeof s.usageRequest> };

/**
 * Spends (`usage`) or holds (`hold`, for `seconds`) the cost of the items, all or nothing. Throws `not_found`,
 * `insufficient_credits`, `subscription_not_active`, `payment_past_due`, `idempotency_key_reused` and the rate card's refusals.
 */
export async function spendItems(
  deps: Deps,
  input: SpendInput,
  op: 'usage' | 'hold',
  seconds: number | null,
  scopes: readonly Scope[],
): Promise<Reply> {
  for (;;) {
    const catalog = await deps.catalogs.current();
    const { outcome, needed } = await spendPriced(deps, input, catalog, op, seconds);
    // another catalogue came into force meanwhile: its prices count.
    if (outcome.kind === 'stale') deps.catalogs.forget();
    else return replyTo(deps, input, outcome, { status: 201, needed, catalog, scopes });
  }
}

async function spendPriced(
  deps: Deps,
  input: SpendInput,
  catalog: Catalog,
  op: 'usage' | 'hold',
  seconds: number | null,
): Promise<{ outcome: SpendOutcome; needed: number }> {
  const { params, body, key, bodyHash } = input;
  let cost: ReturnType<typeof price>;
  try {
    cost = price(catalog, itemsOf(body.items));
    if (op === 'hold' && cost.credits === 0)
      throw invalid({ pointer: '/items', detail: 'cost nothing: there is nothing to hold (R-70)' });
  } catch (refusal) {
    const before = await replayed(deps, input, op);
    if (before) return { outcome: before, needed: 0 };
    throw refusal;
  }
  const outcome = await deps.spending.submit({
    subscriptionId: params.id,
    op,
    id: newId(op === 'hold' ? 'hld' : 'use'),
    key,
    bodyHash,
    credits: cost.credits,
    lines: cost.lines,
    via: body.via ?? null,
    reference: body.reference ?? null,
    metadata: body.metadata,
    catalogVersion: catalog.version,
    seconds,
  });
  return { outcome, needed: cost.credits };
}

/** the answer of a key whose spend succeeded, also where the rate card of today refuses its lines. */
async function replayed(
  deps: Deps,
  { params, key, bodyHash }: SpendInput,
  op: string,
): Promise<SpendOutcome | null> {
  const stored = await readReply(deps.db, params.id, digestOf(params.id, op, key));
  if (!stored) return null;
  if (stored.bodyHash.replaceAll('-', '') !== halfOf(bodyHash)) return { kind: 'reused' };
  return { kind: 'replay', answer: JSON.stringify(stored.answer) };
}

/**
 * Captures or releases a hold, or reverses a usage. Neither prices nor the subscription's state matter. Throws
 * `not_found`, `hold_expired`, `hold_already_settled`, `capture_exceeds_hold`, `reversal_exceeds_usage`.
 */
export async function returnCredits(
  deps: Deps,
  input: KeyedInput,
  wanted: Pick<CreditReturn, 'op' | 'object' | 'credits'>,
): Promise<Reply> {
  const { params, key, bodyHash } = input;
  const request = { subscriptionId: params.id, key, bodyHash, usageId: newId('use'), ...wanted };
  return replyTo(deps, input, await deps.spending.submit(request), { status: 200 });
}

interface ReplyOptions {
  status: 200 | 201;
  needed?: number;
  catalog?: Catalog;
  /** The caller's scopes: a link into the wallet can buy, so only a key with `billing` gets one. */
  scopes?: readonly Scope[];
}

async function replyTo(
  deps: Deps,
  { params }: KeyedInput,
  outcome: SpendOutcome,
  { status, needed, catalog, scopes }: ReplyOptions,
): Promise<Reply> {
  switch (outcome.kind) {
    case 'ok':
      return { text: outcome.answer, status, replayed: false };
    case 'replay':
      return { text: compact(outcome.answer), status, replayed: true };
    case 'insufficient_credits': {
      const row = await subscriptionOr404(deps, params.id);
      const walletUrl = await promptUrl(deps, row.state.id, needed!, scopes ?? []);
      throw insufficient(row, needed!, outcome, catalog!, walletUrl);
    }
    default:
      throw refusalOf(outcome);
  }
}

/** Answers stored before 0.1.0 have the spaces that PostgreSQL writes; parsing keeps the order of members. */
const compact = (json: string): string => JSON.stringify(JSON.parse(json));

type RefusedSpend = Exclude<SpendOutcome, { kind: 'ok' | 'replay' } | Shortfall>;

function refusalOf(outcome: RefusedSpend): Refusal {
  switch (outcome.kind) {
    case 'not_found':
      return notFound();
    case 'reused':
      return new Refusal('idempotency_key_reused', 'The key was used for a request with another body.');
    case 'subscription_not_active':
      return NOT_ACTIVE();
    case 'payment_past_due':
      return new Refusal('payment_past_due', 'The last renewal is unpaid: spending goes on once it is paid.');
    case 'hold_expired':
      return new Refusal('hold_expired', 'The hold was released at its deadline.');
    case 'hold_already_settled':
      return new Refusal('hold_already_settled', 'The hold was captured or released before, in another way.');
    case 'capture_exceeds_hold':
      return new Refusal('capture_exceeds_hold', `The hold is of ${outcome.available} credits.`, {
        held: outcome.available,
        errors: [{ pointer: '/credits', detail: `must be at most ${outcome.available}` }],
      });
    case 'reversal_exceeds_usage':
      return new Refusal(
        'reversal_exceeds_usage',
        `Of this usage ${outcome.available} credits can still be reversed.`,
        { reversible: outcome.available },
      );
    case 'stale':
      throw new Error('only a spend depends on prices');
    default:
      return outcome satisfies never;
  }
}

/** the refusal of a spend, with an offer that would cover it. */
function insufficient(
  { state }: SubscriptionRow,
  needed: number,
  short: Shortfall,
  catalog: Catalog,
  walletUrl: string,
): Refusal {
  const { at, available, held } = short;
  const refresh = nextRefresh(state, catalog);
  const shortfall = needed - available;
  return new Refusal('insufficient_credits', `This needs ${needed} credits and ${available} are available.`, {
    subscription_id: state.id,
    needed,
    available,
    held,
    shortfall,
    next_refresh: refresh && { at: iso(refresh.at), credits: refresh.credits },
    ...offersFor(state, catalog, shortfall, at),
    words: problemWords(catalog.brand),
    wallet_url: walletUrl,
  });
}
