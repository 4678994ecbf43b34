import type { GrantKind } from './burndown.ts';

// The rule behind each fact on record. The ids are those of docs/rules.md; the words are as short as possible.

/** The rules that a line of a timeline may name, in a few words each. */
export const RULE_WORDS = {
  'R-12': 'usable from its start, no longer at its end',
  'R-13': 'late work is dated when it was due',
  'R-20': 'each paid cycle brings the plan’s allowance',
  'R-21': 'an allowance ends after its term',
  'R-30': 'packs are charged at once and there once paid',
  'R-31': 'a pack ends 90 days after the next renewal',
  'R-32': 'a renewal charges the plan and its add-on',
  'R-33': 'packs can be removed until the renewal',
  'R-35': 'a declined payment grants nothing',
  'R-36': 'an operator issues an adjustment',
  'R-39': 'packs are bought by themselves below a threshold',
  'R-40': 'a renewal that is paid begins a cycle',
  'R-41': 'a declined renewal is tried again',
  'R-42': 'a payment settles at once or later',
  'R-43': 'a subscription begins with its first payment',
  'R-45': 'a new payment method is tried at once',
  'R-50': 'the end forfeits unused credits',
  'R-51': 'a cancel takes effect at the renewal or at once',
  'R-52': 'nothing changes an ended subscription',
  'R-53': 'an upgrade takes effect at once, in full',
  'R-54': 'a downgrade waits for the renewal',
  'R-55': 'a dearer plan is up, a cheaper one down',
  'R-60': 'the allowance burns first, then the soonest to end',
  'R-62': 'a free feature is recorded too',
  'R-65': 'a key is answered once and for ever',
  'R-70': 'a hold sets credits aside until a deadline',
  'R-71': 'a capture spends held credits and returns the rest',
  'R-72': 'past its deadline a hold is released by itself',
  'R-73': 'credits returned too late go at once',
  'R-80': 'a reversal returns credits to the same grants',
  'R-81': 'a refund takes back its unused credits',
  'R-82': 'an operator may revoke an adjustment',
  'R-90': 'a test clock moves when it is advanced',
} as const;
/** One of the keys of `RULE_WORDS`. */
type RuleId = keyof typeof RULE_WORDS;

/** Whether a text is the id of a rule in `RULE_WORDS`. */
export const isRule = (id: string): id is RuleId => Object.hasOwn(RULE_WORDS, id);

/** The facts about an entry that decide its rule. */
export interface EntryFacts {
  kind: string;
  grantKind: GrantKind;
  /** The kind of the charge that paid for its grant; null where none did. */
  chargeKind: string | null;
  usageId: string | null;
  holdId: string | null;
  /** Its date is a hold's deadline, not a caller's release. */
  isAtDeadline: boolean;
}

/** The rule behind an entry of the ledger. */
export function entryRule(entry: EntryFacts): RuleId {
  const { kind, grantKind, usageId, holdId } = entry;
  switch (kind) {
    case 'grant':
      return grantRule(grantKind, entry.chargeKind);
    case 'debit':
      return 'R-60';
    case 'hold':
      return 'R-70';
    case 'capture':
      return 'R-71';
    case 'release':
      return entry.isAtDeadline ? 'R-72' : 'R-71';
    case 'reversal':
      return usageId === null ? 'R-81' : 'R-80';
    case 'revocation':
      return grantKind === 'adjustment' ? 'R-82' : 'R-81';
    case 'forfeiture':
      return holdId !== null ? 'R-73' : usageId !== null ? 'R-80' : 'R-50';
    default:
      if (holdId !== null) return 'R-73';
      if (usageId !== null) return 'R-80';
      return TERM_RULE[grantKind];
  }
}

const TERM_RULE: Record<GrantKind, RuleId> = { allowance: 'R-21', pack: 'R-31', adjustment: 'R-12' };

function grantRule(kind: GrantKind, chargeKind: string | null): RuleId {
  if (kind === 'adjustment') return 'R-36';
  if (kind === 'pack') return chargeKind === 'renewal' ? 'R-32' : 'R-30';
  return chargeKind === 'upgrade' ? 'R-53' : 'R-20';
}

const CHARGE_RULE: Record<string, RuleId> = {
  start: 'R-43',
  renewal: 'R-32',
  purchase: 'R-30',
  upgrade: 'R-53',
};

/** The rule behind one attempt at a charge, by its outcome. */
export function attemptRule(kind: string, outcome: string, attempt: number): RuleId {
  if (outcome === 'pending' || outcome === 'given_up') return 'R-42';
  if (kind === 'renewal' && (outcome === 'declined' || attempt > 1)) return 'R-41';
  if (outcome === 'declined') return kind === 'start' ? 'R-43' : 'R-35';
  return CHARGE_RULE[kind] ?? 'R-42';
}

const MESSAGE_RULE: Record<string, RuleId> = {
  paymentSettled: 'R-42',
  cancelled: 'R-51',
  planChanged: 'R-55',
  packsWithdrawn: 'R-81',
  moneyBack: 'R-81',
};

/** The rule behind a message from billing, by its kind; R-52 for one that came after the end. null for an unknown kind. */
export function messageRule(kind: string, outcome: string | null): RuleId | null {
  return outcome === 'ended' ? 'R-52' : (MESSAGE_RULE[kind] ?? null);
}

const COMMAND_RULE: Record<string, RuleId> = {
  start: 'R-43',
  buy_packs: 'R-30',
  set_add_on: 'R-33',
  change_plan: 'R-55',
  cancel: 'R-51',
  resume: 'R-51',
  set_payment_method: 'R-45',
  issue_grant: 'R-36',
  revoke_grant: 'R-82',
  set_allowance: 'R-36',
  set_top_up: 'R-39',
  refund_purchase: 'R-81',
  advance: 'R-90',
};

/** The rule behind a command, by its operation. R-65 for one answered with 503: it never takes effect later. */
export function commandRule(operation: string, status: string): RuleId | null {
  return status === 'abandoned' ? 'R-65' : (COMMAND_RULE[operation.split('/')[0]!] ?? null);
}

/** The same balance counted in three places. */
export interface LedgerSums {
  /** The sum of `remaining` of all grants. */
  grants: number;
  /** The running sum after the newest entry. The entry's seq is the ledger's version. */
  entries: number;
  version: number;
  /** the part of `grants` that can no longer be spent and is not yet booked as gone. */
  due: number;
  /** The ledger knows that its workflow is behind. */
  isBehind: boolean;
  /** The workflow's spendable credits as of a version. null when it does not answer, or exists no more. */
  workflow: { available: number; version: number } | null;
}

/** The comparison of the three counts. */
export type Verdict =
  | { kind: 'equal' }
  /** Grants and entries agree; the workflow did not answer. */
  | { kind: 'unknown' }
  /** The workflow is so many entries behind, and a nudge is on its way. */
  | { kind: 'behind'; by: number }
  | { kind: 'drift'; of: 'grants' | 'workflow' | 'version' | 'behind' };

/** I1, I8: compares the balance of grants, entries and workflow. */
export function verdictOf({ grants, entries, version, due, isBehind, workflow }: LedgerSums): Verdict {
  if (grants !== entries) return { kind: 'drift', of: 'grants' };
  if (workflow === null) return { kind: 'unknown' };
  if (workflow.version > version) return { kind: 'drift', of: 'version' };
  if (workflow.version < version)
    return isBehind ? { kind: 'behind', by: version - workflow.version } : { kind: 'drift', of: 'behind' };
  return workflow.available === grants - due ? { kind: 'equal' } : { kind: 'drift', of: 'workflow' };
}
