import { causesOf } from '../reason.ts';

// Errors and texts as a log may hold them (I15): no key, token or secret, no parameter of a statement, no body.

/** An error in a log: outermost type, the messages of it and its causes, and the frames of the outermost with one. */
export interface DescribedError {
  type: string;
  message: string;
  code?: string;
  stack?: string;
}

/** Texts with the form of a secret, and the text that takes the place of each. */
const SECRETS: [RegExp, string][] = [
  // Our own keys keep their ids, which are no secrets.
  [/\b(dd_(?:live|test)_[a-z0-9]+)_[\w-]+/g, '$1_…'],
  [/\bwhsec_[\w+/=-]+/g, 'whsec_…'],
  [/\b([sr]k_(?:live|test))_\w+/g, '$1_…'],
  [/(_secret)_\w+/g, '$1_…'],
  [/(:\/\/[^\s:/@]*):[^\s@/]+@/g, '$1:…@'],
  [/\b(Bearer|Basic) \S+/g, '$1 …'],
];
const MAYBE_SECRET = /dd_|whsec_|[sr]k_|_secret_|:\/\/|Bearer|Basic/;

/** A text without the secrets in it. */
export const withoutSecrets = (text: string): string =>
  MAYBE_SECRET.test(text)
    ? SECRETS.reduce((clean, [form, instead]) => clean.replaceAll(form, instead), text)
    : text;

/** The SQLSTATE of an error of PostgreSQL; null for other errors. */
function sqlState(error: Error & { code?: unknown }): string | null {
  const { name, code } = error;
  return name === 'PostgresError' && typeof code === 'string' ? code : null;
}

/** The message of one error. PostgreSQL's texts about data (classes 22 and 23) quote values, so its routine stands for them. */
function messageOf(error: Error & Record<string, unknown>): string {
  const state = sqlState(error);
  if (state === null || !/^(22|23)/.test(state)) return withoutSecrets(error.message);
  return `${state} ${String(error['constraint_name'] ?? error['routine'] ?? '')}`.trim();
}

/** Drizzle's own message is the statement with its parameters: its cause says why. */
const isStatement = ({ name, message }: Error): boolean =>
  name === 'DrizzleQueryError' || message.startsWith('Failed query:');

/** Why something failed, in one line: the innermost message, without values. */
export function reasonFor(error: unknown): string {
  const causes = causesOf(error);
  const innermost = causes.at(-1) as (Error & Record<string, unknown>) | undefined;
  if (innermost === undefined) return withoutSecrets(String(error));
  if (isStatement(innermost)) return 'a statement failed';
  return messageOf(innermost) || String(innermost['code'] ?? innermost.name);
}

/** An error as a log shows it. */
export function describeError(error: unknown): DescribedError {
  const causes = causesOf(error);
  const [outermost] = causes;
  if (outermost === undefined) return { type: typeof error, message: withoutSecrets(String(error)) };
  const shown = causes.filter((cause) => !isStatement(cause));
  const codes = causes.flatMap((cause) => (cause as { code?: unknown }).code ?? []);
  const stack = framesOf(outermost);
  return {
    type: outermost.constructor.name,
    message: shown.map((cause) => messageOf(cause as never)).join(': ') || 'a statement failed',
    ...(codes.length > 0 ? { code: String(codes.at(-1)) } : {}),
    ...(stack === '' ? {} : { stack }),
  };
}

/** The frames of a stack, without the message above them. */
const framesOf = ({ stack = '' }: Error): string =>
  stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
