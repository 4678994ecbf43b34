import type {
  ChargeData,
  CommandData,
  EntryData,
  HoldData,
  TimelineRow,
  UsageData,
} from '../../db/console/timeline.ts';
import type { GrantKind } from '../../domain/burndown.ts';
import type { Instant } from '../../domain/calendar.ts';
import {
  attemptRule,
  commandRule,
  entryRule,
  isRule,
  messageRule,
  RULE_WORDS,
} from '../../domain/explain.ts';
import type { Format } from '../shell/format.ts';
import type { LineView, RuleView } from './views.ts';

// Rows of the timeline in an operator's words: the event, and the rule that explains it.

/** A rule's number with its short text. */
export const ruleView = (id: string | null): RuleView | null =>
  id === null ? null : { id, words: isRule(id) ? RULE_WORDS[id] : null };

/** A statement takes real time: two instants closer than this count as the same. */
const SAME_MOMENT_MS = 2_000;

type RowOf<Source extends TimelineRow['source']> = Extract<TimelineRow, { source: Source }>;
type LineText = Omit<LineView, 'at' | 'recorded'>;

/** A row of the timeline as a line of the page. */
export function lineView(row: TimelineRow, format: Format): LineView {
  const isApart = row.recorded !== null && Math.abs(row.recorded - row.at) > SAME_MOMENT_MS;
  return { at: row.at, recorded: isApart ? row.recorded : null, ...lineText(row, format) };
}

const PLAIN = { says: [], credits: null, balance: null, rule: null, parts: [], about: [] };

function lineText(row: TimelineRow, format: Format): LineText {
  switch (row.source) {
    case 'entries':
      return entriesLine(row, format);
    case 'free': {
      const says = saidWith(row.data);
      const about = [{ id: row.id, label: 'this use' }];
      return {
        ...PLAIN,
        mark: 'minus',
        title: 'Used a free feature',
        says,
        credits: 0,
        rule: ruleView('R-62'),
        about,
      };
    }
    case 'charge':
      return chargeLine(row, format);
    case 'refund':
      return refundLine(row, format);
    case 'message':
      return messageLine(row);
    case 'note':
      return {
        ...PLAIN,
        mark: 'note',
        title: NOTES[row.data.kind] ?? words(row.data.kind),
        says: [row.data.detail],
        rule: ruleView(row.data.rule),
      };
    case 'command':
      return commandLine(row.data);
    case 'event':
      return eventLine(row);
    case 'started':
      return {
        ...PLAIN,
        mark: 'note',
        title: `Began as ${row.data.plan}, paid by the ${row.data.interval}`,
        rule: ruleView('R-43'),
      };
    default:
      return row satisfies never;
  }
}

const words = (name: string): string => capital(name.replaceAll('_', ' ').replaceAll('.', ' '));
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const NOTES: Record<string, string> = {
  renewal_skipped: 'A renewal was skipped',
  cancel_asked: 'A cancel was asked for',
  ended: 'The subscription ended',
  revoked: 'An adjustment was revoked',
  started: 'The subscription began',
  activated: 'The trial is over, and the plan is paid',
  renewed: 'The subscription renewed',
  past_due: 'The subscription is past due',
  changed: 'The plan changed',
  cancel_scheduled: 'A cancel was scheduled',
  change_scheduled: 'A change of plan was scheduled',
  resumed: 'The scheduled change was undone',
  top_up_skipped: 'A top-up was skipped',
  payment_refused: 'A payment was refused',
  payment_method_changed: 'The payment method changed',
};

type TimelineEntry = EntryData['entries'][number];

function entriesLine({ data, at }: RowOf<'entries'>, format: Format): LineText {
  const { entries, grant, usage, hold } = data;
  const credits = entries.reduce((sum, entry) => sum + entry.credits, 0);
  const lead = leading(entries);
  const facts = (entry: TimelineEntry) => ({
    kind: entry.kind,
    grantKind: entry.grant_kind as GrantKind,
    chargeKind: grant?.charge_kind ?? null,
    usageId: usage?.id ?? null,
    holdId: hold?.id ?? null,
    isAtDeadline: hold !== null && hold.deadline === at,
  });
  const rule = ruleView(entryRule(facts(lead)));
  return {
    mark: credits < 0 ? 'minus' : 'plus',
    title: entriesTitle(data, lead, format),
    says: entriesSay(data, lead, format),
    credits,
    balance: entries.at(-1)?.balance_after ?? null,
    rule,
    parts:
      entries.length === 1
        ? []
        : entries.map((entry) => {
            const own = ruleView(entryRule(facts(entry)));
            return {
              text: `${VERBS[entry.kind] ?? entry.kind} ${entry.grant_kind} ${entry.grant_id}`,
              amount: format.signed(entry.credits),
              rule: own?.id === rule?.id ? null : own,
            };
          }),
    about: aboutOf(data),
  };
}

