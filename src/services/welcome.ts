// What `npm start` says when everything is up: for people a block with commands to paste, for programs a line.

export interface Ready {
  /** Address of the API, without /v1. */
  api: string;
  key: string | null;
  wallet: string | null;
  /** The studio, in test mode. */
  demo: string | null;
  console: string | null;
  temporal_ui: string | null;
  temporal_address: string;
  database_url: string;
}

export interface Details {
  dataFolder: string;
  /** Makes the examples new at every start: a customer has one subscription, a key one request. */
  label: string;
  /** The Temporal program we run, for a command that asks the workflow itself. */
  temporalCli: string | undefined;
}

export function readyLine(ready: Ready): string {
  const { api, key, wallet, demo, console, temporal_ui, temporal_address, database_url } = ready;
  return JSON.stringify({ api, key, wallet, demo, console, temporal_ui, temporal_address, database_url });
}

export function welcome(ready: Ready, { dataFolder, label, temporalCli }: Details): string {
  return [
    '',
    ...table([
      ['API', `${ready.api}/v1`],
      ['API key', ready.key],
      ['Wallet', ready.wallet],
      ['Demo studio', ready.demo],
      ['Console', ready.console],
      ['Temporal UI', ready.temporal_ui],
      ['Temporal', ready.temporal_address],
      ['PostgreSQL', ready.database_url],
      ['Data, logs', dataFolder],
    ]),
    '',
    'Three commands to paste: start a subscription, spend on a video, look at the balance.',
    '',
    ...commands(ready, label),
    ...askWorkflow(ready, temporalCli),
    '',
    'Ctrl-C stops everything; the next start goes on where this one stopped.',
    '',
  ].join('\n');
}

function table(rows: [string, string | null][]): string[] {
  return rows.filter(([, value]) => value !== null).map(([name, value]) => `  ${name.padEnd(12)} ${value}`);
}

function askWorkflow({ temporal_address }: Ready, cli: string | undefined): string[] {
  if (cli === undefined) return [];
  const query = `workflow query --address ${temporal_address} --workflow-id subscription/$SUB --type balance`;
  return ['', 'And the same from the workflow itself:', '', `${cli} ${query}`];
}

/** Pasted twice, each answers the same again: the idempotency keys are printed with them. */
function commands({ api, key }: Ready, label: string): string[] {
  const subscriptions = `${api}/v1/subscriptions`;
  const auth = `-H 'Authorization: Bearer ${key ?? 'YOUR_KEY'}'`;
  const post = (name: string, body: object) =>
    `${auth} -H 'Idempotency-Key: ${label}-${name}' -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  const subscription = { customer_id: label, plan: 'creator', interval: 'month' };
  const usage = { items: [{ feature: 'avatar_iv', quantity: 90 }] };
  const takeId = `node -pe 'JSON.parse(fs.readFileSync(0)).id'`;
  return [
    `SUB=$(curl -sS ${subscriptions} ${post('start', subscription)} | ${takeId}); echo $SUB`,
    `curl -sS ${subscriptions}/$SUB/usage ${post('video', usage)}; echo`,
    `curl -sS ${subscriptions}/$SUB/balance ${auth}; echo`,
  ];
}
