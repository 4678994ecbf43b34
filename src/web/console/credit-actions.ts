import { addDays, type Instant, isoOrNull, NEVER } from '../../domain/calendar.ts';
import {
  type Action,
  type ActionContext,
  below,
  countOf,
  type FormValues,
  idOf,
  instantOf,
  isLive,
  localText,
  oneOf,
  reasonOf,
} from './action-context.ts';
import { rehearse } from './rehearsal.ts';

// Actions on credits: issue an adjustment, revoke one.

const GRANT_DAYS = 90;

/** POST …/grants: issues an adjustment. */
export const grant: Action = {
  title: 'Give credits',
  verb: 'Give them',
  says: 'Issues an adjustment: credits outside plan and packs, with a term of their own.',
  takesReason: true,
  isOffered: isLive,
  fields: ({ now }) => [
    { name: 'credits', label: 'Credits', kind: 'number', value: '' },
    {
      name: 'expires_at',
      label: 'Until (UTC)',
      kind: 'instant',
      value: localText(addDays(now, 'UTC', GRANT_DAYS)),
      hint: 'From this instant on they can’t be spent. Empty: they live until the subscription ends.',
      isOptional: true,
    },
  ],
  call: (context, values) => ({
    method: 'POST',
    path: below(context, 'grants'),
    body: {
      credits: countOf(values, 'credits'),
      expires_at: isoOrNull(endOf(values)),
      reason: reasonOf(values),
    },
  }),
  rehearse: async (context, values) =>
    rehearse(context, {
      type: 'issue_grant',
      grantId: 'grt_new',
      credits: countOf(values, 'credits'),
      expiresAt: endOf(values) ?? NEVER,
      reason: reasonOf(values),
    }),
};

/** an empty field means no end of its own. */
const endOf = (values: FormValues): Instant | null =>
  (values['expires_at'] ?? '').trim() === '' ? null : instantOf(values, 'expires_at');

const adjustments = ({ grants }: ActionContext) =>
  grants.filter(({ kind, remaining }) => kind === 'adjustment' && remaining > 0);

/** POST …/grants/{grant_id}/revoke: revokes an adjustment's unused credits. */
export const revoke: Action = {
  title: 'Revoke an adjustment',
  verb: 'Take it back',
  says: 'Takes back the unused credits of an adjustment.',
  takesReason: true,
  isOffered: (context) => isLive(context) && adjustments(context).length > 0,
  fields: (context) => [
    {
      name: 'grant_id',
      label: 'Which',
      kind: 'select',
      value: '',
      options: adjustments(context).map(({ id, remaining, amount }) => ({
        value: id,
        label: `${context.format.credits(remaining)} left of ${context.format.credits(amount)} (${id})`,
      })),
    },
  ],
  call: (context, values) => ({
    method: 'POST',
    path: below(context, `grants/${idOf(values, 'grant_id')}/revoke`),
    body: { reason: reasonOf(values) },
  }),
  rehearse: async (context, values) =>
    rehearse(context, { type: 'revoke_grant', grantId: grantOf(context, values), reason: reasonOf(values) }),
};

const grantOf = (context: ActionContext, values: FormValues): string =>
  oneOf(
    values,
    'grant_id',
    adjustments(context).map(({ id }) => id),
  );
