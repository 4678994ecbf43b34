import { z } from 'zod';
import type { Deps } from '../../api/deps.ts';
import { nowOf } from '../../api/views.ts';
import { snapshot } from '../../db/ledger.ts';
import { type ChargeRow, listCharges, type SubscriptionRow } from '../../db/reads.ts';
import type { Grant } from '../../domain/burndown.ts';
import { type Instant, iso } from '../../domain/calendar.ts';
import type { Catalog } from '../../domain/catalog/catalog.ts';
import { type Fault, invalid } from '../../domain/errors.ts';
import type { State } from '../../domain/state.ts';
import { isRunning } from '../../domain/subscription.ts';
import type { Format } from '../shell/format.ts';
import type { FieldView } from './action-page.tsx';
import type { Rehearsal } from './rehearsal.ts';

// The parts of a console action: the subscription as it stands, the values of the form, and the call of the API.

/** A request to the API. */
export interface Call {
  method: 'POST' | 'PUT';
  path: string;
  body: Record<string, unknown>;
}

/** The subscription that an action acts on, with all it reads. */
export interface ActionContext {
  deps: Deps;
  row: SubscriptionRow;
  state: State;
  now: Instant;
  grants: Grant[];
  catalog: Catalog;
  charges: ChargeRow[];
  format: Format;
}

/** The fields of an action's form, by name. */
export type FormValues = Record<string, string>;

/** One action: its form, its check and its call of the API. */
export interface Action {
  title: string;
  /** The text of the last button. */
  verb: string;
  /** The action's purpose in a sentence. */
  says: string;
  /** Whether the API's request takes the reason; otherwise this server's log keeps it. */
  takesReason: boolean;
  isOffered(context: ActionContext): boolean;
  fields(context: ActionContext): FieldView[];
  /** Throws `invalid_request` with a fault for each wrong field. */
  call(context: ActionContext, values: FormValues): Call;
  rehearse(context: ActionContext, values: FormValues): Promise<Rehearsal>;
}

const MOST_CHARGES = 100;

/** Reads an action's context: open grants, the catalogue, the newest charges. */
export async function actionContextOf(
  deps: Deps,
  row: SubscriptionRow,
  format: Format,
): Promise<ActionContext> {
  const page = { limit: MOST_CHARGES, order: 'desc', after: null } as const;
  const [now, catalog, charges] = await Promise.all([
    snapshot(deps.db, row.state.id),
    deps.catalogs.current(),
    listCharges(deps.db, row.state.id, page),
  ]);
  const { state } = row;
  return {
    deps,
    row,
    state,
    now: nowOf(row),
    grants: now?.grants ?? [],
    catalog,
    charges: charges?.rows ?? [],
    format,
  };
}

/** A path of the API below the subscription. */
export const below = ({ state }: ActionContext, path: string) => `/v1/subscriptions/${state.id}/${path}`;
/** A fault of a form's field. */
export const fault = (name: string, detail: string): Fault => ({ pointer: `/${name}`, detail });

/** A field as a whole number from 1. Throws `invalid_request`. */
export function countOf(values: FormValues, name: string): number {
  const text = (values[name] ?? '').trim();
  if (!/^[1-9]\d{0,15}$/.test(text)) throw invalid(fault(name, 'must be a whole number from 1'));
  return Number(text);
}

/** A `datetime-local` field as an instant, read as UTC. Throws `invalid_request`. */
export function instantOf(values: FormValues, name: string): Instant {
  const at = z.iso.datetime({ local: true }).safeParse(values[name] ?? '');
  const ms = at.success ? Date.parse(`${at.data.replace(/Z$/, '')}Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(fault(name, 'must be a date and a time'));
  return ms;
}

/** A field that must be one of `known`. Throws `invalid_request`. */
export function oneOf(values: FormValues, name: string, known: readonly string[]): string {
  const value = values[name] ?? '';
  if (!known.includes(value)) throw invalid(fault(name, 'must be one of those listed'));
  return value;
}

/** A field as an id. The API checks that the object exists: a call that was made before finds its answer. */
export function idOf(values: FormValues, name: string): string {
  const id = values[name] ?? '';
  if (!/^[A-Za-z0-9_]{1,64}$/.test(id)) throw invalid(fault(name, 'must be one of those listed'));
  return id;
}

/** The trimmed reason. */
export const reasonOf = (values: FormValues): string => (values['reason'] ?? '').trim();
/** An instant as the value of a `datetime-local` field, in UTC. */
export const localText = (at: Instant): string => iso(at).slice(0, 16);
/** Whether the subscription has begun and not ended: operators' grants go on in a trial too (R-23). */
export const isLive = ({ state }: ActionContext): boolean => isRunning(state) || state.status === 'past_due';
