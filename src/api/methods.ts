import { type Fault, invalid } from '../domain/errors.ts';
import type { Deps } from './context.ts';

const SANDBOX_METHODS = ['sandbox_ok', 'sandbox_declined', 'sandbox_pending'];

export function methodFaults(deps: Deps, method: string | undefined): Fault[] {
  if (deps.billing !== 'sandbox' || method === undefined || SANDBOX_METHODS.includes(method)) return [];
  return [
    {
      pointer: '/payment_method',
      detail: `must be one of ${SANDBOX_METHODS.join(', ')} with sandbox billing`,
    },
  ];
}

export function checkMethod(deps: Deps, method: string | undefined): void {
  const [fault] = methodFaults(deps, method);
  if (fault) throw invalid(fault);
}
