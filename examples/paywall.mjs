// A product with a paywall: examples/paywall.html and the back end behind it (docs/client.md); `npm run build:client` makes
// the client and the element in a clone.
//   API=http://127.0.0.1:8787 KEY=dd_test_… node examples/paywall.mjs
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createClient, DrawdownProblem } from 'drawdown-client';

const drawdown = createClient({ baseUrl: process.env.API, key: process.env.KEY });
// One customer with 200 credits. A real back end knows its session's customer, and checks where a request comes from.
const { id } = await drawdown.start({ customer_id: `example-${Date.now()}`, plan: 'creator', interval: 'month' });

const items = [{ feature: 'video_asset', quantity: 5 }];
const actions = {
  '/videos': ({ idempotencyKey }) => drawdown.spend(id, { items }, { idempotencyKey }),
  '/packs': ({ packs, pack, idempotencyKey }) => drawdown.buy(id, { packs, pack }, { idempotencyKey }),
};

const page = readFileSync(new URL('paywall.html', import.meta.url), 'utf8');
const element = readFileSync(fileURLToPath(import.meta.resolve('drawdown-client/paywall')), 'utf8');
const [, script] = /<script type="module">([^]*)<\/script>/.exec(page);
const hash = createHash('sha256').update(script).digest('base64');
const policy = `default-src 'none'; script-src 'self' 'sha256-${hash}'; connect-src 'self'; img-src data:; base-uri 'none';
  form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'`.replaceAll(/\s+/g, ' ');
const files = { '/': ['text/html', page], '/paywall.js': ['text/javascript', element] };

const server = createServer(async (request, response) => {
  const send = (status, type, body) =>
    response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8`, 'Content-Security-Policy': policy }).end(body);
  const { method, url } = request;
  if (method === 'GET' && Object.hasOwn(files, url)) return send(200, ...files[url]);
  if (method !== 'POST' || !Object.hasOwn(actions, url)) return send(404, 'text/plain', 'Not found');
  try {
    send(200, 'application/json', JSON.stringify(await actions[url](await json(request))));
  } catch (error) {
    // A problem goes on to the page unchanged; any other error stays here.
    if (error instanceof DrawdownProblem) send(error.status, 'application/problem+json', JSON.stringify(error));
    else send(502, 'text/plain', 'Try again');
  }
});
server.listen(Number(process.env.PORT ?? 8790), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
