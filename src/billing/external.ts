import type { Gateway } from './gateway.ts';

/**
 * Billing by another system: it moves the money and says later how that went, so every charge waits for its settlement
 * . It finds what to collect among the charges, and what to give back: the record of a refund is all there is here.
 */
export function createExternal(): Gateway {
  return {
    charge: async () => 'pending',
    // What it has begun is its own; it hears of another payment method by an event, and tries again by itself.
    cancel: async () => 'kept',
    refund: async () => {},
    refundPart: async () => true,
  };
}
