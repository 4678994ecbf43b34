// A customer by your own id, with the client of drawdown-client (docs/client.md): no id of a subscription is kept anywhere.
//   API=http://127.0.0.1:8787 KEY=dd_test_… node examples/customer.mjs
import { createClient } from 'drawdown-client';

const drawdown = createClient({ baseUrl: process.env.API, key: process.env.KEY });
const customer_id = `example-${Date.now()}`;
const customer = drawdown.customer(customer_id);
const start = (plan) => drawdown.start({ customer_id, plan, interval: 'month' });
const spend = () => customer.spend({ items: [{ feature: 'video_asset', quantity: 2 }] });

const before = await customer.get();
if (before.subscription === null) await start('creator');
console.log(`creator: ${(await spend()).balance.available} left.`);

await customer.cancel({ at: 'now' });
await spend().catch(({ code }) => console.log(`After the end: ${code}.`));

await start('pro');
console.log(`pro: ${(await spend()).balance.available} left.`);
const { subscription, balance, ended } = await customer.get();
console.log(`${subscription.plan} with ${balance.available}; ended before: ${ended.map(({ plan }) => plan).join(', ')}.`);
