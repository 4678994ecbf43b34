import type { z } from 'zod';
import type { Catalog } from '../domain/catalog/catalog.ts';
import { type Fault, pointer } from '../domain/errors.ts';
import { storageFault } from '../domain/text.ts';
import { checkMembers } from './checks.ts';
import { type CatalogFault, faultsOf, type Path, sentenceOf, withoutEchoes } from './faults.ts';
import { catalogShape } from './shape.ts';
import { type PlacedFault, parseText } from './text.ts';

/** Reads a catalogue from parsed JSON, with every default filled in; or answers every fault with its pointer. */
export function readCatalog(value: unknown): { catalog: Catalog } | { faults: Fault[] } {
  const read = readMembers(value);
  if ('catalog' in read) return read;
  return { faults: read.faults.map(({ path, detail }) => ({ pointer: pointer(path), detail })) };
}

/** Reads a catalogue from JSON with comments; or answers every fault with its pointer, line and column, in their order. */
export function readCatalogText(text: string): { catalog: Catalog } | { faults: PlacedFault[] } {
  const parsed = parseText(text);
  if ('faults' in parsed) return parsed;
  const read = readMembers(parsed.value);
  const faults = [...parsed.repeated, ...('faults' in read ? read.faults : [])];
  return 'catalog' in read && faults.length === 0 ? read : { faults: parsed.place(faults) };
}

function readMembers(value: unknown): { catalog: Catalog } | { faults: CatalogFault[] } {
  const unkept: CatalogFault[] = [];
  const fault = storageFault(value, (path) => {
    unkept.push({ path: pathIn(value, path), detail: '' });
    return '';
  });
  if (fault !== null) return { faults: unkept.map(({ path }) => ({ path, detail: fault.detail })) };
  const read = catalogShape.safeParse(value, { error: sentenceOf });
  const faults = [...(read.success ? [] : faultsOf(read.error.issues)), ...checkMembers(value)];
  return read.success && faults.length === 0
    ? { catalog: catalogOf(read.data) }
    : { faults: withoutEchoes(faults) };
}

/** A path whose numbers are the places in lists. */
function pathIn(value: unknown, names: readonly string[]): Path {
  let around = value;
  return names.map((name) => {
    const part = Array.isArray(around) ? Number(name) : name;
    around = (around as Record<string, unknown>)[name];
    return part;
  });
}

/** The catalogue of a file. Defaults that depend on another member are filled in here. */
function catalogOf({ $schema: _, ...file }: z.output<typeof catalogShape>): Catalog {
  return {
    ...file,
    plans: file.plans.map(({ credits = null, prices, trial, ...plan }) => ({
      ...plan,
      credits,
      prices: Object.fromEntries(Object.entries(prices).filter(([, price]) => price !== undefined)),
      trial: trial && { days: trial.days, credits: trial.credits ?? credits ?? 0 },
    })),
    features: file.features.map(({ per = 1, ...feature }) => ({
      ...feature,
      per: feature.credits === null ? null : per,
    })),
  };
}
