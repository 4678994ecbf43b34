import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { publishCatalog } from '../../src/db/catalogs.ts';
import { connect, type Database } from '../../src/db/client.ts';
import { openCommand } from '../../src/db/commands.ts';
import {
  type Booking,
  bookStep,
  type CommandRef,
  prepare,
  type Snapshot,
  snapshot,
} from '../../src/db/ledger.ts';
import { refundCharge } from '../../src/db/refunds.ts';
import { createSpending, type Spending } from '../../src/db/spend-batches.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { answered } from '../../src/domain/charge-outcomes.ts';
import { begin, type Command, decide, type Start } from '../../src/domain/commands.ts';
import { workThrough } from '../../src/domain/due.ts';
import type { Withdrawal } from '../../src/domain/refunds.ts';
import type { Decision, State } from '../../src/domain/state.ts';
import { sandboxPayer } from '../../src/domain/timeline.ts';
import { withTopUpRefunds } from '../../src/domain/top-up.ts';
import { newId } from '../../src/ids.ts';
import { afterOf } from '../../src/workflows/views.ts';
import type { Taken } from '../domain/model.ts';
import { createDatabase } from '../support/stack.ts';
import { bodyHash } from './raw-ledger.ts';

/** A life of the core's decisions on a ledger of its own: the work of a workflow, without a workflow. */
export class BookedLife {
  readonly db: Database;
  readonly id: string;
  state!: State;
  private readonly spending: Spending;
  private catalog: Catalog;
  private step = 0;
  private withdrawals = 0;

  private constructor(db: Database, id: string, catalog: Catalog) {
    this.db = db;
    this.id = id;
    this.catalog = catalog;
    this.spending = createSpending(db);
  }

  static async begin(start: Start, at: number, catalog: Catalog): Promise<BookedLife> {
    const db = connect(await createDatabase(), { max: 2 });
    await publishCatalog(db, catalog);
    const life = new BookedLife(db, start.id, catalog);
    await life.carryOut(begin(start, at, catalog));
    return life;
  }

  /** Drops its database. */
  async close(): Promise<void> {
    const { database } = this.db.$client.options;
    const { host, port, user, pass } = this.db.$client.options;
    await this.db.$client.end({ timeout: 2 });
    const admin = connect(`postgres://${user}:${pass}@${host[0]}:${port[0]}/postgres`, {
      max: 1,
      statementTimeoutMs: 60_000,
    });
    await admin.execute(sql.raw(`drop database ${database} with (force)`));
    await admin.$client.end({ timeout: 2 });
  }

  async take(step: Taken): Promise<void> {
    if ('advance' in step) return this.advance(step.advance);
    if ('command' in step) return this.command(step.command);
    if ('spend' in step) return this.spend(step.spend);
    if ('refund' in step) return this.refund(step.refund, step.toMinor);
    this.catalog = step.catalog;
    await publishCatalog(this.db, step.catalog);
  }

  private async command(wanted: Command): Promise<void> {
    const decision = decide(this.state, wanted, this.state.now, this.catalog);
    return this.carryOut(decision, await this.rowOf(wanted));
  }

  /** The row of a command that makes an object, as the API writes it before the call. */
  private async rowOf(wanted: Command): Promise<CommandRef | null> {
    const objectId =
      'grantId' in wanted
        ? wanted.grantId
        : 'purchaseId' in wanted
          ? wanted.purchaseId
          : 'chargeId' in wanted
            ? wanted.chargeId
            : null;
    if (objectId === null || wanted.type === 'payment_settled') return null;
    return openCommand(this.db, {
      ...{ scope: this.id, subscriptionId: this.id, operation: wanted.type },
      ...{ key: randomUUID(), bodyHash: bodyHash(wanted.type), objectId },
    });
  }

  private async advance(to: number): Promise<void> {
    for (let isThere = false; !isThere; ) {
      const decision = workThrough(this.state, to, this.catalog);
      await this.carryOut(decision);
      isThere = decision.reached;
    }
  }

  private async spend(credits: number): Promise<void> {
    const spent = await this.spending.submit({
      ...{
        subscriptionId: this.id,
        op: 'usage',
        id: newId('use'),
        key: randomUUID(),
        bodyHash: bodyHash('a'),
      },
      ...{ credits, lines: [{ feature: 'generate_look', quantity: credits, credits }], via: null },
      ...{ reference: null, metadata: {}, catalogVersion: this.catalog.version, seconds: null },
    });
    if (!('answer' in spent)) throw new Error(`not spent: ${JSON.stringify(spent)}`);
    this.learn((await snapshot(this.db, this.id))!);
  }

  /** the ledger's counts for the add-on come through the inbox. */
  private async refund(chargeId: string, toMinor: number): Promise<void> {
    const { kind } = await refundCharge(this.db, this.id, { chargeId, kind: 'refund', toMinor });
    if (kind !== 'ok') throw new Error(`the refund is ${kind}`);
    this.learn((await snapshot(this.db, this.id))!);
    const rows = await this.db.execute<{ payload: Withdrawal }>(
      sql`select payload from inbox where kind = 'packsWithdrawn' order by id offset ${this.withdrawals}`,
    );
    this.withdrawals += rows.length;
    for (const { payload } of rows) await this.command({ type: 'withdraw_packs', ...payload });
    await this.db.execute(
      sql`update inbox set relayed_at = now(), outcome = 'signalled' where relayed_at is null`,
    );
  }

  private learn({ grants, topUpRefunds }: Snapshot): void {
    this.state = withTopUpRefunds({ ...this.state, grants }, topUpRefunds);
  }

  private async carryOut(decision: Decision, command: CommandRef | null = null): Promise<void> {
    const { charge } = decision;
    const head = {
      step: this.step + 1,
      catalogVersion: this.catalog.version,
      ...{ catalogAt: null, command, conflict: null },
      begin: this.step === 0 ? { state: decision.state, metadata: {} } : null,
    };
    if (charge) await prepare(this.db, this.id, { ...head, charge });
    const outcome = charge && sandboxPayer(charge);
    const last = charge
      ? answered(decision.state, charge, outcome!, charge.attemptAt, this.catalog)
      : { state: decision.state, effects: [] };
    const booking: Booking = {
      ...head,
      effects: [...decision.effects, ...last.effects],
      after: afterOf(last.state, this.catalog),
      ...{ charge, outcome, finish: command !== null, refusal: null, discard: false },
    };
    const settled = await bookStep(this.db, this.id, booking);
    if (settled.kind !== 'booked') throw new Error(`the step was ${settled.kind}`);
    this.step += 1;
    this.state = { ...last.state, endedAt: settled.endedAt ?? last.state.endedAt };
    this.learn(settled);
  }
}
