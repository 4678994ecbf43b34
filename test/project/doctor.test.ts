import { describe, expect, it } from 'vitest';
import type { LedgerFacts } from '../../src/db/console/standing.ts';
import { type Facts, findingsOf, spanOf } from '../../src/doctor/findings.ts';
import { headings } from './files.ts';

// Facts become findings: a table, one line a case.

const NOW = Date.parse('2026-11-24T10:00:00Z');
const MINUTE = 60_000;
const none = { count: 0, since: null, rows: [] };
const since = (minutes: number, count = 1) => ({ count, since: NOW - minutes * MINUTE, rows: ['row_1'] });

const CLEAN: Facts = {
  ledger: {
    now: NOW,
    late: {
      ...{ message: none, nudge: none, hold: none, event: none, delivery: none },
      ...{ notice: none, boundary: none, batch: none, lock: none },
    },
    refused: [],
    heldUp: none,
    incidents: none,
    missingMonths: [],
    connections: { used: 12, most: 100 },
    transactionIds: 1_000,
  },
  pending: [],
  queue: {
    taskQueue: 'subscriptions',
    pollers: [{ identity: '1@host', kinds: ['workflows', 'activities'], lastSeen: NOW, isThere: true }],
    backlog: 0,
    backlogMs: 0,
    halted: [],
    aheadMs: 0,
  },
  clock: { aheadMs: 0, errorMs: 2 },
  stuck: [],
  missing: [],
};

const ledger = (some: Partial<LedgerFacts>): Facts => ({ ...CLEAN, ledger: { ...CLEAN.ledger, ...some } });
const late = (some: Partial<LedgerFacts['late']>): Facts =>
  ledger({ late: { ...CLEAN.ledger.late, ...some } });
const queue = (some: Partial<NonNullable<Facts['queue']>>): Facts => ({
  ...CLEAN,
  queue: { ...CLEAN.queue!, ...some },
});
const clock = (aheadMs: number, errorMs = 5): Facts => ({ ...CLEAN, clock: { aheadMs, errorMs } });
const refused = (kind: string, tries: number) => ledger({ refused: [{ kind, tries, ...since(4, 2) }] });
const gone = { identity: '1@host', kinds: ['workflows'], lastSeen: NOW - 5 * MINUTE, isThere: false };
const DAYS_40 = 40 * 24 * 60 * MINUTE;

