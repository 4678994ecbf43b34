import { expect, test } from 'vitest';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { packsIn } from '../../src/domain/catalog/packs.ts';
import { advanceLife, command, moneyBack, nextInstant, startLife } from '../../src/domain/timeline.ts';
import { CASES, LIFE, ORDERS } from '../support/orders.ts';
import { expected } from '../support/orders-groups.ts';
import { type Books, live, START } from '../support/orders-sender.ts';

// All 720 orders of six events on the pure core. test/support/orders-groups.ts describes the events, and the orders that may
// differ. The same against the ledger's functions: test/db/orders.test.ts; against all of it: test/billing/orders.test.ts.

function openBooks(): Books {
  const start = { id: 'sub_x', customerId: 'ada', ...START };
  const life = startLife(start, LIFE.from, DEFAULT_CATALOG, () => 'pending');
  return {
    state: () => life.state,
    command: async (wanted) => void command(life, wanted),
    async advance(to) {
      const next = nextInstant(life);
      const isThere = next === null || next > to;
      advanceLife(life, isThere ? to : next);
      return isThere;
    },
    async returnCredits(chargeId, back) {
      if (life.book.charges.get(chargeId)?.status === 'pending') return false;
      moneyBack(life, chargeId, back);
      return true;
    },
    async stand() {
      const { status, endedAt, scheduled, addOn } = life.state;
      const endsAt = endedAt ?? scheduled?.at ?? null;
      const { charges, grants, entries } = life.book;
      return {
        status,
        endsAt,
        packs: packsIn(addOn),
        charges: [...charges.values()],
        grants: [...grants.values()],
        entries,
      };
    },
  };
}

test.each(CASES)('told $when, given back $howMuch, each twice, $twice: 720 orders', async (wanted) => {
  for (const order of ORDERS) {
    const { group, ...ledger } = expected(order, wanted);
    expect(await live(openBooks(), order, wanted), `${group}: ${order.join(', ')}`).toEqual(ledger);
  }
});

test('there are 720 orders, and no two groups have the same ledger', () => {
  expect(new Set(ORDERS.map((order) => order.join()))).toHaveProperty('size', 720);
  for (const wanted of CASES) {
    const ledgers = ORDERS.map((order) => expected(order, wanted));
    const names = new Set(ledgers.map(({ group }) => group));
    const texts = new Set(ledgers.map(({ reported, end }) => `${reported}\n${end}`));
    expect(texts.size).toBe(names.size);
  }
});