/** The entry that names the line: a capture follows its release, and an immediate expiry follows the return. */
const leading = (entries: TimelineEntry[]): TimelineEntry =>
  entries.find(({ kind }) => kind === 'capture') ?? entries[0]!;

const VERBS: Record<string, string> = {
  grant: 'granted as',
  debit: 'from',
  hold: 'held of',
  capture: 'captured of',
  release: 'back to',
  expiry: 'expired of',
  forfeiture: 'forfeited of',
  reversal: 'back to',
  revocation: 'taken from',
};

function entriesTitle({ entries, usage, hold }: EntryData, lead: TimelineEntry, format: Format): string {
  // Credits returned too late end at once: the line counts only entries of its own kind.
  const credits = entries.reduce((sum, { kind, credits: of }) => sum + (kind === lead.kind ? of : 0), 0);
  const of = (count: number) => format.creditsOf(Math.abs(count));
  switch (lead.kind) {
    case 'grant':
      return `${capital(lead.grant_kind)} of ${of(lead.credits)}`;
    case 'debit':
      return `Spent ${of(usage?.credits ?? credits)}`;
    case 'hold':
      return `Held ${of(hold?.credits ?? credits)}`;
    case 'capture':
      return `Captured ${of(hold?.captured ?? credits)} of ${format.credits(hold?.credits ?? 0)} held`;
    case 'release':
      return `Released ${of(hold?.credits ?? credits)}`;
    case 'expiry':
      return `${of(credits)} of ${ofKind(lead)} expired`;
    case 'forfeiture':
      return `${of(credits)} forfeited`;
    case 'reversal':
      return usage ? `Reversed ${of(credits)}` : `${of(credits)} came back`;
    case 'revocation':
      return `${of(credits)} of ${ofKind(lead)} taken back`;
    default:
      return words(lead.kind);
  }
}

const ofKind = ({ grant_kind }: TimelineEntry): string =>
  grant_kind === 'pack' ? 'a pack' : grant_kind === 'allowance' ? 'an allowance' : 'an adjustment';

function entriesSay({ grant, usage, hold }: EntryData, lead: TimelineEntry, format: Format): string[] {
  const used = usage ?? hold;
  const says = used ? saidWith(used) : [];
  if (lead.kind === 'grant' && grant) {
    says.push(`until ${untilText(grant.expires_at, format)}`);
    if (grant.reason) says.push(grant.reason);
  }
  if (lead.kind === 'hold' && hold) says.push(`until ${format.moment(hold.deadline)}`);
  if (lead.kind === 'debit' && usage && usage.reversed > 0)
    says.push(`${format.creditsOf(usage.reversed)} of it given back`);
  return says;
}

/** The end of a grant in words; null: it has none of its own. */
export const untilText = (at: Instant | null, format: Format): string =>
  at === null ? 'the subscription ends' : format.moment(at);

const MOST_LINES = 4;

/** The caller's members of a usage or hold: features, channel, reference. */
function saidWith({
  lines,
  via,
  reference,
}: Pick<UsageData | HoldData, 'lines' | 'via' | 'reference'>): string[] {
  const named = lines
    .slice(0, MOST_LINES)
    .map(({ feature, quantity, credits }) => `${quantity} × ${feature} = ${credits}`);
  if (lines.length > MOST_LINES) named.push(`${lines.length - MOST_LINES} more lines`);
  return [...named, ...(via ? [`via ${via}`] : []), ...(reference ? [`reference ${reference}`] : [])];
}

function aboutOf({ entries, grant, usage, hold }: EntryData): LineView['about'] {
  const about: LineView['about'] = [];
  if (usage) about.push({ id: usage.id, label: 'this use' });
  if (hold) about.push({ id: hold.id, label: 'this hold' });
  if (entries.length === 1) about.push({ id: entries[0]!.grant_id, label: 'this grant' });
  if (grant?.charge_id && entries[0]!.kind === 'grant')
    about.push({ id: grant.charge_id, label: 'its charge' });
  return about;
}

const CHARGES: Record<string, string> = {
  start: 'The start',
  renewal: 'The renewal',
  purchase: 'A purchase',
  upgrade: 'The upgrade',
};

