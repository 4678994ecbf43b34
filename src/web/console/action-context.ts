import { z } from 'zod';
import type { Deps } from '../../api/deps.ts';
import { nowOf } from '../../api/views.ts';
import { snapshot } from '../../db/ledger.ts';
import { type ChargeRow, listCharges, type SubscriptionRow } from '../../db/reads.ts';
import type { Grant } from '../../domain/burndown.ts';
import { type Instant, iso } from '../../domain/calendar.ts';
import type { Catalog } from '../../domain/catalog.ts';
import { type Fault, invalid } from '../../domain/errors.ts';
import type { State } from '../../domain/state.ts';
import type { Format } from '../shell/format.ts';
import type { FieldView } from './action-page.tsx';
import type { Rehearsal } from './rehearsal.ts';

// What an action of the console is made of: the subscription as it stands, what was entered, the call that does it.

export interface Call {
  method: 'POST' | 'PUT';
  path: string;
  body: Record<string, unknown>;
}

/** A subscription as actions see it. */
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

export type FormValues = Record<string, string>;

export interface Action {
  title: string;
  /** What the last button says. */
  verb: string;
  /** What it is for, in a sentence. */
  says: string;
  /** Whether the API's request has a place for the reason; else it is kept in the log of this server. */
  takesReason: boolean;
  isOffered(context: ActionContext): boolean;
  fields(context: ActionContext): FieldView[];
  /** Throws the faults of what was entered. */
  call(context: ActionContext, values: FormValues): Call;
  rehearse(context: ActionContext, values: FormValues): Promise<Rehearsal>;
}

const MOST_CHARGES = 100;

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
  return { deps, row, state, now: nowOf(row), grants: now?.grants ?? [], catalog, charges, format };
}

export const below = ({ state }: ActionContext, path: string) => `/v1/subscriptions/${state.id}/${path}`;
export const fault = (name: string, detail: string): Fault => ({ pointer: `/${name}`, detail });

/** A whole number from 1, or the fault of its field. */
export function countOf(values: FormValues, name: string): number {
  const text = (values[name] ?? '').trim();
  if (!/^[1-9]\d{0,15}$/.test(text)) throw invalid(fault(name, 'must be a whole number from 1'));
  return Number(text);
}

/** What a `datetime-local` field sends, in UTC. */
export function instantOf(values: FormValues, name: string): Instant {
  const at = z.iso.datetime({ local: true }).safeParse(values[name] ?? '');
  const ms = at.success ? Date.parse(`${at.data.replace(/Z$/, '')}Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(fault(name, 'must be a date and a time'));
  return ms;
}

export function oneOf(values: FormValues, name: string, known: readonly string[]): string {
  const value = values[name] ?? '';
  if (!known.includes(value)) throw invalid(fault(name, 'must be one of those listed'));
  return value;
}

/** An id as the form sends it. Whether there is such an object, the API says: a call that was made before finds its answer. */
export function idOf(values: FormValues, name: string): string {
  const id = values[name] ?? '';
  if (!/^[A-Za-z0-9_]{1,64}$/.test(id)) throw invalid(fault(name, 'must be one of those listed'));
  return id;
}

export const reasonOf = (values: FormValues): string => (values['reason'] ?? '').trim();
export const localText = (at: Instant): string => iso(at).slice(0, 16);
export const isLive = ({ state }: ActionContext): boolean =>
  state.status === 'active' || state.status === 'past_due';
