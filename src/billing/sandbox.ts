import { sandboxPayer } from '../domain/timeline.ts';
import type { Gateway } from './gateway.ts';

/** Billing without a provider: the payment method decides the outcome, so that every path can be tried on a laptop. */
export function createSandbox(): Gateway {
  return {
    charge: async (charge) => sandboxPayer(charge),
    cancel: async () => 'cancelled',
    // No money moved: the ledger's record of the refund is enough.
    refund: async () => {},
    refundPart: async () => true,
  };
}
