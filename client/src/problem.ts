import type { InsufficientCredits, Problem as Members } from './contract.ts';

export type ProblemCode = Members['code'];

/** One wrong member of a request: an RFC 6901 pointer into the body, or `?name`. */
export interface Fault {
  pointer: string;
  detail: string;
}

/** Members of the refused request, not of the refusal. */
export interface Asked {
  /** Send it with the repeat of this very request, and it has its effect once. */
  idempotencyKey: string | null;
  /** Seconds the answer asked to wait. */
  retryAfter: number | null;
}

class Refused extends Error {
  override readonly name = 'DrawdownProblem';
  declare readonly idempotencyKey: string | null;
  declare readonly retryAfter: number | null;
  declare readonly errors: readonly Fault[];
  readonly #body: Members;

  constructor(body: Members, asked: Asked) {
    super(body.detail);
    this.#body = body;
    // Not assigned: an answer overwrites no member of an error, and no member reaches the prototype.
    for (const [name, value] of Object.entries({ errors: [], ...asked, ...body }))
      if (!(name in this)) Object.defineProperty(this, name, { value, enumerable: true });
  }

  /** The problem as it came, for a back end to hand on to its page. */
  toJSON(): Members {
    return this.#body;
  }
}

/** A refusal with more to say than the members every problem has. */
export type OtherProblem = Omit<Members, 'code' | 'errors'> & {
  code: Exclude<ProblemCode, 'insufficient_credits'>;
};

/**
 * A refusal of the API (docs/errors.md), with the members of its code. Nothing was changed. Decide on `code`:
 * where it is `insufficient_credits`, `offer`, `shortfall` and the rest are there, typed.
 */
export type DrawdownProblem = Refused & (InsufficientCredits | OtherProblem);

export const DrawdownProblem = Refused as unknown as { new (body: Members, asked: Asked): DrawdownProblem };

/**
 * Nobody knows whether the request had its effect: no answer came, or none of Drawdown's, through all repeats. Send it again
 * with `idempotencyKey`: it has its effect once.
 */
export class DrawdownNoAnswer extends Error {
  override readonly name = 'DrawdownNoAnswer';
  readonly idempotencyKey: string | null;

  constructor(message: string, idempotencyKey: string | null, options?: { cause: unknown }) {
    super(message, options);
    this.idempotencyKey = idempotencyKey;
  }
}
