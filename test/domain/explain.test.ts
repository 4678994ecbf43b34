import { describe, expect, test } from 'vitest';
import {
  attemptRule,
  commandRule,
  type EntryFacts,
  entryRule,
  type LedgerSums,
  messageRule,
  verdictOf,
} from '../../src/domain/explain.ts';

// The rule behind each record, and the verdict on three counts of one balance: one line a case.

const BARE: EntryFacts = {
  kind: 'debit',
  grantKind: 'allowance',
  chargeKind: null,
  usageId: null,
  holdId: null,
  isAtDeadline: false,
};
const use = { usageId: 'use_1' };
const hold = { holdId: 'hld_1' };

test.each<[string, Partial<EntryFacts>]>([
  ['R-20', { kind: 'grant' }],
  ['R-20', { kind: 'grant', chargeKind: 'renewal' }],
  ['R-53', { kind: 'grant', chargeKind: 'upgrade' }],
  ['R-30', { kind: 'grant', grantKind: 'pack', chargeKind: 'purchase' }],
  ['R-32', { kind: 'grant', grantKind: 'pack', chargeKind: 'renewal' }],
  ['R-36', { kind: 'grant', grantKind: 'adjustment' }],
  ['R-60', { kind: 'debit', ...use }],
  ['R-70', { kind: 'hold', ...hold }],
  ['R-71', { kind: 'capture', ...hold, ...use }],
  ['R-71', { kind: 'release', ...hold }],
  ['R-72', { kind: 'release', ...hold, isAtDeadline: true }],
  ['R-80', { kind: 'reversal', ...use }],
  ['R-81', { kind: 'reversal', grantKind: 'pack' }],
  ['R-81', { kind: 'revocation', grantKind: 'pack' }],
  ['R-82', { kind: 'revocation', grantKind: 'adjustment' }],
  ['R-21', { kind: 'expiry' }],
  ['R-31', { kind: 'expiry', grantKind: 'pack' }],
  ['R-12', { kind: 'expiry', grantKind: 'adjustment' }],
  ['R-73', { kind: 'expiry', ...hold }],
  ['R-80', { kind: 'expiry', ...use }],
  ['R-50', { kind: 'forfeiture' }],
  ['R-73', { kind: 'forfeiture', ...hold }],
  ['R-80', { kind: 'forfeiture', ...use }],
])('%s explains an entry %j', (rule, entry) => {
  expect(entryRule({ ...BARE, ...entry })).toBe(rule);
});

test.each<[string, string, string, number]>([
  ['R-43', 'start', 'paid', 1],
  ['R-43', 'start', 'declined', 1],
  ['R-42', 'start', 'pending', 1],
  ['R-32', 'renewal', 'paid', 1],
  ['R-41', 'renewal', 'declined', 1],
  ['R-41', 'renewal', 'paid', 2],
  ['R-42', 'renewal', 'pending', 2],
  ['R-30', 'purchase', 'paid', 1],
  ['R-35', 'purchase', 'declined', 1],
  ['R-35', 'upgrade', 'declined', 1],
  ['R-53', 'upgrade', 'paid', 1],
  ['R-42', 'purchase', 'given_up', 1],
])('%s explains a charge: %s, %s, attempt %i', (rule, kind, outcome, attempt) => {
  expect(attemptRule(kind, outcome, attempt)).toBe(rule);
});

describe('messages and commands', () => {
  test.each([
    ['R-42', 'paymentSettled', 'signalled'],
    ['R-52', 'paymentSettled', 'ended'],
    ['R-81', 'moneyBack', 'booked'],
    [null, 'something', 'ignored'],
  ])('%s explains a message %s that was %s', (rule, kind, outcome) => {
    expect(messageRule(kind, outcome)).toBe(rule);
  });

  test.each([
    ['R-30', 'buy_packs', 'done'],
    ['R-82', 'revoke_grant/grt_1', 'done'],
    ['R-81', 'refund_purchase/pur_1', 'refused'],
    ['R-65', 'buy_packs', 'abandoned'],
    [null, 'something', 'done'],
  ])('%s explains a command %s that is %s', (rule, operation, status) => {
    expect(commandRule(operation, status)).toBe(rule);
  });
});

const EVEN: LedgerSums = {
  grants: 480,
  entries: 480,
  version: 7,
  due: 0,
  isBehind: false,
  workflow: { available: 480, version: 7 },
};

test.each<[string, Partial<LedgerSums>]>([
  ['equal', {}],
  ['equal', { due: 20, workflow: { available: 460, version: 7 } }],
  ['behind 3', { isBehind: true, workflow: { available: 600, version: 4 } }],
  ['unknown', { workflow: null }],
  ['drift of grants', { grants: 479 }],
  ['drift of grants', { grants: 479, workflow: null }],
  ['drift of workflow', { workflow: { available: 479, version: 7 } }],
  ['drift of workflow', { due: 20 }],
  ['drift of version', { workflow: { available: 480, version: 8 } }],
  ['drift of behind', { workflow: { available: 480, version: 6 } }],
])('the verdict is %s for %j', (expected, counted) => {
  const verdict = verdictOf({ ...EVEN, ...counted });
  const said =
    verdict.kind === 'behind'
      ? `behind ${verdict.by}`
      : verdict.kind === 'drift'
        ? `drift of ${verdict.of}`
        : verdict.kind;
  expect(said).toBe(expected);
});
