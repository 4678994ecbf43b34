import { describe, expect, it } from 'vitest';
import { reasonFor } from '../../src/telemetry/errors.ts';
import { createLogger, type LogFields, type LogLevel } from '../../src/telemetry/log.ts';
import { sdkLines } from '../../src/telemetry/temporal-log.ts';

// The log of a process: its form, and the absence of secrets (I15).

function logOf(level: LogLevel = 'debug') {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ process: 'api', level, format: 'json', stream });
  const written = (message: string, fields?: LogFields): Record<string, unknown> => {
    log(message, fields);
    return JSON.parse(lines.at(-1)!) as Record<string, unknown>;
  };
  return { log, lines, written };
}

describe('a line', () => {
  it('is one JSON object with its time, level, process, message and members', () => {
    const { written, lines } = logOf();
    const members = { request_id: 'req_1', subscription_id: 'sub_1', key_id: 'key_1', step: 3 };
    const line = written('a refund\nin two lines', { level: 'warn', ...members });
    expect(line).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      process: 'api',
      msg: 'a refund\nin two lines',
      ...members,
    });
    expect(lines[0]!.match(/\n/g)).toHaveLength(1);
  });

  it('is written at its level or a lower one', () => {
    const { log, lines } = logOf('warn');
    log('quiet');
    log('debug', { level: 'debug' });
    log('loud', { level: 'warn' });
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['loud']);
  });
});

/** One of each secret that passes through a process. */
const SECRETS = {
  key: 'dd_live_k3y1d_0123456789abcdefABCDEF_-0123456789',
  signing: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  stripe: 'sk_live_51H7xyzABCDEFGH',
  restricted: 'rk_test_51H7xyzABCDEFGH',
  card: 'pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HVhfZluoGH',
  password: 'postgres://drawdown:hunter2hunter2@db.internal:5432/drawdown',
  header: 'Authorization: Bearer eyJhbGciOi.payload.signature',
};
const PARTS = ['0123456789abcdef', 'MfKQ9r8', '51H7xyz', 'YrKJUKrib', 'hunter2', 'payload.signature'];

/** As Drizzle wraps an error of the driver: its message is the statement with its parameters. */
function failedQuery(message: string, members: object): Error {
  const cause = Object.assign(new Error(message), { name: 'PostgresError', ...members });
  const error = new Error(`Failed query: select $1\nparams: ${Object.values(SECRETS).join(',')}`, { cause });
  return Object.assign(error, { params: Object.values(SECRETS) });
}

describe('a secret', () => {
  it.each(Object.entries(SECRETS))('is in no message, member or error: %s', (_, secret) => {
    const { written } = logOf();
    const text = JSON.stringify(
      written(`a text with ${secret} in it`, {
        reason: `because of ${secret}.`,
        error: new Error(`outer ${secret}`, { cause: new TypeError(`inner ${secret}`) }),
      }),
    );
    for (const part of PARTS) expect(text).not.toContain(part);
    expect(text).toContain('in it');
  });

  it('stays out of the stack, whose first lines repeat the message', () => {
    const { written } = logOf();
    const { err } = written('it failed', { error: new Error('hunter2 is no known form') });
    const { stack, message } = err as { stack: string; message: string };
    expect(message).toBe('hunter2 is no known form');
    expect(stack).not.toContain('hunter2');
    expect(stack.split('\n').every((line) => line.startsWith('    at '))).toBe(true);
  });

  it('leaves the id of its key, which is none', () => {
    expect(logOf().written(`key ${SECRETS.key} is revoked`)['msg']).toBe('key dd_live_k3y1d_… is revoked');
  });

  it('is shown in one member: the key of the first start', () => {
    const { written } = logOf();
    expect(written('first start', { operator_key: SECRETS.key })['operator_key']).toBe(SECRETS.key);
  });
});

describe('a failed statement', () => {
  it.each([
    [
      '22P02',
      'invalid input syntax for type uuid: "hunter2"',
      { routine: 'string_to_uuid' },
      'string_to_uuid',
    ],
    [
      '23505',
      'duplicate key value violates unique constraint "k"',
      { constraint_name: 'k', detail: 'Key (a)=(hunter2) already exists.' },
      'k',
    ],
  ])('of class %s shows its routine or constraint, and no value', (code, message, members, shown) => {
    const { written } = logOf();
    const error = failedQuery(message, { code, ...members });
    const line = written('it failed', { error });
    expect(line['err']).toMatchObject({ type: 'Error', code, message: `${code} ${shown}` });
    const text = JSON.stringify(line);
    for (const part of [...PARTS, 'Failed query']) expect(text).not.toContain(part);
    expect(reasonFor(error)).toBe(`${code} ${shown}`);
  });

  it('of our own exceptions keeps its text', () => {
    const error = failedQuery('the debits of use_1 do not add up', { code: 'P0001' });
    expect(logOf().written('it failed', { error })['err']).toMatchObject({
      code: 'P0001',
      message: 'the debits of use_1 do not add up',
    });
  });
});

describe('a line of the SDK', () => {
  it('has the ids of its workflow, its primitive members, and none of its inputs', () => {
    const { log, lines } = logOf();
    sdkLines(log)({
      level: 'WARN',
      message: 'Activity failed',
      meta: {
        workflowId: 'subscription/sub_1',
        activityType: 'bookStep',
        taskToken: 'CiQwMWEyMmY5My02MzYy',
        attempt: 5,
        step: 12,
        input: { card: 'pm_card_visa' },
        error: new Error('deadlock'),
      },
    });
    expect(JSON.parse(lines[0]!)).toEqual({
      level: 'warn',
      time: expect.any(String),
      process: 'api',
      msg: 'Activity failed',
      workflow_id: 'subscription/sub_1',
      subscription_id: 'sub_1',
      activity_type: 'bookStep',
      attempt: 5,
      step: 12,
      err: { type: 'Error', message: 'deadlock', stack: expect.any(String) },
    });
  });
});
