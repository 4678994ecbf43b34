// Out of credits on a server, with the client of drawdown-client (docs/client.md); `npm run build:client` makes it in a clone.
//   API=http://127.0.0.1:8787 KEY=dd_test_… node examples/spend.mjs
import { createClient, DrawdownProblem } from 'drawdown-client';

const drawdown = createClient({ baseUrl: process.env.API, key: process.env.KEY });
const { id } = await drawdown.start({ customer_id: `example-${Date.now()}`, plan: 'creator', interval: 'month' });
const video = () => drawdown.spend(id, { items: [{ feature: 'video_asset', quantity: 20 }] }, { idempotencyKey: 'job-1' });
const spent = await video().catch(async (problem) => {
  // `offer` is null where the plan sells no packs: the problem is the caller's then.
  if (!(problem instanceof DrawdownProblem) || problem.code !== 'insufficient_credits' || !problem.offer) throw problem;
  console.log(`${problem.detail} ${problem.offer.packs} pack covers it.`);
  await drawdown.buy(id, { packs: problem.offer.packs });
  return video();
});
console.log(`Spent ${spent.credits}, left ${spent.balance.available}.`);
