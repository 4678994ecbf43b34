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

/** A command of a route or a page: its name, its subscription and its two functions. */
export interface Operation {
  /** Names the command for ever, together with the subscription and the key. */
  operation: string;
  id: string;
  /** The prefix of the id of the object that it makes. */
  makes?: string;
  /** The command, or a refusal. A key that has an answer never calls it (I10). */
  command(row: CommandRow): Command;
  answer(row: CommandRow, subscription: SubscriptionRow): Promise<CommandAnswer>;
}

/** A request's identity: its key, and the hash of its input. */
export type Once = Pick<Input<unknown, unknown, unknown>, 'key' | 'bodyHash'>;

/** Runs a command through the subscription's workflow, once for its key. Throws `not_found` and all that `runCommand` throws. */
export async function run(deps: Deps, { key, bodyHash }: Once, wanted: Operation): Promise<Reply> {
  const { id, operation } = wanted;
  const { state } = await subscriptionOr404(deps, id);
  return runCommand(deps.db, {
    scope: id,
    operation,
    key,
    bodyHash,
    subscriptionId: id,
    objectId: newId(wanted.makes ?? 'cmd'),
    send: async (row) => {
      const asked = wanted.command(row);
      // R-52: an ended subscription has no workflow; its row decides.
      if (state.status === 'ended') throw NOT_ACTIVE();
      await update(deps, row, asked);
    },
    answer: async (row) => wanted.answer(row, await subscriptionOr404(deps, id)),
  });
}

/** `run` as Hono's response. */
export const command = async (
  deps: Deps,
  c: Context<Env>,
  once: Once,
  wanted: Operation,
): Promise<Response> => reply(c, await run(deps, once, wanted));

/** The id of a workflow update: operation, key and attempt, and which repeat of the send it is. */
export const updateId = ({ operation, key, attempt }: CommandRow, again = 0): string =>
  `${operation}/${key}#${attempt}${again > 0 ? `.${again}` : ''}`;

async function update(deps: Deps, row: CommandRow, wanted: Command): Promise<void> {
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

/** Sends an update again that met a hand-over to the next run: the command's row lets it take effect once. */
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
