import { z } from 'zod';
import { type CommandRow, isAdvancing, readCommand } from '../../db/commands.ts';
import { advanceEnded } from '../../db/ledger.ts';
import { firedSince } from '../../db/reads.ts';
import { boundary, type Instant, iso } from '../../domain/calendar.ts';
import { invalid, Refusal } from '../../domain/errors.ts';
import { nudge } from '../../relay/nudges.ts';
import {
  ADVANCE_CLOCK,
  type AdvanceAnswer,
  type AdvanceRequest,
  workflowId,
} from '../../workflows/messages.ts';
import { type CommandAnswer, type Reply, runCommand } from '../commands.ts';
import type { Deps } from '../deps.ts';
import { reply } from '../replies.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { type Once, updateId } from '../updates.ts';
import { subscriptionOr404 } from './found.ts';

// POST /v1/subscriptions/{id}/advance: a command to the workflow, which books everything due up to the instant. The clock
// of an ended subscription moves with one call of advance_ended; Temporal is not asked then.

/** An advance over more months is more likely a slip than a test. */
const MAX_ADVANCE_MONTHS = 1_200;

/** Registers the advance of a test clock. */
export function advanceRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/advance',
      summary: 'Move a test clock forward through everything due',
      scope: 'operator',
      params: s.byId,
      body: z.strictObject({ to: s.instant }),
      idempotent: true,
      answers: {
        200: {
          description: 'The clock stands there',
          schema: z.object({
            now: z.string(),
            fired: z.array(z.object({ at: z.string(), kind: z.string(), credits: z.int().optional() })),
          }),
        },
      },
    },
    async (c, input) => reply(c, await advance(deps, input.params.id, s.toInstant(input.body.to), input)),
  );
}

/** Moves a test clock, once for the key, and lists the booked entries. Throws `not_a_test_clock`, `invalid_request`. */
export async function advance(deps: Deps, id: string, to: Instant, { key, bodyHash }: Once): Promise<Reply> {
  await subscriptionOr404(deps, id);
  return runCommand(deps.db, {
    scope: id,
    operation: 'advance',
    key,
    bodyHash,
    subscriptionId: id,
    objectId: id,
    unlimited: true,
    waitsFor: (row) => isAdvancing(deps.db, row),
    send: (row) => sendAdvance(deps, row, to),
    answer: (row) => advanced(deps, row, to),
  });
}

async function sendAdvance(deps: Deps, row: CommandRow, to: Instant): Promise<void> {
  const { state, testClock } = await subscriptionOr404(deps, row.subscriptionId);
  if (testClock === null) throw new Refusal('not_a_test_clock', 'The subscription runs on real time.');
  // While another advance runs, its target is not known here: the workflow refuses.
  if (to < testClock && !(await isAdvancing(deps.db, row)))
    throw invalid({ pointer: '/to', detail: `must not lie before the clock's now, ${iso(testClock)}` });
  if (to > boundary(testClock, 'UTC', MAX_ADVANCE_MONTHS))
    throw invalid({ pointer: '/to', detail: 'must lie within 100 years of the clock’s now' });
  if (state.status === 'ended' && state.waiting.length === 0) return advanceEnded(deps.db, state.id, to);
  // a spend before now may start a top-up before the clock goes on.
  if (state.topUp?.wish) await nudge(deps, state.id);
  const { scope, operation, key, attempt } = row;
  const request: AdvanceRequest = { to, ref: { scope, operation, key, attempt } };
  // A run that hands over meanwhile answers `done: false`: the next run gets the update again.
  for (let again = 0, done = false; !done; again += 1) {
    const handle = await deps.temporal.call(async (client) =>
      client.workflow
        .getHandle(workflowId(row.subscriptionId))
        .startUpdate<AdvanceAnswer, [AdvanceRequest]>(ADVANCE_CLOCK, {
          args: [request],
          updateId: updateId(row, again),
          waitForStage: 'ACCEPTED',
        }),
    );
    // Without the call's timer: years take longer. Where this call fails, the command's row holds the outcome.
    ({ done } = await handle.result());
    if (!done) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function advanced(deps: Deps, row: CommandRow, to: Instant): Promise<CommandAnswer> {
  const taken = await readCommand(deps.db, row);
  const fired = taken?.step
    ? await firedSince(deps.db, row.subscriptionId, taken.fromSeq ?? 0, taken.step)
    : [];
  return {
    status: 200,
    body: {
      now: iso(to),
      fired: fired.map(({ at, kind, credits }) => ({
        at: iso(at),
        kind,
        ...(credits === null ? {} : { credits }),
      })),
    },
  };
}
