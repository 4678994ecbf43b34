import { z } from 'zod';
import { catalogShape } from './shape.ts';

/** The JSON Schema of a catalogue's file, for editors: draft 7, which they know best. catalog.schema.json holds the same. */
export const catalogSchema = (): Record<string, unknown> => ({
  ...z.toJSONSchema(catalogShape, { io: 'input', target: 'draft-7' }),
  title: 'Catalogue of Drawdown',
});

/** The text of catalog.schema.json. */
export const catalogSchemaText = (): string => `${JSON.stringify(catalogSchema(), null, 2)}\n`;
