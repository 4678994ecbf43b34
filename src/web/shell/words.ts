import type { GrantKind } from '../../domain/burndown.ts';
import { INTERVALS } from '../../domain/calendar.ts';
import { type OneAndMany, shortOf } from '../../domain/catalog/brand.ts';
import {
  type Brand,
  type Catalog,
  featureOf,
  type Plan,
  packOf,
  packsOn,
  planName,
  planOf,
} from '../../domain/catalog/catalog.ts';

// The names of things on pages: those of the catalogue in force, and of ledger entries.

/** The words of a catalogue. */
export interface Words {
  brand: Brand;
  /** Credits and packs in sentences that name them often: the last words of the brand's names, as "credits" and "packs". */
  credit: OneAndMany;
  pack: OneAndMany;
  /** A plan's name; a plan, pack or feature that the catalogue no longer has is named by its id. */
  plan(id: string): string;
  packName(id: string): string;
  feature(id: string): string;
  /** "1 pack", "3 packs" */
  packs(count: number): string;
  /** The names of the kinds of grants. */
  grants: Record<GrantKind, string>;
  /** the names of the plans on which packs are sold, as "Creator, Pro or Business"; empty where there are none. */
  packPlans: string;
  /** The page or address at which a person asks for a plan, or for help; null where the catalogue has none. */
  contact(plan: string): string | null;
}

/** The words of generic pages, before a catalogue is known. */
export const CREDIT: OneAndMany = ['credit', 'credits'];

/** The words of a catalogue. */
export function wordsOf(catalog: Catalog): Words {
  const { brand } = catalog;
  const credit = shortOf(brand.credit);
  const pack = shortOf(brand.pack);
  return {
    brand,
    credit,
    pack,
    plan: (id) => planName(catalog, id),
    packName: (id) => packOf(catalog, id)?.name ?? id,
    feature: (id) => featureOf(catalog, id)?.name ?? id,
    packs: (count) => `${count} ${nameOf(pack, count)}`,
    grants: { allowance: `Default ${credit[1]}`, pack: capital(brand.pack[0]), adjustment: 'Adjustment' },
    packPlans: oneOf(catalog.plans.filter((plan) => sellsPacks(catalog, plan)).map(({ name }) => name)),
    contact: (plan) => planOf(catalog, plan)?.contact ?? brand.support_url,
  };
}

const sellsPacks = (catalog: Catalog, { id, prices }: Plan): boolean =>
  INTERVALS.some((interval) => prices[interval] !== undefined && packsOn(catalog, id, interval).length > 0);

/** "A", "A or B", "A, B or C" */
const oneOf = (names: string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

/** The singular or the plural for a number. */
export const nameOf = ([one, many]: OneAndMany, count: number): string => (count === 1 ? one : many);

/** A text with a large first letter. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** The name of a ledger entry for its owner. */
export const entryName = (kind: string, { credit }: Words): string =>
  kind === 'grant' ? `${capital(credit[1])} added` : (ENTRIES[kind] ?? kind);

const ENTRIES: Record<string, string> = {
  debit: 'Used',
  hold: 'Set aside for a job',
  capture: 'Used by a job',
  release: 'Given back by a job',
  expiry: 'Expired',
  forfeiture: 'Forfeited with the subscription',
  reversal: 'Given back',
  revocation: 'Taken back',
};
