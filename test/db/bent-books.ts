import { type SQL, sql } from 'drizzle-orm';
import { expect } from 'vitest';
import { type ReconcileOptions, reconcile, type Unexplained } from '../../src/db/audit/reconcile.ts';
import type { Database } from '../../src/db/client.ts';
import { stem } from '../../src/domain/subscription.ts';
import { type LifeName, leadLives } from '../support/books.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Sound books with one row bent at a time, and the reconciler's sentence about it.

/** In these books nothing is on its way. */
export const AT_REST: ReconcileOptions = { patienceMs: 0 };

export type Fault = [what: string, bend: () => SQL, rule: string, problem: () => string];

export class BentBooks<Name extends string> {
  readonly stack: Stack;
  readonly ids: Record<Name, string>;

  constructor(stack: Stack, ids: Record<Name, string>) {
    this.stack = stack;
    this.ids = ids;
  }

  static async open<Name extends LifeName>(names?: Name[]): Promise<BentBooks<Name>> {
    const stack = await startStack();
    return new BentBooks(stack, await leadLives(stack, names));
  }

  charge(name: Name, rest: string): string {
    return `chg_${stem(this.ids[name])}_${rest}`;
  }

  grant(name: Name, rest: string): string {
    return `grt_${stem(this.ids[name])}_${rest}`;
  }

  of(name: Name): SQL {
    return sql`subscription_id = ${this.ids[name]}`;
  }

  async newestCharge(name: Name): Promise<string> {
    const [row] = await this.stack.db.execute<{ id: string }>(
      sql`select id from charges where ${this.of(name)} order by step desc limit 1`,
    );
    return row!.id;
  }

  /** The guards of the tables come off in a transaction that is rolled back after the look. */
  async foundAfter(bend: SQL | SQL[], wanted: ReconcileOptions = AT_REST): Promise<Unexplained[]> {
    let found: Unexplained[] = [];
    await this.stack.db
      .transaction(async (tx) => {
        await tx.execute(sql`set local session_replication_role = replica`);
        for (const statement of [bend].flat()) {
          const { count } = await tx.execute(statement);
          if (count !== 1) throw new Error(`${count} rows were bent, and one should be`);
        }
        found = (await reconcile(tx as unknown as Database, wanted)).unexplained;
        throw new Error('roll back');
      })
      .catch((error: Error) => {
        if (error.message !== 'roll back') throw error;
      });
    return found;
  }

  /** One row, under its rule, in exactly this sentence; when a message came is the database's clock. */
  async expectNamed(bend: SQL, rule: string, problem: string): Promise<void> {
    const found = await this.foundAfter(bend);
    const reported = found.map((row) => `${row.rule} ${row.problem.replace(/(message of )\S+/, '$1…')}`);
    expect(reported).toEqual([`${rule} ${problem}`]);
  }
}
