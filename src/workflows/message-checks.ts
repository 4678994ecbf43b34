import { INTERVALS, NEVER } from '../domain/calendar.ts';
import type { Command } from '../domain/commands.ts';
import { invalid } from '../domain/errors.ts';
import { requireStorable, storageFault } from '../domain/text.ts';
import {
  type AdvanceRequest,
  type LedgerAdvanced,
  SIGNAL,
  UPDATE_OF,
  type UpdateRequest,
} from './messages.ts';

// Checks of messages before they reach the loop. Anyone with access to Temporal may send signals and updates past the API,
// and an argument that no statement can book must not stop the workflow.

/** PostgreSQL's largest `integer`. */
const MOST = 2_147_483_647;

const isWhole = (value: unknown, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
const isInstant = (value: unknown): boolean => isWhole(value, 0, NEVER - 1);

const TYPE_OF: Record<string, Command['type']> = {
  [SIGNAL.paymentSettled]: 'payment_settled',
  [SIGNAL.cancelled]: 'cancel',
  [SIGNAL.planChanged]: 'change_plan',
  [SIGNAL.packsWithdrawn]: 'withdraw_packs',
};

/** The command of a signal; null for another signal, or one with wrong members. */
export function commandOf(signal: string, payload: object): Command | null {
  const type = TYPE_OF[signal];
  const command = { ...payload, type } as Command;
  return type !== undefined && makesSense(command) ? command : null;
}

/** An amount comes with its currency, or both are absent. */
const hasMoney = ({ amountMinor, currency }: { amountMinor?: number; currency?: string }): boolean =>
  amountMinor === undefined
    ? currency === undefined
    : Number.isSafeInteger(amountMinor) && amountMinor >= 0 && typeof currency === 'string';

/** Packs by id; a number in a signal of before packs had ids. */
const isPacks = (packs: unknown): boolean =>
  isWhole(packs, 0, MOST) ||
  (Array.isArray(packs) &&
    packs.every((item) => typeof item?.pack === 'string' && isWhole(item?.quantity, 1, MOST)));

/** Whether the command of a signal can be stored, and has the members it needs. */
export const makesSense = (command: Command): boolean =>
  storageFault(command) === null && hasItsMembers(command);

/** Whether news of the ledger can be stored, and names a version and grants. */
export const isNews = (news: LedgerAdvanced | undefined): news is LedgerAdvanced =>
  Number.isSafeInteger(news?.version) && Array.isArray(news?.grants) && storageFault(news) === null;

/** Throws `invalid_request` for an update without a known command and its row, or with text that can't be stored. */
export function requireCommand({ command, ref }: UpdateRequest): void {
  requireStorable({ ...command, ...ref });
  if (!Object.hasOwn(UPDATE_OF, command?.type ?? '') || !isWhole(ref?.attempt, 1, MOST))
    throw invalid({ pointer: '', detail: 'is no command with its row' });
}

/** Throws `invalid_request` for an advance without an instant and its row. */
export function requireAdvance({ to, ref }: AdvanceRequest): void {
  requireStorable(ref);
  if (!isInstant(to) || !isWhole(ref?.attempt, 1, MOST))
    throw invalid({ pointer: '/to', detail: 'is no instant with its row' });
}

function hasItsMembers(command: Command): boolean {
  switch (command.type) {
    case 'payment_settled':
      return (
        typeof command.chargeId === 'string' &&
        (command.outcome === 'paid' || command.outcome === 'declined') &&
        isInstant(command.at) &&
        (command.attempt === undefined || isWhole(command.attempt, 1, MOST)) &&
        hasMoney(command)
      );
    case 'withdraw_packs':
      return isPacks(command.packs) && isWhole(command.nth, 0, MOST);
    case 'cancel':
      return (
        (command.at === 'now' || command.at === 'renewal') &&
        (command.reason === undefined || typeof command.reason === 'string')
      );
    case 'change_plan':
      return (
        typeof command.chargeId === 'string' &&
        /^[a-z0-9_]{1,40}$/.test(command.plan) &&
        INTERVALS.includes(command.interval)
      );
    default:
      return false;
  }
}
