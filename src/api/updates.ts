import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Context } from 'hono';
import type { CommandRow } from '../db/commands.ts';
import type { SubscriptionRow } from '../db/reads.ts';
import type { Command } from '../domain/commands.ts';
import { NOT_ACTIVE } from '../domain/eligibility.ts';
import { newId } from '../ids.ts';
import { CALL_TIMEOUT_MS } from '../temporal.ts';
import { HANDING_OVER, UPDATE_OF, workflowId } from '../workflows/messages.ts';
import { type CommandAnswer, type Reply, runCommand } from './commands.ts';
import type { Deps } from './deps.ts';
import { reply } from './replies.ts';
import type { Env, Input } from './route.ts';
import { subscriptionOr404 } from './subscriptions/found.ts';

/** A command as the routes and the pages ask for it. */
export interface Operation {
  /** With the subscription and the key it names the command for ever. */
  operation: string;
  id: string;
  /** The prefix of the id of what it makes. */
  makes?: string;
  /** What is asked, or a refusal: a key that was answered before never comes here (I10). */
  command(row: CommandRow): Command;
  answer(row: CommandRow, subscription: SubscriptionRow): Promise<CommandAnswer>;
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
