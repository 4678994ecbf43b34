import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';

// The only file that reads the environment. `.env.example` lists the same names, and a test compares the two.

const address = /^[^\s/]+:\d{1,5}$/;
const port = z.coerce.number().int().min(1).max(65_535);
const onOff = z.enum(['on', 'off']);

interface Variable<S extends z.ZodType> {
  schema: S;
  /** The variable's purpose, for people. */
  says: string;
  /** The form of a value, for the sentence that refuses another. */
  expects: string;
}

function variable<S extends z.ZodType>(schema: S, says: string, expects: string): Variable<S> {
  return { schema, says, expects };
}

/** Every variable with its schema and its two sentences. */
export const variables = {
  DATABASE_URL: variable(
    z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    'PostgreSQL that holds the ledger; `npm start` brings its own when it is not set.',
    'a URL like postgres://user:password@host:5432/drawdown',
  ),
  TEMPORAL_ADDRESS: variable(
    z.string().regex(address).optional(),
    'Temporal that runs the workflows; `npm start` brings its own when it is not set.',
    'host:port, like 127.0.0.1:7233',
  ),
  TEMPORAL_NAMESPACE: variable(z.string().default('default'), 'Namespace of the workflows.', 'a name'),
  TEMPORAL_API_KEY: variable(
    z.string().optional(),
    'API key for Temporal Cloud; it turns TEMPORAL_TLS on.',
    'the key as Temporal Cloud shows it',
  ),
  TEMPORAL_TLS: variable(
    onOff.optional(),
    'TLS to Temporal; on by itself when TEMPORAL_API_KEY is set.',
    'on or off',
  ),
  TEMPORAL_TASK_QUEUE: variable(
    z.string().default('subscriptions'),
    'Task queue that the API starts workflows on and the workers poll.',
    'a name',
  ),
  NUDGE_AFTER_SECONDS: variable(
    z.coerce.number().int().min(1).max(86_400).default(5),
    'Seconds without a spend after which a workflow is told of its ledger; more seconds cost Temporal less.',
    'a whole number from 1 to 86400',
  ),
  SEAL_EVERY_SECONDS: variable(
    z.coerce.number().int().min(0).max(3_600).default(20),
    'Seconds between two looks for new rows to seal; 0 leaves sealing to `drawdown seal`.',
    'a whole number from 0 to 3600',
  ),
  RATE_LIMIT_KEY: variable(
    z.coerce.number().int().min(0).max(1_000_000).default(0),
    'Requests a second that one API process takes from one key; 0: no limit.',
    'a whole number from 0',
  ),
  RATE_LIMIT_SUBSCRIPTION: variable(
    z.coerce.number().int().min(0).max(1_000_000).default(0),
    'Requests a second that one API process takes for one subscription; 0: no limit.',
    'a whole number from 0',
  ),
  TEMPORAL_UI_URL: variable(
    z.url().optional(),
    'Address of the Temporal UI, for links in answers and pages.',
    'a URL like http://127.0.0.1:8233',
  ),
  PORT: variable(
    port.default(8787),
    'Port of the API; `npm start` takes a free one when this default is taken.',
    'a port from 1 to 65535',
  ),
  HOST: variable(
    z.string().default('127.0.0.1'),
    'Address the API listens on; 0.0.0.0 for everywhere.',
    'an address of this machine',
  ),
  PUBLIC_URL: variable(
    z.url().optional(),
    'Address under which callers reach the API; made from the port when it is not set.',
    'a URL like https://credits.example.com',
  ),
  DRAWDOWN_DATA: variable(
    z.string().default('.data'),
    'Folder in which `npm start` keeps its databases, logs and key.',
    'a folder',
  ),
  DRAWDOWN_CACHE: variable(
    z.string().optional(),
    'Folder for the downloads of `npm start` and `npm test`; ~/.cache/drawdown when it is not set.',
    'a folder',
  ),
  DRAWDOWN_CATALOG: variable(
    z.string().optional(),
    'File of plans, packs, features and policies; the built-in ones when it is not set.',
    'a file that `npx drawdown catalog check` accepts',
  ),
  DRAWDOWN_API_KEY_FILE: variable(
    z.string().optional(),
    'File in which the API keeps the first key it makes (mode 600), so that every start uses the same.',
    'a file',
  ),
  SECRETS_KEY: variable(
    z
      .string()
      .refine((keys) => safeKeysOf(keys) !== null)
      .optional(),
    'Key that encrypts the secrets in the database (those of webhook endpoints and wallet links); two while it is changed, the new one first.',
    'one key of 32 random bytes in base64 (`openssl rand -base64 32`), or two with a comma between',
  ),
  SECRETS_KEY_FILE: variable(z.string().optional(), 'File with the same, instead of SECRETS_KEY.', 'a file'),
  BILLING: variable(
    z.enum(['sandbox', 'stripe', 'external']).default('sandbox'),
    'Who charges: sandbox by the name of the payment method, moving no money; stripe is Stripe; external another system of yours.',
    'sandbox, stripe or external',
  ),
  STRIPE_SECRET_KEY: variable(
    z.string().optional(),
    'Secret key of the Stripe account, for BILLING=stripe.',
    "a secret or restricted key from Stripe's dashboard (sk_… or rk_…)",
  ),
  STRIPE_WEBHOOK_SECRETS: variable(
    z
      .string()
      .regex(/^whsec_[^\s,]+(,whsec_[^\s,]+)?$/)
      .optional(),
    'Signing secret of the webhook endpoint at Stripe, for BILLING=stripe; two while it is rotated.',
    "one secret from Stripe's dashboard (whsec_…), or two with a comma between",
  ),
  STRIPE_API_URL: variable(
    z.url({ protocol: /^https?$/ }).optional(),
    "Address of Stripe's API; set it for tests only.",
    'a URL like http://127.0.0.1:12111',
  ),
  EXTERNAL_WEBHOOK_SECRETS: variable(
    z
      .string()
      .refine((secrets) => secrets.split(',').length <= 2 && secrets.split(',').every(isWebhookSecret))
      .optional(),
    'Secret with which the system that owns billing signs its webhooks, for BILLING=external; two while it is rotated.',
    'one secret (whsec_ and 24 to 64 random bytes in base64: `echo whsec_$(openssl rand -base64 32)`), or two with a comma between',
  ),
  WEBHOOK_PRIVATE_ADDRESSES: variable(
    z.enum(['allow', 'refuse']).optional(),
    'Whether events may be sent to private addresses of this network, and over http, for development; refused unless allowed, but by `npm start`, which allows it.',
    'allow or refuse',
  ),
  TEST_MODE: variable(
    onOff.optional(),
    'Whether subscriptions may carry a test clock (R-90); on by itself with sandbox billing.',
    'on or off',
  ),
  LOG_LEVEL: variable(
    z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    'How much the API and the worker log.',
    'debug, info, warn or error',
  ),
  LOG_FORMAT: variable(
    z.enum(['json', 'text']).optional(),
    'Form of a line of the log: json for programs, text for people; text on a terminal and in `npm start`, else json.',
    'json or text',
  ),
  METRICS_PORT: variable(
    port.optional(),
    'Port on which the API and the worker serve their metrics; nothing is measured when it is not set. With `npm start` the worker takes the next one.',
    'a port from 1 to 65535',
  ),
  METRICS_HOST: variable(
    z.string().default('127.0.0.1'),
    'Address the metrics are served on; they need no key.',
    'an address of this machine',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(
    z.url({ protocol: /^https?$/ }).optional(),
    'OpenTelemetry collector that takes traces over OTLP/HTTP; nothing is traced when it is not set.',
    'a URL like http://127.0.0.1:4318',
  ),
};

type Variables = typeof variables;
type ConfigValues = { [Name in keyof Variables]: z.output<Variables[Name]['schema']> };

/** The configuration of a process. */
export interface Config {
  databaseUrl: string | undefined;
  temporalAddress: string | undefined;
  temporalNamespace: string;
  temporalApiKey: string | undefined;
  temporalTls: boolean;
  temporalTaskQueue: string;
  nudgeAfterSeconds: number;
  /** 0: never. */
  sealEverySeconds: number;
  /** Requests a second; 0: no limit. */
  rates: { perKey: number; perSubscription: number };
  temporalUiUrl: string | undefined;
  port: number;
  /** An explicit port is never replaced by a free one. */
  portIsExplicit: boolean;
  host: string;
  publicUrl: string;
  dataFolder: string;
  cacheFolder: string;
  catalogFile: string | undefined;
  apiKeyFile: string | undefined;
  /** The keys that encrypt secrets at rest, the first one new secrets; empty: secrets are stored as they are. */
  secretsKeys: Buffer[];
  billing: 'sandbox' | 'stripe' | 'external';
  /** Set with billing by Stripe only. */
  stripe: StripeConfig | undefined;
  /** Set with external billing only. */
  external: ExternalConfig | undefined;
  /** Undefined: refused, except by `npm start`. */
  webhookPrivateAddresses: 'allow' | 'refuse' | undefined;
  testMode: boolean;
  /** The second part of a new key's text: `test` where a test moves no money. */
  keyMode: 'test' | 'live';
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Undefined: as the output and the way of the start suggest. */
  logFormat: 'json' | 'text' | undefined;
  /** Undefined: no metrics. */
  metrics: { host: string; port: number } | undefined;
  /** Undefined: no traces. */
  tracesEndpoint: string | undefined;
}

/** Stripe's keys and address. */
export interface StripeConfig {
  secretKey: string;
  /** One secret, or two during their rotation. */
  webhookSecrets: string[];
  apiUrl: string | undefined;
}

/** The webhook secrets of the system that owns billing. */
export interface ExternalConfig {
  /** One secret, or two during their rotation. */
  webhookSecrets: string[];
}

/** The configuration of `api` and `worker`, which need both servers. */
export type ConnectedConfig = Config & { databaseUrl: string; temporalAddress: string };

/** An error whose message is all that a person needs: no stack is shown. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** Reads the environment. Throws ConfigError with a sentence for each wrong variable. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const values = readVariables(env);
  const testMode = isOn(values.TEST_MODE, values.BILLING === 'sandbox');
  const stripe = values.BILLING === 'stripe' ? stripeOf(values) : undefined;
  return {
    databaseUrl: values.DATABASE_URL,
    temporalAddress: values.TEMPORAL_ADDRESS,
    temporalNamespace: values.TEMPORAL_NAMESPACE,
    temporalApiKey: values.TEMPORAL_API_KEY,
    temporalTls: isOn(values.TEMPORAL_TLS, values.TEMPORAL_API_KEY !== undefined),
    temporalTaskQueue: values.TEMPORAL_TASK_QUEUE,
    nudgeAfterSeconds: values.NUDGE_AFTER_SECONDS,
    sealEverySeconds: values.SEAL_EVERY_SECONDS,
    rates: { perKey: values.RATE_LIMIT_KEY, perSubscription: values.RATE_LIMIT_SUBSCRIPTION },
    temporalUiUrl: values.TEMPORAL_UI_URL,
    port: values.PORT,
    portIsExplicit: isGiven('PORT', env),
    host: values.HOST,
    publicUrl: values.PUBLIC_URL ?? localUrl(values.HOST, values.PORT),
    dataFolder: resolve(values.DRAWDOWN_DATA),
    cacheFolder: resolve(values.DRAWDOWN_CACHE ?? join(homedir(), '.cache', 'drawdown')),
    catalogFile: values.DRAWDOWN_CATALOG,
    apiKeyFile: values.DRAWDOWN_API_KEY_FILE,
    secretsKeys: secretsKeysOf(values),
    billing: values.BILLING,
    stripe,
    external: values.BILLING === 'external' ? externalOf(values) : undefined,
    webhookPrivateAddresses: values.WEBHOOK_PRIVATE_ADDRESSES,
    testMode,
    keyMode: testMode || (stripe && movesNoMoney(stripe)) ? 'test' : 'live',
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
    tracesEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
    metrics:
      values.METRICS_PORT === undefined
        ? undefined
        : { host: values.METRICS_HOST, port: values.METRICS_PORT },
  };
}

/** `loadConfig` with both servers. Throws ConfigError where one is missing. */
export function loadConnectedConfig(env: NodeJS.ProcessEnv = process.env): ConnectedConfig {
  const config = loadConfig(env);
  const { databaseUrl, temporalAddress } = config;
  const instead = 'use `npm start`, which brings its own';
  if (databaseUrl === undefined) throw missing('DATABASE_URL', instead);
  if (temporalAddress === undefined) throw missing('TEMPORAL_ADDRESS', instead);
  return { ...config, databaseUrl, temporalAddress };
}

/** One or two keys; null for a text that is none. */
function safeKeysOf(text: string): Buffer[] | null {
  const keys = text.split(',').map((key) => Buffer.from(key.trim(), 'base64'));
  return keys.length <= 2 && keys.every((key) => key.length === 32) ? keys : null;
}

function secretsKeysOf({ SECRETS_KEY: text, SECRETS_KEY_FILE: file }: ConfigValues): Buffer[] {
  if (text !== undefined) return safeKeysOf(text)!;
  if (file === undefined) return [];
  const keys = safeKeysOf(readKeyFile(file));
  if (keys === null)
    throw new ConfigError(`${file} holds no key: write one with \`openssl rand -base64 32\`.`);
  return keys;
}

function readKeyFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`SECRETS_KEY_FILE can't be read: ${(error as Error).message}`);
  }
}

