import { sandboxPayer } from '../domain/timeline.ts';
import type { Gateway } from './gateway.ts';

/** Billing without a provider: the payment method says what happens, so that every path can be walked on a laptop. */
export function createSandbox(): Gateway {
  return {
    charge: async (charge) => sandboxPayer(charge),
    cancel: async () => 'cancelled',
    // No money moved: the ledger's record of the refund is all there is.
    refund: async () => {},
    refundPart: async () => true,
  };
}
