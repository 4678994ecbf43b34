import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publishCatalog } from '../../src/db/catalogs.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { type Stack, startStack } from '../support/stack.ts';

// the parts that a new catalogue must keep, and the instant from which it counts.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

const edited = (version: string, change: (catalog: Catalog) => void): Catalog => {
  const catalog = { ...structuredClone(DEFAULT_CATALOG), version };
  change(catalog);
  return catalog;
};

async function subscribe(customer: string, plan: string, interval: string): Promise<string> {
  const body = { customer_id: customer, plan, interval, test_clock: { now: '2026-01-17T00:00:00Z' } };
  const { status, body: started } = await stack.request('POST', '/v1/subscriptions', { body });
  expect(status).toBe(201);
  return `/v1/subscriptions/${(started as { id: string }).id}`;
}

describe('a catalogue is refused at start when', () => {
  test('it has other content under a known version (R-07)', async () => {
    const other = edited(DEFAULT_CATALOG.version, (catalog) => {
      catalog.packs[0]!.credits = 301;
    });
    await expect(publishCatalog(stack.db, other)).rejects.toThrow(/new version/);
  });

  test('it lacks the plan of a live subscription, the plan one will change to, or a pack that renews (R-08)', async () => {
    const path = await subscribe('keeps', 'pro', 'month');
    await stack.request('POST', `${path}/purchases`, { body: { packs: 1 } });
    await stack.request('POST', `${path}/change`, { body: { plan: 'business', interval: 'month' } });
    const lacking = edited('lacking', (catalog) => {
      catalog.plans = catalog.plans.filter(({ id }) => id === 'creator');
      catalog.packs = catalog.packs.filter(({ on }) => on.includes('year'));
    });
    const id = path.slice(path.lastIndexOf('/') + 1);
    await expect(publishCatalog(stack.db, lacking)).rejects.toThrow(
      [
        'The catalogue lacking would strand live subscriptions, and nothing was changed:',
        `  no plan business by the month: ${id} has it (R-08)`,
        `  no plan pro by the month: ${id} has it (R-08)`,
        `  no pack pack_300 on the plan pro by the month: ${id} has it in the add-on (R-08)`,
      ].join('\n'),
    );
  });
});

test('R-36: a plan in use can’t become a contract, nor a contract a plan with a price', async () => {
  await subscribe('pays by card', 'business', 'month');
  const body = { customer_id: 'by contract', plan: 'enterprise', interval: 'year', allowance: 5 };
  await stack.request('POST', '/v1/subscriptions', { body });
  const turned = edited('turned', ({ plans }) => {
    Object.assign(plans.find(({ id }) => id === 'business')!, { contract: true, prices: {}, credits: null });
    Object.assign(plans.find(({ id }) => id === 'enterprise')!, {
      contract: false,
      prices: { month: 5_000, year: 50_000 },
      credits: 9,
    });
  });
  const refusal = await publishCatalog(stack.db, turned).catch((error: Error) => error.message);
  expect(refusal).toMatch(
    /the plan business is a contract now: 2 subscriptions have it, such as sub_\w+ \(R-36\)/,
  );
  expect(refusal).toMatch(/the plan enterprise is no contract any more: sub_\w+ has it \(R-36\)/);
});

test('R-08b: another currency is refused while one lives that was charged in the first', async () => {
  const euro = edited('euro', (catalog) => {
    catalog.currency = 'EUR';
  });
  await subscribe('pays in dollars', 'creator', 'month');
  await expect(publishCatalog(stack.db, euro)).rejects.toThrow(
    /the currency is EUR, and 3 subscriptions, such as sub_\w+, were charged in USD \(R-08b\)/,
  );
});

test('R-07 R-08: a new catalogue counts from then on, for spends and for boundaries; the past keeps its own', async () => {
  const path = await subscribe('moves', 'creator', 'month');
  const look = { items: [{ feature: 'generate_look', quantity: 1 }] };
  const before = await stack.request('POST', `${path}/usage`, { body: look });
  await publishCatalog(
    stack.db,
    edited('dearer', (catalog) => {
      catalog.features.find(({ id }) => id === 'generate_look')!.credits = 4;
      const creator = catalog.plans.find(({ id }) => id === 'creator')!;
      Object.assign(creator, { prices: { ...creator.prices, month: 3_100 }, credits: 250 });
    }),
  );
  const after = await stack.request('POST', `${path}/usage`, { body: look });
  expect([before.body, after.body]).toMatchObject([
    { credits: 1, catalog_version: DEFAULT_CATALOG.version, balance: { available: 199 } },
    { credits: 4, catalog_version: 'dearer', balance: { available: 195 } },
  ]);
  await stack.request('POST', `${path}/advance`, { body: { to: '2026-02-17T00:00:00Z' } });
  const charges = await stack.request('GET', `${path}/charges?order=asc`);
  const balance = await stack.request('GET', `${path}/balance`);
  expect(charges.body).toMatchObject({
    data: [
      { amount: { amount_minor: 2_900 }, catalog_version: DEFAULT_CATALOG.version },
      { amount: { amount_minor: 3_100 }, catalog_version: 'dearer' },
    ],
  });
  expect(balance.body).toMatchObject({ by_kind: { allowance: 250 } });
});

test('I15: a step that can’t be booked leaves no SQL and no parameters in the workflow’s history', async () => {
  const own = await startStack();
  const customer = 'someone-whose-name-is-not-in-failures';
  await own.db.$client.unsafe('alter table charges rename to charges_away');
  const body = { customer_id: customer, plan: 'creator', interval: 'month' };
  const answer = await own.request('POST', '/v1/subscriptions', { body });
  expect(answer).toMatchObject({ status: 503, body: { code: 'temporal_unavailable' } });
  const failures: string[] = [];
  for await (const { workflowId } of own.client.workflow.list({ query: `TaskQueue = '${own.taskQueue}'` })) {
    const { raw } = await own.client.workflow.getHandle(workflowId).describe();
    failures.push(...(raw.pendingActivities ?? []).map(({ lastFailure }) => JSON.stringify(lastFailure)));
    await own.client.workflow.getHandle(workflowId).terminate('the test is over');
  }
  expect(failures).toHaveLength(1);
  expect(failures[0]).toContain('The step could not be booked (42P01).');
  expect(failures[0]).not.toMatch(new RegExp(`${customer}|select|insert|sandbox_ok`, 'i'));
  await own.stop();
});
