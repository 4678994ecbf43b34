import type { LogFields, Logger, LogLevel } from './log.ts';

// The lines of Temporal's SDK in the form of all others: of its native part, of workflows and of activities.

/** One line of the SDK's logger. */
interface SdkLine {
  level: 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';
  message: string;
  meta?: Record<string | symbol, unknown> | undefined;
}

const LEVELS: Record<SdkLine['level'], LogLevel> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

const SUBSCRIPTION = /^subscription\/(.+)$/;

/** Who has it may answer in the place of the activity. */
const TASK_TOKEN = 'taskToken';

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The members of a line: ids and words only. An object may be an input. */
function fieldsOf({ level, meta = {} }: SdkLine): LogFields {
  const fields: LogFields = { level: LEVELS[level] };
  for (const [name, value] of Object.entries(meta)) {
    if (name === 'error') fields.error = value;
    else if (name !== TASK_TOKEN && ['string', 'number', 'boolean'].includes(typeof value))
      fields[snakeCase(name)] = value;
  }
  const [, subscriptionId] = SUBSCRIPTION.exec(String(meta['workflowId'] ?? '')) ?? [];
  return subscriptionId === undefined ? fields : { ...fields, subscription_id: subscriptionId };
}

/** Passes the SDK's lines to the log of a process (`DefaultLogger` takes it). */
export const sdkLines =
  (log: Logger) =>
  (line: SdkLine): void =>
    log(line.message, fieldsOf(line));
