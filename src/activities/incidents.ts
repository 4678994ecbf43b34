import type { Database } from '../db/client.ts';
import { giveUpStep, type IncidentRecord } from '../db/incidents.ts';

/**
 * Data that the ledger can't hold (SQLSTATE classes 22 and 23), and broken invariants that its own functions raise (P0001): the
 * same statement fails the same way however often it is repeated.
 */
const HOPELESS = /^(22|23)...$|^P0001$/;

/** Why no repeat of a statement helps; null where one may. I15: names of constraints and our own texts, never a value. */
export function hopeless(error: unknown): { code: string; detail: string } | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, constraint_name: constraint, routine } = cause as Error & Record<string, unknown>;
    if (typeof code !== 'string' || !HOPELESS.test(code)) continue;
    return { code, detail: code === 'P0001' ? cause.message : String(constraint ?? routine ?? '') };
  }
  return null;
}

/** Books a step, or gives it up where no repeat helps: its command is refused, and an incident says why. */
export async function orGivenUp<Answer>(
  db: Database,
  subscriptionId: string,
  incident: Omit<IncidentRecord, 'code' | 'detail'>,
  work: () => Promise<Answer>,
): Promise<Answer | { kind: 'given_up' }> {
  try {
    return await work();
  } catch (error) {
    const why = hopeless(error);
    if (why === null) throw error;
    await giveUpStep(db, subscriptionId, { ...incident, ...why });
    return { kind: 'given_up' };
  }
}
