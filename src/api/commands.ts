import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Database } from '../db/client.ts';
import {
  abandonCommand,
  answerCommand,
  type CommandRow,
  isDone,
  type NewCommand,
  openCommand,
  readCommand,
  refuseCommand,
} from '../db/commands.ts';
import type { CommandRef } from '../db/ledger.ts';
import { PROBLEMS, type ProblemCode, Refusal } from '../domain/errors.ts';
import { CALL_TIMEOUT_MS, TemporalUnavailable } from '../temporal.ts';
import { ABANDONED } from '../workflows/messages.ts';

// A command goes to the workflow through its row (docs/architecture.md, Commands): written before the call, taken by the first
// statement that has an effect, abandoned before its caller is told 503. So a 503 never takes effect later.

/** A command that was taken is waited for this long; an advance has no limit. */
const TAKEN_TIMEOUT_MS = 30_000;

export interface CommandAnswer {
  status: 200 | 201 | 202;
  body: unknown;
}

export interface CommandRun extends NewCommand {
  /** Sends the command; resolves when the workflow is done with it. */
  send(row: CommandRow): Promise<void>;
  /** Builds the answer from what was booked. */
  answer(row: CommandRow): Promise<CommandAnswer>;
  /** A taken command is waited for without limit. */
  unlimited?: boolean;
  /** All is done in this process, by what may be repeated: it is waited for, and its own error is told. */
  isLocal?: boolean;
  /** True while another command must end first. */
  waitsFor?(row: CommandRow): Promise<boolean>;
}

export interface Reply {
  text: string;
  status: number;
  replayed: boolean;
}

const refOf = ({ scope, operation, key, attempt }: CommandRow): CommandRef => ({
  scope,
  operation,
  key,
  attempt,
});
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const inProgress = () =>
  new Refusal(
    'idempotency_in_progress',
    'The first request with this key is still running: repeat it later.',
  );

/** Runs a command once for its key, whoever repeats it, and answers the same text to all. */
export async function runCommand(db: Database, wanted: CommandRun): Promise<Reply> {
  const row = await openCommand(db, wanted);
  if (row.bodyHash !== wanted.bodyHash) {
    if (row.status !== 'done') throw inProgress();
    throw new Refusal('idempotency_key_reused', 'The key was used for a request with another body.');
  }
  if (row.answer !== null && row.httpStatus !== null)
    return { text: row.answer, status: row.httpStatus, replayed: true };
  if (row.status !== 'done') await execute(db, row, wanted);
  return answerFor(db, row, wanted);
}

async function answerFor(db: Database, row: CommandRow, wanted: CommandRun): Promise<Reply> {
  const { status, body } = await wanted.answer(row);
  const { text, httpStatus, replayed } = await answerCommand(db, refOf(row), {
    text: JSON.stringify(body),
    httpStatus: status,
  });
  return { text, status: httpStatus, replayed };
}

async function execute(db: Database, row: CommandRow, wanted: CommandRun): Promise<void> {
  const sent = wanted.send(row).then(
    () => ({ error: null }),
    (error: unknown) => ({ error }),
  );
  let first = wanted.isLocal ? await sent : await Promise.race([sent, late()]);
  // a second advance waits for the first.
  while (first === LATE && wanted.waitsFor && (await wanted.waitsFor(row)))
    first = await Promise.race([sent, late()]);
  if (first !== LATE && first.error === null) return;
  const refusal = first === LATE ? null : refusalFrom(first.error);
  if (refusal) {
    const { code, message: detail, data } = refusal;
    await refuseCommand(db, refOf(row), { code, detail, data });
    // A copy that was asked again after another copy had taken effect is answered as that one.
    if (await isDone(db, refOf(row))) return;
    throw refusal;
  }
  // Nobody knows whether the workflow has it: the row decides.
  if (await abandonCommand(db, refOf(row))) throw wanted.isLocal && first !== LATE ? first.error : notTaken();
  await awaitEnd(db, row, wanted.unlimited ? Number.POSITIVE_INFINITY : Date.now() + TAKEN_TIMEOUT_MS);
}

const LATE = 'late';
const late = () => pause(CALL_TIMEOUT_MS).then(() => LATE as typeof LATE);
const notTaken = () => new TemporalUnavailable('The command was not taken in time.');

/** The refusal a workflow answered with; null when the call failed and only the row can tell. */
function refusalFrom(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error;
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
    return null;
  const { type, message, details } = error.cause;
  if (!type || type === ABANDONED || !(type in PROBLEMS)) return null;
  return new Refusal(type as ProblemCode, message, (details?.[0] ?? {}) as Record<string, unknown>);
}

/** Waits for the row of a taken command to end. */
async function awaitEnd(db: Database, row: CommandRow, until: number): Promise<void> {
  while (Date.now() < until) {
    const now = await readCommand(db, row);
    if (now?.status === 'done') return;
    if (now?.status === 'refused') throw refusalOfRow(now);
    if (now?.status !== 'taken') throw notTaken();
    await pause(100);
  }
  throw inProgress();
}

function refusalOfRow({ refusal }: CommandRow): Refusal {
  if (refusal === null)
    return new Refusal('idempotency_in_progress', 'Another copy of this request was refused: repeat it.');
  return new Refusal(refusal.code as ProblemCode, refusal.detail, refusal.data);
}
