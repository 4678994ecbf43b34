import { and, asc, eq, gt, lte, sql } from 'drizzle-orm';
import type { Database } from '../src/db/client.ts';
import { entries, grants, ledgers, replies, type UsageAnswer, usages } from '../src/db/schema.ts';
import { digestOf, halfOf } from '../src/db/spend-batches.ts';
import { burnDown } from '../src/domain/burndown.ts';
import { DEFAULT_CATALOG } from '../src/domain/catalog/default.ts';
import { newId } from '../src/ids.ts';
import { BODIES, type Job, type Outcome } from './spend-load.ts';
import { pool } from './spend-stack.ts';
import type { Target } from './spend-targets.ts';

// The spend that most people would write: a transaction that locks the ledger's row, reads, decides in TypeScript and writes row
// by row. It keeps the same invariants over the same tables. For comparison only: this driver can tear a transaction of several
// statements (docs/architecture.md).

/** Spends with the naive transaction, a connection for each caller. */
export function naive(url: string, callers: number): Target {
  const db = pool(url, callers);
  return {
    spend: (_, job) => spend(db, job),
    close: () => db.$client.end({ timeout: 1 }),
  };
}

function spend(db: Database, { subscriptionId, key, body, isRepeat }: Job): Promise<Outcome> {
  const { credits, lines, hash } = BODIES[body]!;
  const mine = eq(grants.subscriptionId, subscriptionId);
  return db.transaction(async (tx): Promise<Outcome> => {
    const [ledger] = await tx
      .select()
      .from(ledgers)
      .where(eq(ledgers.subscriptionId, subscriptionId))
      .for('update');
    if (ledger?.status !== 'active') return { fault: 'subscription_not_active' };

    const digest = digestOf(subscriptionId, 'usage', key);
    const [reply] = await tx.select().from(replies).where(eq(replies.digest, digest));
    if (reply) {
      if (reply.bodyHash.replaceAll('-', '') !== halfOf(hash)) return { fault: 'idempotency_key_reused' };
      return isRepeat ? 'replayed' : { fault: 'a new key was known' };
    }

    const at = new Date(Math.max(Date.now(), ledger.askedAt?.getTime() ?? 0));
    const open = await tx
      .select()
      .from(grants)
      .where(and(mine, grants.open, lte(grants.effectiveAt, at), gt(grants.expiresAt, at)))
      .orderBy(sql`${grants.kind} <> 'allowance'`, asc(grants.expiresAt), asc(grants.made));
    const available = open.reduce((sum, grant) => sum + grant.remaining, 0);
    const debits = burnDown(open.map(asGrant), credits, at.getTime());
    if (debits === null) return 'short';

    const id = newId('use');
    let { seq, balance } = ledger;
    for (const debit of debits) {
      const grant = open.find((one) => one.id === debit.grant_id)!;
      const remaining = grant.remaining - debit.credits;
      await tx
        .update(grants)
        .set({ remaining, open: remaining + grant.held > 0 })
        .where(and(mine, eq(grants.id, grant.id)));
      seq += 1;
      balance -= debit.credits;
      await tx.insert(entries).values({
        ...{ subscriptionId, seq, kind: 'debit', credits: -debit.credits, grantId: grant.id },
        ...{ balanceAfter: balance, effectiveAt: at, usageId: id },
      });
    }

    const answer: UsageAnswer = {
      ...{ id, credits, lines, debits },
      balance: {
        available: available - credits,
        held: open.reduce((sum, grant) => sum + grant.held, 0),
      },
      ...{ catalog_version: DEFAULT_CATALOG.version, at: at.toISOString() },
    };
    await tx.insert(usages).values({ subscriptionId, id, at, credits, metadata: {}, answer });
    await tx.insert(replies).values({ subscriptionId, digest, bodyHash: halfOf(hash), objectId: id });
    await tx
      .update(ledgers)
      .set({ seq, balance, askedAt: at, workflowBehind: true })
      .where(eq(ledgers.subscriptionId, subscriptionId));
    return 'spent';
  });
}

const asGrant = ({ effectiveAt, expiresAt, taken: _, ...rest }: typeof grants.$inferSelect) => ({
  ...rest,
  kind: rest.kind as 'allowance' | 'pack' | 'adjustment',
  effectiveAt: effectiveAt.getTime(),
  expiresAt: expiresAt.getTime(),
});
