import { type Fault, invalid } from '../domain/errors.ts';
import type { Deps } from './context.ts';

const SANDBOX_METHODS = ['sandbox_ok', 'sandbox_declined', 'sandbox_pending'];

/** What a payment method looks like, by who bills. */
const METHODS: Record<Deps['billing'], { fits(method: string): boolean; detail: string }> = {
  sandbox: {
    fits: (method) => SANDBOX_METHODS.includes(method),
    detail: `must be one of ${SANDBOX_METHODS.join(', ')} with sandbox billing`,
  },
  stripe: {
    fits: (method) => /^(pm|card)_\w+$/.test(method),
    detail: 'must be a payment method of Stripe (pm_…)',
  },
};

export function methodFaults(deps: Deps, method: string | undefined): Fault[] {
  const { fits, detail } = METHODS[deps.billing];
  return method === undefined || fits(method) ? [] : [{ pointer: '/payment_method', detail }];
}

export function checkMethod(deps: Deps, method: string | undefined): void {
  const [fault] = methodFaults(deps, method);
  if (fault) throw invalid(fault);
}
