import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import type { Reply } from './commands.ts';
import type { Rendered } from './problems.ts';
import type { Env } from './route.ts';

/** A command's answer as Hono's response. */
export const reply = (c: Context<Env>, done: Reply): Response => {
  const { status, headers, text } = replyOf(done);
  return c.body(text, status as 200, headers);
};

/** A command's answer with its headers; a replay has `Idempotent-Replayed: true`. */
export function replyOf({ text, status, replayed }: Reply): Rendered {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (replayed) headers['Idempotent-Replayed'] = 'true';
  return { text, status, headers };
}

/** A JSON answer with an ETag over all members but `as_of`; 304 where `If-None-Match` names it. */
export function tagged(c: Context<Env>, body: Record<string, unknown>): Response {
  const { as_of: _, ...rest } = body;
  const tag = `"${createHash('sha256').update(JSON.stringify(rest)).digest('base64url').slice(0, 22)}"`;
  c.header('ETag', tag);
  const known = (c.req.header('If-None-Match') ?? '')
    .split(',')
    .map((value) => value.trim().replace(/^W\//, ''));
  return known.includes(tag) || known.includes('*') ? c.body(null, 304) : c.json(body);
}
