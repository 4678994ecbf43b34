import type { z } from 'zod';
import type { Catalog } from '../domain/catalog/catalog.ts';
import { type Fault, pointer } from '../domain/errors.ts';
import { storageFault } from '../domain/text.ts';
import { catalogShape } from './shape.ts';

/** Reads a catalogue from parsed JSON, with every default filled in; or answers every fault with its pointer. */
export function readCatalog(value: unknown): { catalog: Catalog } | { faults: Fault[] } {
  const unkept = storageFault(value);
  if (unkept !== null) return { faults: [unkept] };
  const read = catalogShape.safeParse(value);
  if (!read.success)
    return {
      faults: read.error.issues.map(({ path, message }) => ({ pointer: pointer(path), detail: message })),
    };
  return { catalog: catalogOf(read.data) };
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
    features: file.features.map((feature) =>
      feature.credits === null ? { ...feature, per: null } : feature,
    ),
  };
}
