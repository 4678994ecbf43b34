import { PLAN_IDS } from '../domain/catalog.ts';
import type { Command } from '../domain/commands.ts';
import { SIGNAL } from './messages.ts';

// What billing says to a subscription, as commands: nobody waits for them.

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

/** Whether what another system signalled has the members its command needs. */
export function makesSense(command: Command): boolean {
  switch (command.type) {
    case 'payment_settled':
      return (
        typeof command.chargeId === 'string' &&
        (command.outcome === 'paid' || command.outcome === 'declined') &&
        Number.isSafeInteger(command.at) &&
        (command.attempt === undefined || Number.isSafeInteger(command.attempt)) &&
        hasMoney(command)
      );
    case 'withdraw_packs':
      return Number.isSafeInteger(command.packs) && Number.isSafeInteger(command.nth) && command.packs >= 0;
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
