import { describe, expect, test } from 'vitest';
import { refusalOf } from '../../src/api/problems.ts';

// How an error of the database's driver reaches a caller: as 503 (come back) or as 500 (our fault).

const failed = (cause: Error) => new Error('Failed query: select 1', { cause });
const coded = (code: string) => Object.assign(new Error('…'), { code });

function torn(stack: string): Error {
  const error = new TypeError("Cannot read properties of null (reading 'write')");
  error.stack = `${error.name}: ${error.message}\n    at ${stack}`;
  return error;
}

describe('database_unavailable', () => {
  test.each([
    ['CONNECTION_CLOSED'],
    ['CONNECTION_DESTROYED'],
    ['CONNECT_TIMEOUT'],
    ['ECONNREFUSED'],
    ['ECONNRESET'],
    ['EPIPE'],
    ['ERR_STREAM_DESTROYED'],
    ['57P01'],
    ['57P03'],
    ['57014'],
    ['53300'],
    ['08006'],
    ['55P03'],
  ])('%s', (code) => {
    expect(refusalOf(failed(coded(code))).code).toBe('database_unavailable');
  });

  test('a connection that tore while the driver wrote to it', () => {
    const cause = torn('write (/app/node_modules/postgres/src/connection.js:255:22)');
    expect(refusalOf(failed(cause)).code).toBe('database_unavailable');
  });

  test('each address of a name refused', () => {
    expect(refusalOf(new AggregateError([coded('ECONNREFUSED')])).code).toBe('database_unavailable');
  });
});

describe('internal_error', () => {
  test.each([
    ['a broken constraint', failed(coded('23505'))],
    ['a mistake of ours', torn('answerSpent (/app/src/api/usage.ts:1:1)')],
    ['something that is no error', 'a word'],
  ])('%s', (_, error) => {
    expect(refusalOf(error).code).toBe('internal_error');
  });
});