const MOVES_NO_MONEY = 'set BILLING=sandbox, which moves no money';

function stripeOf(values: ConfigValues): StripeConfig {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_WEBHOOK_SECRETS: secrets, STRIPE_API_URL: apiUrl } = values;
  if (secretKey === undefined) throw missing('STRIPE_SECRET_KEY', MOVES_NO_MONEY);
  if (secrets === undefined) throw missing('STRIPE_WEBHOOK_SECRETS', MOVES_NO_MONEY);
  return { secretKey, webhookSecrets: secrets.split(','), apiUrl };
}

/** Whether the key is of Stripe's test mode. */
export const movesNoMoney = ({ secretKey }: StripeConfig): boolean => /^(sk|rk)_test_/.test(secretKey);

function externalOf({ EXTERNAL_WEBHOOK_SECRETS: secrets }: ConfigValues): ExternalConfig {
  if (secrets === undefined) throw missing('EXTERNAL_WEBHOOK_SECRETS', MOVES_NO_MONEY);
  return { webhookSecrets: secrets.split(',') };
}

/** Whether a secret has the form of Standard Webhooks. */
function isWebhookSecret(secret: string): boolean {
  const [, base64] = /^whsec_([\w+/=-]+)$/.exec(secret) ?? [];
  const bytes = Buffer.from(base64 ?? '', 'base64');
  return bytes.length >= 24 && bytes.length <= 64 && bytes.toString('base64') === base64;
}

