import type { ApplicationFailure } from '@temporalio/workflow';
import type { CommandRef } from '../db/ledger.ts';
import type { Instant } from '../domain/calendar.ts';
import { isAwaited, isEarly, type Settlement, withEarly } from '../domain/charge-outcomes.ts';
import type { Command } from '../domain/commands.ts';
import type { State } from '../domain/state.ts';

// Commands that wait for the loop, in order, and payments that came ahead of their charges.

/** A waiting command. `failure` is the answer to its caller when it was not carried out. */
export interface Queued {
  command: Command;
  /** null for a signal: no caller waits for an answer. */
  ref: CommandRef | null;
  done: boolean;
  failure: ApplicationFailure | null;
}

const waiting = (command: Command, ref: CommandRef | null = null): Queued => ({
  command,
  ref,
  done: false,
  failure: null,
});
const settlementCommand = (settlement: Settlement): Command => ({ ...settlement, type: 'payment_settled' });

/** A settlement as billing signals it. Only a run that kept one knows that it came ahead. */
export const settledNow = ({ isAhead: _, ...settlement }: Settlement): Command =>
  settlementCommand(settlement);

/** The queue of one run; `carried` are the commands that the run before it left. */
export function createQueue(carried: readonly Command[]) {
  const queue: Queued[] = carried.map((command) => waiting(command));
  let early: Settlement[] = [];

  return {
    get length(): number {
      return queue.length;
    },
    first: (): Queued | undefined => queue[0],
    add(command: Command, ref: CommandRef | null = null): Queued {
      const queued = waiting(command, ref);
      queue.push(queued);
      return queued;
    },
    addFirst(command: Command, ref: CommandRef): Queued {
      const queued = waiting(command, ref);
      queue.unshift(queued);
      return queued;
    },
    remove(queued: Queued): void {
      queue.splice(queue.indexOf(queued), 1);
    },
    /** Whether a caller waits for an answer to one of them. */
    hasCallers: (): boolean => queue.some(({ ref }) => ref !== null),
    /** a settlement counts from the provider's instant, so it comes before work that was due later. */
    paymentBefore: (due: { at: Instant } | null): Queued | undefined =>
      queue.find(({ command }) => command.type === 'payment_settled' && due !== null && command.at < due.at),
    /** keeps a settlement that came ahead of its charge. False for one that can't wait: it is refused on record. */
    keepEarly(state: State, settlement: Settlement): boolean {
      const kept = isEarly(state, settlement) ? withEarly(early, settlement) : early;
      early = kept ?? early;
      return kept !== null;
    },
    /** Queues the kept settlements whose charge is pending now. */
    recall(state: State): void {
      const due = early.filter((settlement) => isAwaited(state, settlement));
      early = early.filter((settlement) => !due.includes(settlement));
      queue.push(...due.map((settlement) => waiting(settlementCommand(settlement))));
    },
    /** All commands that the next run takes over. */
    left: (): Command[] => [...early.map(settlementCommand), ...queue.map(({ command }) => command)],
  };
}
