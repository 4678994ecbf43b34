import { ApplicationFailure } from '@temporalio/common';
import { causesOf } from '../reason.ts';

/**
 * I15: turns an error into one that holds only its kind. A driver's error text holds SQL and parameters, and a failure goes
 * into the Temporal history.
 */
export function quietly<Request extends unknown[], Answer>(
  complaint: string,
  work: (...request: Request) => Promise<Answer>,
): (...request: Request) => Promise<Answer> {
  return async (...request) => {
    try {
      return await work(...request);
    } catch (error) {
      const message = `${complaint} (${codeOf(error)}).`;
      throw ApplicationFailure.create({ type: 'not_booked', message });
    }
  };
}

/** The innermost error code: a SQLSTATE, a system error, Stripe's code or kind of error, or the name of the error's class. */
function codeOf(error: unknown): string {
  const innermost = causesOf(error).at(-1);
  if (!innermost) return typeof error;
  const { code, type } = innermost as Error & { code?: unknown; type?: unknown };
  if (typeof code === 'string') return code;
  return typeof type === 'string' ? type : innermost.name;
}
