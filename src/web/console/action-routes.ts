import type { Context } from 'hono';
import type { Scope } from '../../api/auth.ts';
import type { Deps } from '../../api/deps.ts';
import { notFound, requestFields } from '../../api/problems.ts';
import type { Env } from '../../api/route.ts';
import { subscriptionOr404 } from '../../api/subscriptions/found.ts';
import { Refusal } from '../../domain/errors.ts';
import { cut } from '../../domain/text.ts';
import { newId } from '../../ids.ts';
import { formatOf } from '../shell/format.ts';
import { assets, formFields, type Pages, sendPage } from '../shell/pages.ts';
import {
  type Action,
  type ActionContext,
  actionContextOf,
  type Call,
  type FormValues,
} from './action-context.ts';
import { actionCheckPage, actionDonePage, actionFormPage } from './action-page.tsx';
import { grant, revoke } from './credit-actions.ts';
import { advance, cancel } from './lifecycle-actions.ts';
import { refund, retry, settle } from './money-actions.ts';
import { placeOf } from './views.ts';

// GET and POST /console/subscriptions/{id}/do/{action}: an operator's action in three steps: values and reason, effects, call.
// The call is exactly the one shown: a request to this server's own API, with the scopes of the operator's key and an
// idempotency key of the form, so that sending it twice has one effect.

/** The operator's actions, in the order of the page. Each is one call of the API, made as it is shown. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  grant,
  revoke,
  refund,
  retry,
  settle,
  advance,
  cancel,
};

/** A request to this server's own API, with the scopes of a key that was checked. */
type OwnApi = (request: Request, whose: { scopes: Scope[]; keyId: string }) => Promise<Response>;

interface Doing {
  deps: Deps;
  c: Context<Env>;
  name: string;
  action: Action;
  context: ActionContext;
  values: FormValues;
}

/** Registers the pages of actions. */
export function actionRoutes(pages: Pages, deps: Deps, ownApi: OwnApi): void {
  pages.get('/subscriptions/:id/do/:action', async (c) => formPage(await doingOf(deps, c, {}), []));
  pages.post('/subscriptions/:id/do/:action', async (c) => {
    const doing = await doingOf(deps, c, await valuesOf(c));
    try {
      if (doing.values['step'] === 'do') return await perform(doing, ownApi);
      return await checkPage(doing, newId('console'), null);
    } catch (error) {
      if (error instanceof Refusal && error.code === 'invalid_request')
        return formPage(doing, faultsOf(error));
      throw error;
    }
  });
}

async function doingOf(deps: Deps, c: Context<Env>, values: FormValues): Promise<Doing> {
  const name = c.req.param('action') ?? '';
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (!action) throw notFound();
  const row = await subscriptionOr404(deps, c.req.param('id') ?? '');
  const context = await actionContextOf(deps, row, formatOf(row.state.timeZone));
  return { deps, c, name, action, context, values };
}

/** Characters of a field at most. */
const MOST_ENTERED = 500;

async function valuesOf(c: Context<Env>): Promise<FormValues> {
  const sent = await formFields(c);
  const texts = Object.entries(sent).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return Object.fromEntries(texts.map(([name, value]) => [name, cut(value.trim(), MOST_ENTERED)]));
}

const common = ({ action, context, name }: Doing) => {
  const back = placeOf(context.state.id);
  const { title, says } = action;
  return { title, says, customerId: context.state.customerId, back, action: `${back}/do/${name}` };
};

type FieldFault = { name: string; detail: string };

function faultsOf({ data, message }: Refusal): FieldFault[] {
  const errors = (data['errors'] ?? []) as { pointer: string; detail: string }[];
  return errors.map(({ pointer, detail }) => ({
    name: pointer.slice(1) || 'reason',
    detail: detail || message,
  }));
}

function formPage(doing: Doing, faults: FieldFault[]): Response {
  const { c, action, context, values } = doing;
  // The state may have changed since the subscription's page offered the action.
  if (!action.isOffered(context)) throw notFound();
  const fields = action
    .fields(context)
    .map((field) => ({ ...field, value: values[field.name] ?? field.value }));
  const view = {
    ...common(doing),
    fields,
    reason: values['reason'] ?? '',
    takesReason: action.takesReason,
    faults,
  };
  return sendPage(c, actionFormPage(view, assets), faults.length > 0 ? 400 : 200);
}

const REASONLESS = { name: 'reason', detail: 'must be given' };

async function checkPage(doing: Doing, key: string, failed: string | null): Promise<Response> {
  const { deps, c, action, context, values, name } = doing;
  if (!values['reason']) return formPage(doing, [REASONLESS]);
  const call = action.call(context, values);
  const { lines = null, refusal = null } = await action.rehearse(context, values);
  const { step: _, key: __, ...entered } = values;
  const view = {
    ...common(doing),
    verb: action.verb,
    isDanger: name === 'cancel' || name === 'refund' || name === 'revoke',
    lines,
    refusal,
    curl: curlOf(deps, call, key),
    hidden: { ...entered, key },
    failed,
  };
  return sendPage(c, actionCheckPage(view, assets), failed === null ? 200 : 409);
}

/** Sends the call. A refusal or a 503 leads back to the check with the same key, so a repeat has one effect. */
async function perform(doing: Doing, ownApi: OwnApi): Promise<Response> {
  const { deps, c, action, context, values, name } = doing;
  const key = /^console_[a-z0-9]{26}$/.test(values['key'] ?? '') ? values['key']! : newId('console');
  if (!values['reason']) return formPage(doing, [REASONLESS]);
  const call = action.call(context, values);
  const whose = { scopes: c.get('scopes'), keyId: c.get('keyId') };
  const response = await ownApi(requestOf(call, key), whose);
  const answer = (await response.json()) as Record<string, unknown>;
  if (!action.takesReason || !response.ok)
    deps.log(
      `console: ${c.get('keyId')} ${name} ${context.state.id}: ${response.status}, because ${JSON.stringify(values['reason'])}`,
      { ...requestFields(c), subscription_id: context.state.id, status: response.status },
    );
  if (!response.ok) return checkPage(doing, key, `${String(answer['title'])}: ${String(answer['detail'])}`);
  const view = {
    ...common(doing),
    isReplay: response.headers.get('Idempotent-Replayed') === 'true' || answer['duplicate'] === true,
    status: response.status,
    answer: JSON.stringify(answer, null, 2),
    curl: curlOf(deps, call, key),
  };
  return sendPage(c, actionDonePage(view, assets));
}

const requestOf = ({ method, path, body }: Call, key: string): Request =>
  new Request(new URL(path, 'http://console'), {
    method,
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
    body: JSON.stringify(body),
  });

/** The same call for a shell, with the API key as a variable: a key is on no page. */
function curlOf({ publicUrl }: Deps, { method, path, body }: Call, key: string): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    `curl -X ${method} ${quoted(`${publicUrl}${path}`)}`,
    `-H "Authorization: Bearer $DRAWDOWN_KEY"`,
    `-H ${quoted(`Idempotency-Key: ${key}`)}`,
    `-H 'Content-Type: application/json'`,
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(' \\\n  ');
}
