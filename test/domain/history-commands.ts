import type { Command } from '../../src/domain/commands.ts';
import type { Life } from '../../src/domain/timeline.ts';
import { expiryOf, type Op } from './history.ts';

/** The workflow's commands; the other operations move the clock or concern the ledger alone. */
export type CommandOp = Extract<
  Op,
  {
    do:
      | ('buy' | 'add_on' | 'change' | 'activate' | 'reprice' | 'cancel' | 'resume' | 'method' | 'grant')
      | ('revoke' | 'allowance' | 'top_up');
  }
>;

/** The command of an operation on a life. `nth` makes the ids of its rows. */
export function commandOf(
  op: CommandOp,
  nth: number,
  { state, book }: Pick<Life, 'state' | 'book'>,
): Command {
  switch (op.do) {
    case 'buy':
      return {
        type: 'buy_packs',
        purchaseId: `pur_${nth}`,
        packs: op.packs,
        pack: op.pack ?? null,
        interval: op.interval,
        paymentMethod: op.method,
      };
    case 'add_on':
      return { type: 'set_add_on', packs: op.packs, items: op.items ?? null };
    case 'activate':
      return { type: 'activate', chargeId: `chg_${nth}` };
    case 'reprice':
      return { type: 'reprice' };
    case 'top_up': {
      const { packs, pack, threshold } = op;
      if (threshold === null) return { type: 'set_top_up', wish: null };
      return { type: 'set_top_up', wish: { threshold, packs, pack, monthlyCeilingMinor: 5_000 } };
    }
    case 'change':
      return { type: 'change_plan', chargeId: `chg_${nth}`, plan: op.plan, interval: op.interval };
    case 'cancel':
      return { type: 'cancel', at: op.at };
    case 'resume':
      return { type: 'resume' };
    case 'method':
      return { type: 'set_payment_method', paymentMethod: op.method };
    case 'grant':
      return {
        type: 'issue_grant',
        grantId: `grt_${nth}`,
        credits: op.credits,
        expiresAt: expiryOf(state.now, state.timeZone, op),
        reason: 'model',
      };
    case 'revoke':
      return {
        type: 'revoke_grant',
        grantId: [...book.grants.keys()].at(op.n) ?? 'grt_none',
        reason: 'model',
      };
    case 'allowance':
      return { type: 'set_allowance', credits: op.credits };
  }
}
