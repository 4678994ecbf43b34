import { fileURLToPath } from 'node:url';

// The output of `npm start` when everything is ready: a block with commands for people, a line of JSON for programs.

/** The addresses and the key of a start. */
export interface Ready {
  /** Address of the API, without /v1. */
  api: string;
  key: string | null;
  /** The page / of this server. */
  home: string | null;
  /** The studio, in test mode. */
  demo: string | null;
  console: string | null;
  temporal_ui: string | null;
  temporal_address: string;
  database_url: string;
}

/** Request bodies for a first look, for the catalogue in force and the kind of billing. */
export interface FirstRequests {
  start: object;
  usage: object;
  /** Whether the first payment waits for its settlement. */
  isPending: boolean;
}

/** More facts for the block of commands. */
interface Details {
  /** null where a start would charge a real card. */
  first: FirstRequests | null;
  dataFolder: string;
  /** Part of the examples' keys and customer, new at every start: a customer has one subscription, a key one request. */
  label: string;
  /** The path of our Temporal program, for a command that queries the workflow. */
  temporalCli: string | undefined;
  temporalNamespace: string;
}

/** The line of JSON for programs. */
export function readyLine(ready: Ready): string {
  const { api, key, home, demo, console, temporal_ui, temporal_address, database_url } = ready;
  return JSON.stringify({ api, key, home, demo, console, temporal_ui, temporal_address, database_url });
}

/** The block of commands for people. */
export function welcome(ready: Ready, details: Details): string {
  return [
    '',
    ...table([
      ['Start page', ready.home],
      ['API', `${ready.api}/v1`],
      ['API key', ready.key],
      ['Demo studio', ready.demo],
      ['Console', ready.console],
      ['Temporal UI', ready.temporal_ui],
      ['Temporal', ready.temporal_address],
      ['PostgreSQL', ready.database_url],
      ['Data, logs', details.dataFolder],
    ]),
    '',
    ...(details.first ? tour(ready, details.first, details) : look(ready)),
    '',
    'Ctrl-C stops everything; the next start goes on where this one stopped.',
    '',
  ].join('\n');
}

function table(rows: [string, string | null][]): string[] {
  return rows.filter(([, value]) => value !== null).map(([name, value]) => `  ${name.padEnd(12)} ${value}`);
}

const AUTH = '-H "Authorization: Bearer $KEY"';

const names = ({ api, key }: Ready): string => `export API=${quoted(api)} KEY=${quoted(key ?? 'YOUR_KEY')}`;

/** The first requests; pasted twice, each answers the same, since it holds its idempotency key. */
function tour(ready: Ready, { start, usage, isPending }: FirstRequests, details: Details): string[] {
  const { label } = details;
  const post = (path: string, body: object | string, key?: string) =>
    `curl -sS "$API/v1/${path}" ${AUTH} ${key ? `-H 'Idempotency-Key: ${label}-${key}' ` : ''}` +
    `-H 'Content-Type: application/json' -d ${typeof body === 'string' ? body : quoted(JSON.stringify(body))}`;
  const takeId = `node -pe 'JSON.parse(fs.readFileSync(0)).id'`;
  const wallet = '"{\\"subscription_id\\":\\"$SUB\\"}"';
  return [
    `Commands to paste: name the API, start a subscription,${isPending ? ' settle its payment,' : ''} use a feature, look at the`,
    "balance, and make a link that opens the customer's wallet once.",
    '',
    names(ready),
    `SUB=$(${post('subscriptions', { customer_id: label, ...start }, 'start')} | ${takeId}); echo $SUB`,
    ...(isPending ? [settle(ready, details)] : []),
    `${post('subscriptions/$SUB/usage', usage, 'use')}; echo`,
    `curl -sS "$API/v1/subscriptions/$SUB/balance" ${AUTH}; echo`,
    `${post('wallet_sessions', wallet)}; echo`,
    ...askWorkflow(ready, details),
  ];
}

/** Commands that charge nothing, where real money moves. */
function look(ready: Ready): string[] {
  return [
    'Commands to paste. Stripe moves real money here, so they only look: name the API, see the catalogue and who subscribes.',
    '',
    names(ready),
    `curl -sS "$API/v1/catalog" ${AUTH}; echo`,
    `curl -sS "$API/v1/subscriptions" ${AUTH}; echo`,
  ];
}

/** Settles the first payment in place of the system that owns billing; an example of a clone does so by signal. */
function settle({ temporal_address }: Ready, { temporalNamespace }: Details): string {
  const example = fileURLToPath(new URL('../../examples/settle-by-signal.mjs', import.meta.url));
  return `TEMPORAL_ADDRESS=${temporal_address}${namespaceIn(temporalNamespace, ' TEMPORAL_NAMESPACE=')} node ${quoted(example)} $SUB`;
}

function askWorkflow({ temporal_address }: Ready, { temporalCli, temporalNamespace }: Details): string[] {
  if (temporalCli === undefined) return [];
  const place = `--address ${temporal_address}${namespaceIn(temporalNamespace, ' --namespace ')}`;
  const query = `workflow query ${place} --workflow-id subscription/$SUB --type balance`;
  return ['', 'And the same from the workflow itself:', '', `${quoted(temporalCli)} ${query}`];
}

const namespaceIn = (namespace: string, before: string): string =>
  namespace === 'default' ? '' : before + quoted(namespace);

/** A text that a shell reads as one word. */
const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