/** The address at which a browser on this machine finds a server that listens on `host`. */
export function localUrl(host: string, port: number): string {
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** The environment of a child process: ours, with some variables set or removed. */
export function childEnvironment(set: Record<string, string | undefined>): NodeJS.ProcessEnv {
  return { ...process.env, ...set };
}

/** Whether npm runs this process: npm does not pass SIGKILL on, so the process must notice npm's end by itself. */
export function isRunByNpm(env: NodeJS.ProcessEnv = process.env): boolean {
  return isGiven('npm_lifecycle_event', env);
}

function readVariables(env: NodeJS.ProcessEnv): ConfigValues {
  const names = Object.keys(variables) as (keyof Variables)[];
  const problems: string[] = [];
  const values = names.map((name) => {
    // Compose and CI pass variables on as empty strings: an empty one counts as not set.
    const parsed = variables[name].schema.safeParse(isGiven(name, env) ? env[name] : undefined);
    if (!parsed.success) problems.push(refusal(name));
    return [name, parsed.data];
  });
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return Object.fromEntries(values) as ConfigValues;
}

// The sentence does not repeat the value: it may be a password in the wrong variable.
function refusal(name: keyof Variables): string {
  const { says, expects } = variables[name];
  return `${name} has a value that cannot be used. ${says} Set it to ${expects}, or leave it out for the default.`;
}

function missing(name: keyof Variables, instead: string): ConfigError {
  return new ConfigError(`${name} is not set. Set it to ${variables[name].expects}, or ${instead}.`);
}

function isGiven(name: string, env: NodeJS.ProcessEnv): boolean {
  return env[name] !== undefined && env[name] !== '';
}

function isOn(value: 'on' | 'off' | undefined, byDefault: boolean): boolean {
  return value === undefined ? byDefault : value === 'on';
}