const TABLE: [title: string, facts: Facts, findings: string[]][] = [
  ['nothing stands', CLEAN, []],
  ['a row that waits for a second', late({ message: since(1 / 60) }), []],
  [
    'a message for two minutes',
    late({ message: since(2) }),
    ['warning backlog.message: 1 message of billing waits for the relay'],
  ],
  [
    'messages for eleven',
    late({ message: since(11, 3) }),
    ['bad backlog.message: 3 messages of billing wait for the relay'],
  ],
  [
    'an overdue hold',
    late({ hold: since(11) }),
    ['bad backlog.hold: 1 hold is past its deadline and not released'],
  ],
  [
    'an overdue expiry',
    late({ notice: since(2) }),
    ['warning backlog.notice: 1 subscription has a notice or an expiry that is due and not booked'],
  ],
  [
    'a late boundary',
    late({ boundary: since(11, 2) }),
    ['bad work.late: 2 subscriptions have work that is due and not booked'],
  ],
  [
    'an overdue delivery',
    late({ delivery: since(30, 2) }),
    ['bad backlog.delivery: 2 deliveries wait for their workflows'],
  ],
  ['a replayed delivery, of no known age', late({ delivery: { count: 1, since: null, rows: ['e/w'] } }), []],
  ['a batch that stands', late({ batch: since(15) }), ['bad backlog.batch: 1 batch of grants stands still']],
  ['a session behind a lock', late({ lock: since(2) }), ['warning backlog.lock: 1 session waits for a lock']],
  [
    'refused four times',
    refused('message', 4),
    ['warning refused.message: 2 messages of billing are refused again and again'],
  ],
  [
    'refused five times',
    refused('message', 5),
    ['bad refused.message: 2 messages of billing are refused again and again'],
  ],
  ['a failing step', refused('step', 9), ['bad refused.step: 2 steps of workflows fail again and again']],
  [
    'held up',
    ledger({ heldUp: since(3) }),
    ['bad incidents.held_up: 1 subscription is held up: due work could not be booked'],
  ],
  [
    'given up today',
    ledger({ incidents: since(3, 2) }),
    ['warning incidents.recent: 2 steps were given up within a day'],
  ],
  [
    'no table this month',
    ledger({ missingMonths: [{ name: 'entries_2026_11', isNow: true }] }),
    ['bad database.months: 1 month of entries has no table'],
  ],
  [
    'no table next month',
    ledger({ missingMonths: [{ name: 'entries_2026_12', isNow: false }] }),
    ['warning database.months: 1 month of entries has no table'],
  ],
  [
    'connections at 81 %',
    ledger({ connections: { used: 81, most: 100 } }),
    ['warning database.connections: PostgreSQL has 81 of 100 connections in use'],
  ],
  [
    'connections at 96 %',
    ledger({ connections: { used: 96, most: 100 } }),
    ['bad database.connections: PostgreSQL has 96 of 100 connections in use'],
  ],
  [
    'transaction ids',
    ledger({ transactionIds: 1.7e9 }),
    [
      'bad database.transaction_ids: PostgreSQL has used 1700 of 2,000 million transaction ids since the last freeze',
    ],
  ],
  ['a clock within two seconds', clock(1_900), []],
  ['a slow call proves nothing', clock(90_000, 90_000), []],
  [
    'a clock three seconds behind',
    clock(-3_100),
    ['warning clock.postgresql: PostgreSQL’s clock is 3 seconds behind this machine’s'],
  ],
  [
    'a clock 40 days ahead',
    clock(DAYS_40 + MINUTE),
    ['bad clock.postgresql: PostgreSQL’s clock is 40 days ahead of this machine’s'],
  ],
  [
    'Temporal ahead',
    queue({ aheadMs: 61_000 }),
    ['bad clock.temporal: Temporal’s clock is 61 seconds ahead of this machine’s'],
  ],
  [
    'no worker',
    queue({ pollers: [] }),
    ['bad workers.gone: No worker asks for work on the queue “subscriptions”'],
  ],
  [
    'a worker that stopped',
    queue({ pollers: [gone] }),
    ['bad workers.gone: No worker asks for work on the queue “subscriptions”'],
  ],
  [
    'tasks for two minutes',
    queue({ backlog: 7, backlogMs: 2 * MINUTE }),
    ['warning workers.behind: 7 tasks of Temporal wait for a worker'],
  ],
  ['failing code', queue({ halted: ['sub_1'] }), ['bad workflows.halted: 1 workflow fails in its own code']],
  ['Temporal away', { ...CLEAN, queue: null }, []],
  [
    'a stuck step',
    { ...CLEAN, stuck: [{ subscriptionId: 'sub_1', reason: 'bill failed 12 times: ECONNREFUSED' }] },
    ['bad workflows.stuck: 1 workflow fails at each attempt at a step'],
  ],
  [
    'no workflow',
    {
      ...CLEAN,
      missing: [
        { subscriptionId: 'sub_1', reason: '' },
        { subscriptionId: 'sub_2', reason: '' },
      ],
    },
    ['bad workflows.missing: 2 workflows must be running, and are not'],
  ],
  [
    'a migration is missing',
    { ...CLEAN, pending: ['0003_x', 'functions'] },
    ['bad schema.migrations: The database lacks 1 migration'],
  ],
  [
    'functions of another version',
    { ...CLEAN, pending: ['functions'] },
    ['warning schema.functions: The SQL functions in force are those of another version'],
  ],
  [
    'the worst first',
    { ...late({ event: since(2) }), missing: [{ subscriptionId: 'sub_1', reason: '' }] },
    [
      'bad workflows.missing: 1 workflow must be running, and is not',
      'warning backlog.event: 1 event has no deliveries yet',
    ],
  ],
];

describe('the findings', () => {
  it.each(TABLE)('%s', (_, facts, findings) => {
    expect(findingsOf(facts).map(({ severity, id, what }) => `${severity} ${id}: ${what}`)).toEqual(findings);
  });

  it('each have a remedy, and a section of docs/operating.md', () => {
    const sections = headings('docs/operating.md');
    const all = TABLE.flatMap(([, facts]) => findingsOf(facts));
    expect(all.filter(({ section }) => !sections.includes(section))).toEqual([]);
    expect(all.filter(({ remedy }) => !/^[`\p{Lu}].*\.$/u.test(remedy))).toEqual([]);
  });

  it.each([
    [400, '0 seconds'],
    [1_000, '1 second'],
    [119_000, '119 seconds'],
    [120_000, '2 minutes'],
    [DAYS_40 - 1, '40 days'],
    [3 * 3_600_000, '3 hours'],
    [DAYS_40, '40 days'],
  ])('%i ms are %s', (ms, text) => {
    expect(spanOf(ms)).toBe(text);
  });
});
