import { PLAN_IDS } from '../domain/catalog.ts';
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

// What billing says to a subscription, as commands: nobody waits for them. Anything that reaches Temporal may send these, and
// updates, past the API; an argument that no statement can book must not stop the workflow.

/** The year 3000: as far as the API's instants go. */
const END_OF_TIME = 32_503_680_000_000;
/** PostgreSQL's largest `integer`. */
const MOST = 2_147_483_647;

const isWhole = (value: unknown, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
const isInstant = (value: unknown): boolean => isWhole(value, 0, END_OF_TIME - 1);

const TYPE_OF: Record<string, Command['type']> = {
  [SIGNAL.paymentSettled]: 'payment_settled',
  [SIGNAL.cancelled]: 'cancel',
  [SIGNAL.planChanged]: 'change_plan',
  [SIGNAL.packsWithdrawn]: 'withdraw_packs',
};

/** The command a signal carries; null for one that carries none, or makes no sense. */
export function commandOf(signal: string, payload: object): Command | null {
  const type = TYPE_OF[signal];
  const command = { ...payload, type } as Command;
  return type !== undefined && makesSense(command) ? command : null;
}

/** An amount has a currency, and a currency an amount. */
const hasMoney = ({ amountMinor, currency }: { amountMinor?: number; currency?: string }): boolean =>
  amountMinor === undefined
    ? currency === undefined
    : Number.isSafeInteger(amountMinor) && amountMinor >= 0 && typeof currency === 'string';

/** Whether what another system signalled can be kept, and has the members its command needs. */
export const makesSense = (command: Command): boolean =>
  storageFault(command) === null && hasItsMembers(command);

/** Whether what is said of the ledger can be kept, and names its version and grants. */
export const isNews = (news: LedgerAdvanced | undefined): news is LedgerAdvanced =>
  Number.isSafeInteger(news?.version) && Array.isArray(news?.grants) && storageFault(news) === null;

/** Throws the refusal of an update that names no command, or holds what can't be kept. */
export function requireCommand({ command, ref }: UpdateRequest): void {
  requireStorable({ ...command, ...ref });
  if (!Object.hasOwn(UPDATE_OF, command?.type ?? '') || !isWhole(ref?.attempt, 1, MOST))
    throw invalid({ pointer: '', detail: 'is no command with its row' });
}

/** Throws the refusal of an advance to no instant. */
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
      return isWhole(command.packs, 0, MOST) && isWhole(command.nth, 0, MOST);
    case 'cancel':
      return (
        (command.at === 'now' || command.at === 'renewal') &&
        (command.reason === undefined || typeof command.reason === 'string')
      );
    case 'change_plan':
      return (
        typeof command.chargeId === 'string' &&
        PLAN_IDS.includes(command.plan) &&
        (command.interval === 'month' || command.interval === 'year')
      );
    default:
      return false;
  }
}
