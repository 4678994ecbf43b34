import { expect } from 'vitest';
import { PROBLEMS, type ProblemCode } from '../../src/domain/errors.ts';
import type { Answer } from '../support/stack.ts';
import { all, bodyOf, type Driver, type Json, type Problem } from './driver.ts';

/** RFC 9457, to the member: nothing is missing, nothing contradicts the header or the catalogue of errors. */
export function expectProblem(answer: Answer, code: ProblemCode): Problem {
  const { status, title } = PROBLEMS[code];
  expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
  const problem = answer.body as Problem;
  expect(problem).toMatchObject({ code, status, title, type: `/problems/${code}` });
  expect(answer.status).toBe(status);
  expect(problem.detail).toMatch(/\w.*\.?$/);
  expect(problem.request_id).toMatch(/^req_[0-9a-z]{26}$/);
  expect(problem.request_id).toBe(answer.headers.get('Request-Id'));
  for (const { pointer, detail } of problem.errors ?? []) {
    expect(pointer).toMatch(/^(|[/?:].+)$/);
    expect(detail.length).toBeGreaterThan(0);
  }
  return problem;
}

/** A problem without the members that differ from request to request. */
export function anonymous(answer: Answer): Json {
  const { request_id: _, ...rest } = answer.body as Json;
  return rest;
}

/** I7: all that a caller can see of a subscription; a declined charge is a fact of its own. */
export async function seen(driver: Driver): Promise<Json> {
  const lists = ['grants', 'entries', 'usage', 'holds', 'charges', 'purchases'];
  const rows = await Promise.all(lists.map((below) => all(driver.stack, driver.path(below), 100)));
  const { as_of: _, ...balance } = bodyOf(await driver.get('balance'));
  return {
    subscription: bodyOf(await driver.get()),
    balance,
    ...Object.fromEntries(
      lists.map((below, i) => [below, rows[i]!.filter(({ status }) => status !== 'declined')]),
    ),
  };
}
