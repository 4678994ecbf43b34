import { createHash } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Context } from 'hono';
import type { Gateway, ReadEvent } from '../billing/gateway.ts';
import type { Database } from '../db/client.ts';
import type { CommandRow } from '../db/commands.ts';
import { releaseOverdue } from '../db/ledger.ts';
import { readSubscription, type SubscriptionRow } from '../db/reads.ts';
import type { Spending } from '../db/spending.ts';
import type { Catalog } from '../domain/catalog.ts';
import type { Command } from '../domain/commands.ts';
import { NOT_ACTIVE } from '../domain/eligibility.ts';
import { newId } from '../ids.ts';
import { CALL_TIMEOUT_MS, type Caller } from '../temporal.ts';
import { HANDING_OVER, UPDATE_OF, workflowId } from '../workflows/messages.ts';
import { type Answer, type Reply, runCommand } from './commands.ts';
import { notFound, type Rendered } from './problems.ts';
import type { Env, Input } from './route.ts';
import type { SubscriptionView } from './schemas.ts';
import type { Tickets } from './tickets.ts';
import { nowOf, subscriptionView } from './views.ts';
import type { Watch } from './watch.ts';

/** What the routes are made with; only the roots build it. */
export interface Deps {
  db: Database;
  /** What callers spend, hold and give back: it travels together. */
  spending: Spending;
  /** Links that open a wallet, once. */
  tickets: Tickets;
  /** Tells pages when what they show is another. */
  watch: Watch;
  temporal: Caller;
  catalogs: { current(): Promise<Catalog>; forget(): void };
  taskQueue: string;
  testMode: boolean;
  /** What new keys are named by. */
  keyMode: 'test' | 'live';
  /** In development: webhook endpoints may be at private addresses, and be spoken to over http. */
  allowsPrivateReceivers: boolean;
  billing: 'sandbox' | 'stripe' | 'external';
  /** What gives money back when an operator says so. */
  gateway: Pick<Gateway, 'refundPart'>;
  /** Reads what who bills sends to its webhook; null where the sandbox does, which sends nothing. */
  readEvent: ReadEvent | null;
  /** The address under which people and callers reach this server. */
  publicUrl: string;
  temporalUiUrl: string | undefined;
  temporalNamespace: string;
  log: (line: string) => void;
  /** Whether the ledger's schema and catalogue are up to date: until then everything that needs them answers 503. */
  isOpen(): boolean;
}

/** The subscription, or the 404 that foreign and missing ones share. */
export async function subscriptionOr404(deps: Deps, id: string): Promise<SubscriptionRow> {
  const row = await readSubscription(deps.db, id);
  if (!row) throw notFound();
  if (row.nextDeadline === null || row.nextDeadline > nowOf(row)) return row;
  // R-72: what is past its deadline is released by whoever comes first.
  await releaseOverdue(deps.db, id);
  return (await readSubscription(deps.db, id)) ?? row;
}

/** A subscription as the contract shows it, under the catalogue in force. */
export async function shown(deps: Deps, row: SubscriptionRow): Promise<SubscriptionView> {
  return subscriptionView(row, await deps.catalogs.current());
}

export const reply = (c: Context<Env>, done: Reply): Response => {
  const { status, headers, text } = replyOf(done);
  return c.body(text, status as 200, headers);
};

export function replyOf({ text, status, replayed }: Reply): Rendered {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (replayed) headers['Idempotent-Replayed'] = 'true';
  return { text, status, headers };
}

/** An answer with an ETag over all but `as_of`; 304 when the caller has it. */
export function tagged(c: Context<Env>, body: Record<string, unknown>): Response {
  const { as_of: _, ...rest } = body;
  const tag = `"${createHash('sha256').update(JSON.stringify(rest)).digest('base64url').slice(0, 22)}"`;
  c.header('ETag', tag);
  const known = (c.req.header('If-None-Match') ?? '')
    .split(',')
    .map((value) => value.trim().replace(/^W\//, ''));
  return known.includes(tag) || known.includes('*') ? c.body(null, 304) : c.json(body);
}

/** A command as the routes and the pages ask for it. */
export interface Operation {
  /** With the subscription and the key it names the command for ever. */
  operation: string;
  id: string;
  /** The prefix of the id of what it makes. */
  makes?: string;
  /** What is asked, or a refusal: a key that was answered before never comes here (I10). */
  command(row: CommandRow): Command;
  answer(row: CommandRow, subscription: SubscriptionRow): Promise<Answer>;
}

/** What tells one request from another: its key, and a fingerprint of what is asked. */
export type Once = Pick<Input<unknown, unknown, unknown>, 'key' | 'bodyHash'>;

/** Runs one command through the subscription's workflow, once for its key. */
export async function run(deps: Deps, { key, bodyHash }: Once, wanted: Operation): Promise<Reply> {
  const { id, operation } = wanted;
  await subscriptionOr404(deps, id);
  return runCommand(deps.db, {
    scope: id,
    operation,
    key,
    bodyHash,
    subscriptionId: id,
    objectId: newId(wanted.makes ?? 'cmd'),
    send: async (row) => update(deps, row, wanted.command(row)),
    answer: async (row) => wanted.answer(row, await subscriptionOr404(deps, id)),
  });
}

export const command = async (
  deps: Deps,
  c: Context<Env>,
  once: Once,
  wanted: Operation,
): Promise<Response> => reply(c, await run(deps, once, wanted));

export const updateId = ({ operation, key, attempt }: CommandRow, again = 0): string =>
  `${operation}/${key}#${attempt}${again > 0 ? `.${again}` : ''}`;

async function update(deps: Deps, row: CommandRow, wanted: Command): Promise<void> {
  // R-52: nothing runs for an ended subscription any more; the row is the truth for callers.
  const { state } = await subscriptionOr404(deps, row.subscriptionId);
  if (state.status === 'ended') throw NOT_ACTIVE();
  if (wanted.type === 'payment_settled' || wanted.type === 'withdraw_packs')
    throw new Error(`${wanted.type} goes through the inbox`);
  const { scope, operation, key, attempt } = row;
  const args: [unknown] = [{ command: wanted, ref: { scope, operation, key, attempt } }];
  await throughHandOvers((again) =>
    deps.temporal.call((client) =>
      client.workflow
        .getHandle(workflowId(row.subscriptionId))
        .executeUpdate<void, [unknown]>(UPDATE_OF[wanted.type], { args, updateId: updateId(row, again) }),
    ),
  );
}

/** An update that meets a hand-over to the next run is sent again: the command row lets it take effect once. */
async function throughHandOvers(send: (again: number) => Promise<void>): Promise<void> {
  const until = Date.now() + CALL_TIMEOUT_MS;
  for (let again = 0; ; again += 1) {
    try {
      return await send(again);
    } catch (error) {
      if (!metHandOver(error) || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function metHandOver(error: unknown): boolean {
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
    return false;
  return [HANDING_OVER, 'AcceptedUpdateCompletedWorkflow'].includes(error.cause.type ?? '');
}
