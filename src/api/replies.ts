import { hash } from 'node:crypto';
import type { Context } from 'hono';
import { z } from 'zod';
import type { Catalog } from '../domain/catalog/catalog.ts';
import type { Reply } from './commands.ts';
import type { Env, Rendered } from './route.ts';
import * as s from './schemas.ts';

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

/** A JSON answer. */
export const json = (body: unknown, headers: Record<string, string> = {}): Rendered => ({
  status: 200,
  headers: { 'Content-Type': 'application/json', ...headers },
  text: JSON.stringify(body),
});

/** The answer to a request whose `If-None-Match` names the present tag. */
export const notModified = (tag: string): Rendered => ({ status: 304, headers: { ETag: tag }, text: '' });

/** Whether an `If-None-Match` names a tag, or any. */
export const isNamed = (tag: string, ifNoneMatch: string): boolean =>
  ifNoneMatch !== '' &&
  ifNoneMatch.split(',').some((value) => ['*', tag].includes(value.trim().replace(/^W\//, '')));

/** A JSON answer with an ETag over all members but `as_of`; 304 where `If-None-Match` names it. */
export function taggedByBody(body: Record<string, unknown>, ifNoneMatch: string): Rendered {
  const { as_of: _, ...rest } = body;
  const tag = `"${hash('sha256', JSON.stringify(rest), 'base64url').slice(0, 22)}"`;
  return isNamed(tag, ifNoneMatch) ? notModified(tag) : json(body, { ETag: tag });
}

/** The ETag of an answer that a subscription's version (`Reading`) and the catalogue in force determine. */
export const tagOf = (version: string, catalog: Catalog): string => `"${version}-${markOf(catalog)}"`;

/** The version in an `If-None-Match` of one such tag under the same catalogue; empty for any other header. */
export function versionIn(ifNoneMatch: string, catalog: Catalog): string {
  const [, version = '', mark] = /^(?:W\/)?"([\d-]+)-([\w-]{8})"$/.exec(ifNoneMatch) ?? [];
  return mark === markOf(catalog) ? version : '';
}

/** The members of the answers under such tags: another release may have others, and must not confirm an older one's. */
const MEMBERS = JSON.stringify([s.balance, s.subscription].map((schema) => z.toJSONSchema(schema)));

const marks = new WeakMap<Catalog, string>();

function markOf(catalog: Catalog): string {
  const known = marks.get(catalog);
  if (known !== undefined) return known;
  const mark = hash('sha256', `${catalog.version}\n${MEMBERS}`, 'base64url').slice(0, 8);
  marks.set(catalog, mark);
  return mark;
}
