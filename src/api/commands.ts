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

// A command reaches the workflow through its row in `commands` (docs/architecture.md, Commands). The API writes the row before
// the call, the first statement with an effect takes it, and the API abandons it before it answers 503. So a 503 never takes
// effect later.

/** Milliseconds the API waits for a taken command to end; an advance has no limit. */
const TAKEN_TIMEOUT_MS = 30_000;

/** The status and JSON body of a command's first answer. */
export interface CommandAnswer {
  status: 200 | 201 | 202;
  body: unknown;
}

/** A command to run: its row, and how to send it and read its answer. */
interface CommandRun extends NewCommand {
  /** Sends the command; resolves when the workflow has carried it out. */
  send(row: CommandRow): Promise<void>;
  /** Builds the answer from the booked rows. */
  answer(row: CommandRow): Promise<CommandAnswer>;
  /** The API waits for a taken command without limit. */
  unlimited?: boolean;
  /** This process carries it out in repeatable steps: `runCommand` waits for the end and throws the command's own error. */
  isLocal?: boolean;
  /** True while another command must end first. */
  waitsFor?(row: CommandRow): Promise<boolean>;
}

/** A stored answer: JSON text, status, and whether an earlier request had stored it. */
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

/**
 * Runs a command once for its key; every repeat gets the same text (I10). Throws `idempotency_key_reused`,
 * `idempotency_in_progress`, the command's own refusal, or TemporalUnavailable where the command was not taken.
 */
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
    // Another copy of the request took effect before this one was refused: both get its answer.
    if (await isDone(db, refOf(row))) return;
    throw refusal;
  }
  // The call does not tell whether the workflow got the command: the row decides.
  if (await abandonCommand(db, refOf(row))) throw wanted.isLocal && first !== LATE ? first.error : notTaken();
  await awaitEnd(db, row, wanted.unlimited ? Number.POSITIVE_INFINITY : Date.now() + TAKEN_TIMEOUT_MS);
}

const LATE = 'late';
const late = () => pause(CALL_TIMEOUT_MS).then(() => LATE as typeof LATE);
const notTaken = () => new TemporalUnavailable('The command was not taken in time.');

/** The refusal of the workflow; null when the call failed, so that only the row can decide. */
function refusalFrom(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error;
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
    return null;
  const { type, message, details } = error.cause;
  if (!type || type === ABANDONED || !(type in PROBLEMS)) return null;
  return new Refusal(type as ProblemCode, message, (details?.[0] ?? {}) as Record<string, unknown>);
}

/** Waits until the row of a taken command is done or refused. */
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
