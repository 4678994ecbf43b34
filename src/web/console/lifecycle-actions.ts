import { openHolds } from '../../db/reads.ts';
import { addDays, iso } from '../../domain/calendar.ts';
import { nextDue } from '../../domain/due.ts';
import { forecast, horizonOf } from '../../domain/timeline.ts';
import {
  type Action,
  type ActionContext,
  below,
  type FormValues,
  instantOf,
  localText,
  reasonOf,
} from './action-context.ts';
import { line, rehearse } from './rehearsal.ts';

// Actions on the life of a subscription: cancel it now, advance its test clock.

/** POST …/cancel with `at: now` (R-51). */
export const cancel: Action = {
  title: 'Cancel now',
  verb: 'End it now',
  says: 'Ends the subscription at once. It does not come back to life.',
  takesReason: true,
  isOffered: ({ state }) => state.status !== 'ended',
  fields: () => [],
  call: (context, values) => ({
    method: 'POST',
    path: below(context, 'cancel'),
    body: { at: 'now', reason: reasonOf(values) },
  }),
  rehearse: async (context, values) =>
    rehearse(context, { type: 'cancel', at: 'now', reason: reasonOf(values) }),
};

const MOST_FORETOLD = 12;

/** POST …/advance (R-90). */
export const advance: Action = {
  title: 'Advance the test clock',
  verb: 'Advance it',
  says: 'Moves the clock forward through everything due. It does not go back.',
  takesReason: false,
  isOffered: ({ row }) => row.testClock !== null,
  fields: ({ state, grants, now }) => [
    {
      name: 'to',
      label: 'To (UTC)',
      kind: 'instant',
      value: localText(nextDue({ ...state, grants })?.at ?? addDays(now, 'UTC', 1)),
      hint: `It stands at ${iso(now)}. Offered is the next instant at which something is due.`,
    },
  ],
  call: (context, values) => ({
    method: 'POST',
    path: below(context, 'advance'),
    body: { to: iso(instantOf(values, 'to')) },
  }),
  rehearse: rehearseAdvance,
};

/** The forecast up to the instant, with every charge paid. */
async function rehearseAdvance(
  { deps, state, grants, now, catalog, format }: ActionContext,
  values: FormValues,
) {
  const to = instantOf(values, 'to');
  if (to < now) return { refusal: `The clock stands at ${iso(now)} and does not go back.` };
  const holds = await openHolds(deps.db, state.id);
  const bounds = { until: to, limit: MOST_FORETOLD + 1, holds };
  const { happenings } = forecast(state, grants, catalog, bounds);
  const lines = happenings.slice(0, MOST_FORETOLD).map(({ at, kind, credits, charge, rule }) => {
    const says = [
      ...(charge ? [`${format.money(charge.amount_minor, charge.currency)}, if it is paid`] : []),
      ...(credits === undefined ? [] : [`${format.signed(credits)} credits`]),
    ];
    return line(`${format.moment(at)}: ${kind}${says.length > 0 ? ` (${says.join('; ')})` : ''}`, rule);
  });
  if (happenings.length > MOST_FORETOLD) lines.push(line('… and more after that.'));
  else if (to > horizonOf(now))
    lines.push(line(`After ${format.moment(horizonOf(now))} nothing is foretold.`));
  return {
    lines: lines.length > 0 ? lines : [line('Nothing is due until then: only the clock moves.', 'R-90')],
  };
}
