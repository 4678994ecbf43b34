import { destination, type Logger as Pino, pino } from 'pino';
import pretty from 'pino-pretty';
import { describeError, withoutSecrets } from './errors.ts';

// The log of a process: one JSON object a line on stderr, or one line of text for people. Every text passes `withoutSecrets`
// (I15), and an error is written without its parameters.

/** The levels of a line, from the least important on. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The members of a line besides its time, level, process and message. No member holds a body or a SQL parameter. */
export interface LogFields {
  /** `info` when it is left out. */
  level?: LogLevel;
  request_id?: string;
  /** A method with the pattern of a path: no id, no token. */
  route?: string;
  status?: number;
  code?: string;
  duration_ms?: number;
  subscription_id?: string;
  workflow_id?: string;
  step?: number;
  key_id?: string;
  /** Any error: its types, messages and frames are written as `err`. */
  error?: unknown;
  [name: string]: unknown;
}

/** Writes one line. */
export type Logger = (message: string, fields?: LogFields) => void;

/** The settings of a process's log. */
interface LogOptions {
  /** The program: `api` or `worker`. */
  process: string;
  level: LogLevel;
  /** Undefined: text on a terminal, else JSON. */
  format: 'json' | 'text' | undefined;
  /** Takes the lines; stderr by default. */
  stream?: { write(line: string): void };
}

/** Makes the log of a process. Lines are written before the call returns, so that a process that ends loses none. */
export function createLogger({ process: name, level, format, stream }: LogOptions): Logger {
  const written = pino(
    {
      level,
      base: { process: name },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      // `describeError` has written it already.
      serializers: { err: (described: unknown) => described },
      formatters: { level: (label) => ({ level: label }) },
    },
    stream ?? ((format ?? ownFormat()) === 'text' ? textStream() : destination({ dest: STDERR, sync: true })),
  );
  return (message, fields = {}) => write(written, message, fields);
}

/** The log of a process until it has read its configuration. */
export const startLogger = (name: string): Logger =>
  createLogger({ process: name, level: 'info', format: undefined });

const STDERR = 2;

const ownFormat = () => (process.stderr.isTTY ? 'text' : 'json');

/** The one secret that is shown, once: the key of a first start that has no file to keep it. */
const SHOWN = 'operator_key';

function write(log: Pino, message: string, { level = 'info', error, ...fields }: LogFields): void {
  if (!log.isLevelEnabled(level)) return;
  const members = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' && name !== SHOWN ? withoutSecrets(value) : value,
    ]),
  );
  const err = error === undefined ? {} : { err: describeError(error) };
  log[level]({ ...members, ...err }, withoutSecrets(message));
}

/** One line of text, in colours on a terminal; an error's frames follow it. */
const textStream = () =>
  pretty({
    destination: STDERR,
    sync: true,
    colorize: process.stderr.isTTY === true,
    translateTime: process.stderr.isTTY ? 'SYS:HH:MM:ss.l' : 'SYS:yyyy-mm-dd HH:MM:ss.l',
    messageFormat: '{process}: {msg}',
    ignore: 'pid,hostname,process',
    singleLine: true,
  });
