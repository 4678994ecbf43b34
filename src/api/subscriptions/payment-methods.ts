import { type Fault, invalid } from '../../domain/errors.ts';
import { NO_METHOD } from '../../domain/state.ts';
import type { Deps } from '../deps.ts';

const SANDBOX_METHODS = ['sandbox_ok', 'sandbox_declined', 'sandbox_pending'];

/** The form of a payment method for each kind of billing; `byDefault` is for a start that names none. */
const METHODS: Record<Deps['billing'], { byDefault: string; fits(method: string): boolean; detail: string }> =
  {
    sandbox: {
      byDefault: 'sandbox_ok',
      fits: (method) => SANDBOX_METHODS.includes(method),
      detail: `must be one of ${SANDBOX_METHODS.join(', ')} with sandbox billing`,
    },
    stripe: {
      // It does not fit on purpose: only a contract may name none.
      byDefault: 'none',
      fits: (method) => /^(pm|card)_\w+$/.test(method),
      detail: 'must be a payment method of Stripe (pm_…)',
    },
    external: {
      byDefault: 'none',
      fits: () => true,
      detail: 'is a word of the system that owns billing',
    },
  };

/** The payment method of a start: the named one, or the billing's default. */
export const methodOf = (deps: Deps, wanted: string | undefined): string =>
  wanted ?? METHODS[deps.billing].byDefault;

/** the payment method of a start that asks for no money yet: none, unless another system collects it. */
export const laterMethodOf = (deps: Deps, wanted: string | undefined): string =>
  wanted ?? (deps.billing === 'external' ? METHODS.external.byDefault : NO_METHOD);

/** The faults of a payment method at `/payment_method`, none or one. */
export function methodFaults(deps: Deps, method: string | undefined): Fault[] {
  const { fits, detail } = METHODS[deps.billing];
  return method === undefined || fits(method) ? [] : [{ pointer: '/payment_method', detail }];
}

/** Throws `invalid_request` where the billing does not know the payment method. */
export function checkMethod(deps: Deps, method: string | undefined): void {
  const [fault] = methodFaults(deps, method);
  if (fault) throw invalid(fault);
}