function chargeLine({ data }: RowOf<'charge'>, format: Format): LineText {
  const { kind, outcome, attempt, attempts, amount_minor, currency, refunded_minor, disputes } = data;
  const money = (minor: number) => format.money(minor, currency);
  const nth = attempt > 1 ? `, attempt ${attempt}` : '';
  const says = [`by ${data.payment_method}`];
  if (refunded_minor > 0 && attempt === attempts) says.push(`${money(refunded_minor)} of it given back`);
  for (const dispute of disputes)
    says.push(`dispute ${dispute.id} of ${money(dispute.amount_minor)}: ${dispute.status}`);
  return {
    ...PLAIN,
    mark: 'money',
    title: `${CHARGES[kind] ?? words(kind)} of ${money(amount_minor)}${nth}: ${standing(data)}`,
    says,
    rule: ruleView(attemptRule(kind, outcome, attempt)),
    parts: data.lines.map(({ description, quantity, amountMinor }) => ({
      text: quantity > 1 ? `${quantity} × ${description}` : description,
      amount: money(amountMinor),
      rule: null,
    })),
    about: [{ id: data.purchase_id ?? data.id, label: data.purchase_id ? 'this purchase' : 'this charge' }],
  };
}

/** An attempt's outcome; the last one may have been settled or given up since its answer. */
function standing({ outcome, status, attempt, attempts }: ChargeData): string {
  const since = attempt === attempts && status !== outcome ? `, then ${status.replace('_', ' ')}` : '';
  return `${outcome.replace('_', ' ')}${since}`;
}

function refundLine({ data }: RowOf<'refund'>, format: Format): LineText {
  return {
    ...PLAIN,
    mark: 'money',
    title: `Refund of ${format.money(data.amount_minor, data.currency)}${data.done ? '' : ': asked, not done'}`,
    says: [data.reason],
    rule: ruleView('R-81'),
    about: [{ id: data.charge_id, label: 'its charge' }],
  };
}

const MESSAGES: Record<string, string> = {
  paymentSettled: 'Billing says how a payment went',
  cancelled: 'Billing says that it was cancelled',
  planChanged: 'Billing says that the plan changed',
  packsWithdrawn: 'The ledger reports the packs that refunds took',
  moneyBack: 'Billing says that money went back',
};
const OUTCOMES: Record<string, string> = {
  signalled: 'the workflow was told',
  booked: 'booked in the ledger',
  ended: 'came after the end: changes nothing',
  ignored: 'settles nothing: kept, goes no further',
  unknown: 'of nothing that is known here: kept',
  superseded: 'of an attempt that was followed by another: kept',
  mismatched: 'of another amount than its charge: refused',
};
/** Members of messages that the page shows, in this order; all other members stay in the database. */
const TELLING = [
  'outcome',
  'kind',
  'status',
  'toMinor',
  'amountMinor',
  'packs',
  'plan',
  'interval',
  'attempt',
  'reason',
];

function messageLine({ data, id }: RowOf<'message'>): LineText {
  const { payload, outcome, kind, provider } = data;
  const says = TELLING.flatMap((name) => {
    const value = payload[name];
    return typeof value === 'string' || typeof value === 'number' ? [`${name} ${value}`] : [];
  });
  const chargeId = payload['chargeId'];
  return {
    ...PLAIN,
    mark: 'message',
    title: MESSAGES[kind] ?? words(kind),
    says: [
      ...says,
      outcome === null ? 'waiting to be told' : (OUTCOMES[outcome] ?? outcome),
      `message ${id} from ${provider}`,
    ],
    rule: ruleView(messageRule(kind, outcome)),
    about: typeof chargeId === 'string' ? [{ id: chargeId, label: 'its charge' }] : [],
  };
}

const STATUSES: Record<string, string> = {
  pending: 'on its way',
  taken: 'being worked',
  done: 'done',
  refused: 'refused',
  abandoned: 'not taken in time: its caller was told 503, and it has no effect',
};

function commandLine({ operation, key, status, attempt, object_id, refusal }: CommandData): LineText {
  const [name = '', object] = operation.split('/');
  const tries = attempt > 1 ? [`attempt ${attempt}`] : [];
  const why = refusal ? [`${refusal.code}: ${refusal.detail}`] : [];
  const id = object ?? (/^(pur|grt|chg)_/.test(object_id) ? object_id : undefined);
  return {
    ...PLAIN,
    mark: 'request',
    title: `Asked: ${name.replaceAll('_', ' ')}`,
    says: [STATUSES[status] ?? status, ...why, ...tries, `key ${key}`],
    rule: ruleView(commandRule(operation, status)),
    about: id ? [{ id, label: 'its object' }] : [],
  };
}

function eventLine({ data, id }: RowOf<'event'>): LineText {
  const sent = data.deliveries.map(({ status, count }) => `${status} to ${count}`);
  return {
    ...PLAIN,
    mark: 'message',
    title: `Told: ${data.type}`,
    says: [sent.length === 0 ? 'nobody asked to hear of it' : sent.join(', '), id],
  };
}
