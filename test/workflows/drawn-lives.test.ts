import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reconcile } from '../../src/db/audit/reconcile.ts';
import { iso, NEVER } from '../../src/domain/calendar.ts';
import { nextInstant } from '../../src/domain/timeline.ts';
import { catalogFrom, type Drawn, drawnCatalogs } from '../domain/catalogs.ts';
import { expiryOf, type History, historiesOf, type Op } from '../domain/history.ts';
import { CoreDriver } from '../scenarios/core-driver.ts';
import type { View } from '../scenarios/driver.ts';
import { HttpDriver } from '../scenarios/http-driver.ts';
import type { Step } from '../scenarios/steps.ts';
import { sized } from '../support/campaign.ts';
import { expectSound } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Random lives of any product on the real stack: every answer and every view is the core's, and at the end each row has its reason.

const CATALOGS = sized(1, 10);
const LIVES = sized(4, 5);
const MOST_STEPS = sized(8, 14);

/** The step of an operation where both drivers can take it; null where it has no object yet, or is lived elsewhere. */
function stepOf(op: Op, core: CoreDriver): Step | null {
  const { state, book, catalog } = core.life;
  const charges = [...book.charges.values()];
  const hasPurchase = charges.some(({ kind, status }) => kind === 'purchase' && status === 'paid');
  switch (op.do) {
    case 'spend':
      return op.credits === 0 ? null : use(op.credits);
    case 'buy': {
      const { packs, pack, interval, method } = op;
      return {
        verb: 'buy',
        packs,
        ...given('pack', pack),
        ...given('interval', interval),
        ...given('method', method),
      };
    }
    case 'add_on':
      return { verb: 'add_on', packs: op.packs, ...given('items', op.items) };
    case 'change': {
      const plan = catalog.plans.find(({ id }) => id === op.plan)!;
      const isSold = plan.contract || plan.prices[op.interval] !== undefined;
      return isSold ? { verb: 'change', plan: op.plan, interval: op.interval } : null;
    }
    case 'activate':
    case 'reprice':
    case 'resume':
      return { verb: op.do };
    case 'top_up': {
      const { threshold, packs, pack } = op;
      return {
        verb: 'top_up',
        wish: threshold === null ? null : { threshold, packs, ceiling: 5_000, ...given('pack', pack) },
      };
    }
    case 'cancel':
      return { verb: 'cancel', at: op.at };
    case 'method':
      return { verb: 'method', method: op.method };
    case 'settle':
      return charges.some(({ status }) => status === 'pending')
        ? { verb: 'settle', outcome: op.outcome, which: 'newest' }
        : null;
    case 'grant': {
      const until = op.days === null ? null : iso(expiryOf(state.now, state.timeZone, op));
      return { verb: 'grant', credits: op.credits, until };
    }
    case 'refund':
      return hasPurchase ? { verb: 'refund', which: 'newest' } : null;
    case 'revoke':
      return [...book.grants.values()].some(({ kind }) => kind === 'adjustment') ? { verb: 'revoke' } : null;
    case 'allowance':
      return { verb: 'allowance', credits: op.credits };
    default:
      return null;
  }
}

const use = (quantity: number): Step => ({ verb: 'use', items: [{ feature: 'generate_look', quantity }] });
const given = <Name extends string, T>(name: Name, value: T | null | undefined) =>
  (value === null || value === undefined ? {} : { [name]: value }) as { [N in Name]?: T };

/** The members of a view; the core's charges have more. */
const seen = (view: View | null) =>
  view && {
    ...view,
    scheduled: view.scheduled && { ...view.scheduled, since: undefined },
    grants: view.grants.map((grant) => ({
      ...grant,
      expiresAt: grant.expiresAt === NEVER ? null : grant.expiresAt,
    })),
    charges: view.charges.map(({ kind, status, amountMinor, refundedMinor }) => ({
      ...{ kind, status, amountMinor, refundedMinor },
    })),
  };

/** The instant to which an operation moves the clock; null for the others. */
function targetOf(op: Op, { life }: CoreDriver): number | null {
  const { now } = life.state;
  if (op.do === 'days') return now + op.n * 86_400_000;
  if (op.do === 'outage') return now + op.days * 86_400_000;
  if (op.do !== 'to_due') return null;
  const next = nextInstant(life);
  return next === null ? null : Math.max(now, next + op.ms);
}

const startOf = (history: History, trial: string | undefined): Step => ({
  ...{ verb: 'subscribe', plan: history.plan, interval: history.interval, zone: history.timeZone },
  ...given('method', history.method),
  ...given('trial', trial),
});

async function live(stack: Stack, catalog: Drawn, history: History): Promise<void> {
  const core = new CoreDriver(catalogFrom(catalog, 30));
  const http = new HttpDriver(stack);
  const steps: string[] = [];
  const both = async (step: Step, at: string) => {
    steps.push(`${at} ${JSON.stringify(step)}`);
    const [expected, answer] = [await core.do(step, at), await http.do(step, at)];
    // The API looks at a body before the state.
    const isRefused = !['ok', 'pending'].includes(expected.outcome);
    if (!isRefused || answer.outcome !== 'invalid_request')
      expect(answer.outcome, steps.join('\n')).toBe(expected.outcome);
    expect(seen(await http.look()), steps.join('\n')).toEqual(seen(await core.look()));
    return expected.outcome;
  };
  const plan = catalog.plans.find(({ id }) => id === history.plan)!;
  const contract = plan.contract ? { allowance: 500 } : {};
  const first = { ...startOf(history, plan.trial && !history.trial ? 'no' : undefined), ...contract } as Step;
  if (!['ok', 'pending'].includes(await both(first, iso(history.at)))) return;
  for (const op of history.ops.slice(0, MOST_STEPS)) {
    const to = targetOf(op, core);
    if (to !== null) {
      steps.push(iso(to));
      await Promise.all([core.advance(to), http.advance(to)]);
      await both({ verb: 'look' }, iso(to));
    }
    const step = to === null ? stepOf(op, core) : null;
    if (step) await both(step, iso(core.life.state.now));
  }
  // one trial a customer, for ever.
  if (core.life.state.trialEndsAt === undefined) return;
  const now = iso(core.life.state.now);
  await both({ verb: 'cancel', at: 'now' }, now);
  expect(await both(startOf(history, 'yes'), now)).toBe(plan.trial ? 'trial_used' : 'invalid_request');
}

test(`${CATALOGS} drawn catalogues, ${LIVES} lives each: the stack lives them as the core does`, async () => {
  const seed = Number(process.env['DRAWDOWN_SEED'] ?? Date.now() & 0x7fffffff);
  process.stderr.write(`  drawn lives: seed ${seed}\n`);
  for (const [nth, catalog] of fc.sample(drawnCatalogs, { seed, numRuns: CATALOGS }).entries()) {
    const stack = await startStack({ catalog: catalogFrom(catalog, 30) });
    try {
      const lives = fc.sample(historiesOf(catalog), { seed, numRuns: LIVES });
      for (const [i, history] of lives.entries())
        await live(stack, catalog, { ...history, movedInMonths: null }).catch((error: Error) => {
          const where = `seed ${seed}, catalogue ${nth}, life ${i}`;
          throw new Error(`${where}: ${error.message}\nin ${JSON.stringify(catalog)}`, { cause: error });
        });
      expect((await reconcile(stack.db, { patienceMs: 0 })).unexplained).toEqual([]);
      await expectSound(stack.db);
    } finally {
      await stack.stop();
    }
  }
});
