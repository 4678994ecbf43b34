import type { z } from 'zod';
import { pointer } from '../domain/errors.ts';
import { nearest } from './nearest.ts';
import { brandShape, catalogShape, featureShape, packShape, planShape, policiesShape } from './shape.ts';

// The faults of a catalogue in plain sentences. A sentence goes on from the pointer of its member: `/plans/0/credits is required`.

/** The place of a member in a catalogue. */
export type Path = readonly (string | number)[];

/** One wrong member. `isName`: the member's name is wrong, not its value. `offset`: its place, where the path leads to another. */
export interface CatalogFault {
  path: Path;
  detail: string;
  isName?: boolean;
  offset?: number;
}

const IS_REQUIRED = 'is required';

/** zod's error map: the sentence for an issue whose schema has none of its own. */
export function sentenceOf(issue: { code?: string; input?: unknown; expected?: unknown }): string {
  if (issue.input === undefined) return IS_REQUIRED;
  const KINDS: Record<string, string> = {
    array: 'must be a list',
    tuple: 'must be a list',
    object: 'must be an object',
    boolean: 'must be true or false',
  };
  return KINDS[String(issue.expected)] ?? 'has a value that cannot be used';
}

/** The names of the objects of a catalogue, by their paths, and their members. */
const OBJECTS: Record<string, { name: string; members: readonly string[] }> = {
  '': { name: 'the catalogue', members: Object.keys(catalogShape.shape) },
  '/brand': { name: 'the brand', members: Object.keys(brandShape.shape) },
  '/plans/*': { name: 'a plan', members: Object.keys(planShape.shape) },
  '/plans/*/prices': { name: 'the prices', members: ['week', 'month', 'quarter', 'year'] },
  '/plans/*/trial': { name: 'a trial', members: ['days', 'credits'] },
  '/packs/*': { name: 'a pack', members: Object.keys(packShape.shape) },
  '/packs/*/term': { name: 'a term', members: ['days_after_renewal', 'days'] },
  '/features/*': { name: 'a feature', members: Object.keys(featureShape.shape) },
  '/features/*/unit': { name: 'a unit', members: ['one', 'many', 'natural', 'decimals'] },
  '/policies': { name: 'the policies', members: Object.keys(policiesShape.shape) },
  '/policies/allowance_term': { name: 'the term', members: ['days'] },
};

/** The words that people write for a member of this name. */
const OTHER_WORDS: Record<string, readonly string[]> = {
  plans: ['tiers', 'products', 'subscriptions'],
  packs: ['add_ons', 'addons', 'boosts', 'top_ups'],
  features: ['rates', 'rate_card', 'costs', 'actions', 'meters'],
  policies: ['settings', 'rules', 'options'],
  prices: ['price_minor', 'amounts', 'cost'],
  price: ['price_minor', 'amount', 'amount_minor', 'cost'],
  credits: ['allowance', 'amount', 'tokens', 'quantity'],
  on: ['interval', 'intervals', 'for'],
  term: ['expires', 'expiry', 'pack_term_days', 'ttl'],
  renews: ['recurring', 'renewing'],
  id: ['key', 'feature', 'slug'],
  name: ['title', 'label'],
  contract: ['enterprise', 'custom'],
  contact: ['contact_url', 'sales_url'],
  dunning_days: ['dunning', 'retries', 'retry_days'],
  accent: ['colour', 'color', 'accent_color'],
  product: ['name'],
  logo_url: ['logo'],
  home_url: ['home', 'url', 'website'],
  support_url: ['support', 'help_url'],
  one: ['singular'],
  many: ['plural'],
  days: ['length'],
};

function unknownMember(path: Path, member: string): CatalogFault {
  const around = OBJECTS[path.map((part) => (typeof part === 'number' ? '/*' : `/${part}`)).join('')];
  const meant = around && nearest(member, around.members, OTHER_WORDS);
  const others =
    around && `; the members are ${around.members.filter((name) => name !== '$schema').join(', ')}`;
  const detail = `is not a member of ${around?.name ?? 'this object'}${meant ? `: did you mean ${meant}?` : (others ?? '')}`;
  return { path: [...path, member], detail, isName: true };
}

/** The faults of zod's issues, without those that follow from a misspelt member. */
export function faultsOf(issues: readonly z.core.$ZodIssue[], around: Path = []): CatalogFault[] {
  return issues.flatMap((issue): CatalogFault[] => {
    const path = [...around, ...(issue.path as (string | number)[])];
    if (issue.code === 'unrecognized_keys') return issue.keys.map((member) => unknownMember(path, member));
    const meant = issue.code === 'invalid_union' ? branchMeant(issue.errors) : null;
    return meant ? faultsOf(meant, path) : [{ path, detail: issue.message }];
  });
}

/** The issues of the one form that a value of several forms was meant to have; null where none or several might be. */
function branchMeant(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | null {
  const inside = branches.filter((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  const fewest = Math.min(...inside.map(({ length }) => length));
  const meant = inside.filter(({ length }) => length === fewest);
  return meant.length === 1 ? meant[0]! : null;
}

/** Leaves out repeats, and the lack of a member that stands there under a misspelt name. */
export function withoutEchoes(faults: readonly CatalogFault[]): CatalogFault[] {
  const meant = new Set(
    faults.flatMap(({ path, detail, isName }) => {
      const [, member] = (isName && /did you mean (\w+)\?$/.exec(detail)) || [];
      return member ? [pointer([...path.slice(0, -1), member])] : [];
    }),
  );
  const said = new Set<string>();
  return faults.filter(({ path, detail }) => {
    const at = pointer(path);
    const isEcho = (detail.startsWith(IS_REQUIRED) && meant.has(at)) || said.has(`${at} ${detail}`);
    said.add(`${at} ${detail}`);
    return !isEcho;
  });
}
