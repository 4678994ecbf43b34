// With BILLING=external, a system that talks to Temporal needs no webhook: it settles charges by signal (docs/billing.md).
//   TEMPORAL_ADDRESS=127.0.0.1:7233 node examples/settle-by-signal.mjs sub_… [paid|declined]
// Settles the pending charges of a subscription, and waits until the settlements have taken effect.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';

const [subscription, outcome = 'paid'] = process.argv.slice(2);
if (!subscription || !['paid', 'declined'].includes(outcome)) {
  console.error('usage: node examples/settle-by-signal.mjs <subscription id> [paid|declined]');
  process.exit(2);
}

const { TEMPORAL_ADDRESS: address = '127.0.0.1:7233', TEMPORAL_NAMESPACE: namespace = 'default', TEMPORAL_API_KEY: apiKey } = process.env;
const connection = await Connection.connect({ address, ...(apiKey ? { tls: true, apiKey } : {}) });
const client = new Client({ connection, namespace });
const workflow = client.workflow.getHandle(`subscription/${subscription}`);

/** The charges that wait for a settlement: a start or renewal, purchases, an upgrade. */
async function pending() {
  const { state } = await workflow.query('subscription');
  const { unpaid, waiting } = state;
  return unpaid?.pending ? [unpaid.charge_id, ...waiting] : waiting;
}

const charges = await pending();
console.log(`pending: ${charges.join(', ') || 'nothing'}`);
for (const chargeId of charges) await workflow.signal('paymentSettled', { chargeId, outcome, at: Date.now() });

// A second signal for the same charge would change nothing.
while ((await pending()).some((charge) => charges.includes(charge))) await sleep(100);
const { state } = await workflow.query('subscription');
console.log(`${outcome}: the subscription is ${state.status}, on ${state.plan}`);
await connection.close();
