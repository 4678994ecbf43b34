import { type Grant, goneAt } from '../../domain/burndown.ts';
import type { Instant } from '../../domain/calendar.ts';
import type { Catalog } from '../../domain/catalog/catalog.ts';
import { packsIn } from '../../domain/catalog/packs.ts';
import { answered } from '../../domain/charge-outcomes.ts';
import { type Command, decide } from '../../domain/commands.ts';
import { Refusal } from '../../domain/errors.ts';
import { isRule } from '../../domain/explain.ts';
import type { Charge, Effect, State } from '../../domain/state.ts';
import { endsAt } from '../../domain/subscription.ts';
import type { Format } from '../shell/format.ts';
import { ruleView, untilText } from './timeline-lines.ts';
import type { RuleView } from './views.ts';

// The effects of a command before it runs: the core decides it on the present state, and nothing is booked.

/** One effect, with the rule behind it. */
interface RehearsalLine {
  text: string;
  rule: RuleView | null;
}

/** The effects, or the sentence of the refusal. */
export type Rehearsal = { lines: RehearsalLine[]; refusal?: never } | { lines?: never; refusal: string };

interface RehearsalContext {
  state: State;
  grants: Grant[];
  now: Instant;
  catalog: Catalog;
  format: Format;
}

/** A line of a rehearsal. */
export const line = (text: string, rule: string | null = null): RehearsalLine => ({
  text,
  rule: rule !== null && isRule(rule) ? ruleView(rule) : null,
});

/** Decides a command on the present state; its refusal becomes the answer. */
export function rehearse(context: RehearsalContext, command: Command): Rehearsal {
  const { grants, now, catalog, format } = context;
  const before = { ...context.state, grants };
  try {
    const decision = decide(before, command, now, catalog);
    const lines = linesOf(context, before, decision.state, decision.effects);
    if (decision.charge === null) return { lines: lines.length > 0 ? lines : [line('Nothing changes.')] };
    const paid = answered(decision.state, decision.charge, 'paid', now, catalog);
    lines.push(asksFor(decision.charge, format));
    lines.push(...linesOf(context, decision.state, paid.state, paid.effects).map(ifPaid));
    return { lines };
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error.message };
    throw error;
  }
}

const ifPaid = ({ text, rule }: RehearsalLine): RehearsalLine => ({ text: `If it is paid: ${text}`, rule });

function asksFor({ kind, amountMinor, currency, paymentMethod }: Charge, format: Format): RehearsalLine {
  return line(
    `Billing is asked for ${format.money(amountMinor, currency)} by ${paymentMethod}.`,
    kind === 'renewal' ? 'R-45' : null,
  );
}

function linesOf(context: RehearsalContext, before: State, after: State, effects: Effect[]): RehearsalLine[] {
  const lines = effects.flatMap((effect) => effectLines(context, effect));
  if (after.status !== before.status)
    lines.push(
      line(
        `The subscription becomes ${after.status.replace('_', ' ')}.`,
        after.status === 'ended' ? 'R-52' : null,
      ),
    );
  if (packsIn(after.addOn) !== packsIn(before.addOn))
    lines.push(line(`The packs that renew go from ${packsIn(before.addOn)} to ${packsIn(after.addOn)}.`));
  if (before.scheduled !== null && after.scheduled === null)
    lines.push(line('The scheduled change is undone.', 'R-51'));
  if (after.scheduled !== null && before.scheduled === null)
    lines.push(
      line(
        `A ${after.scheduled.kind === 'cancel' ? 'cancel' : 'plan change'} is scheduled for ${context.format.moment(after.scheduled.at)}.`,
        'R-51',
      ),
    );
  return lines;
}

function effectLines({ state, grants, format }: RehearsalContext, effect: Effect): RehearsalLine[] {
  switch (effect.type) {
    case 'grant':
      return [
        line(
          `${format.creditsOf(effect.credits)} of ${effect.kind} from ${format.moment(effect.effectiveAt)} until ${untilText(goneAt(effect, endsAt(state)), format)}.`,
          { allowance: 'R-20', pack: 'R-31', adjustment: 'R-36' }[effect.kind],
        ),
      ];
    case 'expire':
      return [line(`The rest of ${effect.grantId} expires.`, 'R-12')];
    case 'forfeit':
      return [forfeits(grants, effect.at, format)];
    case 'revoke': {
      const grant = grants.find(({ id }) => id === effect.grantId);
      return [
        line(
          `${format.creditsOf(grant?.remaining ?? 0)} are taken back; held and spent credits stay so.`,
          'R-82',
        ),
      ];
    }
    case 'settle_charge':
      return [line(`The charge becomes ${effect.status.replace('_', ' ')}.`, 'R-42')];
    case 'refund':
      return [line('The money of the charge goes back.', 'R-42')];
    case 'owe_back':
      return [line('A payment of another amount than the charge’s is owed back.', 'R-42')];
    case 'note':
      // The subscription's state shows its transition.
      return effect.kind === 'renewal_skipped' ? [line(effect.detail, effect.rule)] : [];
    case 'discard':
      return [line('Nothing of the start stays.', 'R-43')];
    default:
      return effect satisfies never;
  }
}

function forfeits(grants: Grant[], at: Instant, format: Format): RehearsalLine {
  const lost = grants.filter(({ remaining, expiresAt }) => remaining > 0 && expiresAt > at);
  if (lost.length === 0) return line('No credits are forfeited: none are left.', 'R-50');
  const kinds = (['allowance', 'pack', 'adjustment'] as const).flatMap((kind) => {
    const credits = lost.reduce((sum, grant) => sum + (grant.kind === kind ? grant.remaining : 0), 0);
    return credits > 0 ? [`${format.credits(credits)} of ${kind}`] : [];
  });
  const sum = lost.reduce((credits, { remaining }) => credits + remaining, 0);
  return line(`${format.creditsOf(sum)} are forfeited: ${kinds.join(', ')}.`, 'R-50');
}
