import type { Database } from '../db/client.ts';
import { giveUpStep, type IncidentRecord } from '../db/incidents.ts';
import { causesOf } from '../reason.ts';

/**
 * SQLSTATEs of statements that fail at every repeat: data that the ledger can't hold (classes 22 and 23), and broken
 * invariants that its own functions raise (P0001).
 */
const HOPELESS = /^(22|23)...$|^P0001$/;

/**
 * Why no repeat of a statement can succeed; null where one may. I15: it holds names of constraints and our own texts, never
 * values.
 */
export function hopeless(error: unknown): { code: string; detail: string } | null {
  for (const cause of causesOf(error)) {
    const { code, constraint_name: constraint, routine } = cause as Error & Record<string, unknown>;
    if (typeof code !== 'string' || !HOPELESS.test(code)) continue;
    return { code, detail: code === 'P0001' ? cause.message : String(constraint ?? routine ?? '') };
  }
  return null;
}

/** Books a step, or gives it up when no repeat can succeed: its command is refused, and an incident records the reason. */
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
