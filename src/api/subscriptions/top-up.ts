import { z } from 'zod';
import { type Fault, invalid } from '../../domain/errors.ts';
import type { TopUpRequest } from '../../domain/top-up.ts';
import type { Deps } from '../deps.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { command } from '../updates.ts';
import { shown } from './found.ts';

const body = z.strictObject({
  enabled: z.boolean().default(true),
  threshold: z.int().min(0).optional(),
  packs: z.int().min(0).optional(),
  pack: s.pack.optional(),
  monthly_ceiling_minor: z.int().min(0).optional(),
});

// PUT /v1/subscriptions/{id}/top_up: a command to the workflow (updates.ts).

/** Registers the setting of a top-up. */
export function topUpRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'put',
      path: '/v1/subscriptions/{id}/top_up',
      summary: 'Buy packs whenever credits are low, up to a ceiling a month; or stop that',
      scope: 'billing',
      params: s.byId,
      body,
      idempotent: true,
      answers: { 200: { description: 'The subscription', schema: s.subscription } },
    },
    (c, input) =>
      command(deps, c, input, {
        operation: 'set_top_up',
        id: input.params.id,
        command: () => ({ type: 'set_top_up', wish: wishOf(input.body) }),
        answer: async (_, row) => ({ status: 200, body: await shown(deps, row) }),
      }),
  );
}

function wishOf(wanted: z.output<typeof body>): TopUpRequest | null {
  const { enabled, threshold, packs, pack = null, monthly_ceiling_minor: monthlyCeilingMinor } = wanted;
  const members = { threshold, packs, monthly_ceiling_minor: monthlyCeilingMinor };
  const faults = Object.entries(members).flatMap(([name, value]): Fault[] => {
    if (enabled === (value !== undefined)) return [];
    return [
      { pointer: `/${name}`, detail: enabled ? 'is required' : 'is not a member where it is switched off' },
    ];
  });
  if (faults.length > 0) throw invalid(...(faults as [Fault, ...Fault[]]));
  if (!enabled) return null;
  return { threshold: threshold!, packs: packs!, pack, monthlyCeilingMinor: monthlyCeilingMinor! };
}
