import type { ClockReading } from '../db/console/fleet.ts';
import type { LedgerFacts, StandingRows } from '../db/console/standing.ts';
import type { Instant } from '../domain/calendar.ts';
import type { QueueFacts } from './queue.ts';

// The facts of an installation become findings: the part that stands still, since when, and its remedy. Pure: the readers are
// beside it.

/** Something that stands still, or soon will. */
export interface Finding {
  /** `bad` needs a person; a `warning` may pass by itself. */
  severity: 'bad' | 'warning';
  /** The same for ever: `backlog.message`, `clock.postgres`. */
  id: string;
  /** One sentence with the count. */
  what: string;
  count: number;
  /** Since when the oldest stands; null where nothing has an age. */
  oldest: Instant | null;
  /** The first rows, the oldest first. */
  rows: string[];
  remedy: string;
  /** The heading of docs/operating.md that says more. */
  section: string;
}

/** A workflow that stands still, or does not run at all. */
export interface StandingWorkflow {
  subscriptionId: string;
  reason: string;
}

/** All that is known of an installation. */
export interface Facts {
  ledger: LedgerFacts;
  /** Migrations that the database lacks, and `functions` where others are in force. Empty where nobody looked. */
  pending: string[];
  /** null: Temporal did not answer. */
  queue: QueueFacts | null;
  /** PostgreSQL's clock. */
  clock: ClockReading;
  /** Late subscriptions whose workflow fails at each attempt, and those without a running one. */
  stuck: StandingWorkflow[];
  missing: StandingWorkflow[];
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** A row that waits for longer is late: the relay works it within seconds. */
const LATE_MS = MINUTE_MS;
/** A row that waits for longer needs a person. */
const STANDS_MS = 10 * MINUTE_MS;
/** Tries after which `reconcile` calls a refused row unexplained. */
const MANY_TRIES = 5;
/** Clocks that differ by more refuse a worker's bookings of the calendar: `CLOCKS_AGREE_MS` of src/db/ledger.ts. */
const CLOCK_BAD_MS = MINUTE_MS;
const CLOCK_WARNS_MS = 2 * SECOND_MS;
/** PostgreSQL refuses to write at two thousand million. */
const IDS_WARN = 1_000_000_000;
const IDS_BAD = 1_600_000_000;

/** The findings, those that need a person first. */
export function findingsOf(facts: Facts): Finding[] {
  const found = [
    ...pendingFindings(facts.pending),
    ...clockFindings(facts),
    ...queueFindings(facts),
    ...workflowFindings(facts),
    ...incidentFindings(facts.ledger),
    ...refusedFindings(facts.ledger),
    ...backlogFindings(facts.ledger),
    ...databaseFindings(facts.ledger),
  ];
  return [
    ...found.filter(({ severity }) => severity === 'bad'),
    ...found.filter(({ severity }) => severity === 'warning'),
  ];
}

/** A count with its noun, and `s` where it is not one. */
const several = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** A duration in its largest unit, rounded. */
export function spanOf(ms: number): string {
  const seconds = Math.round(ms / SECOND_MS);
  if (seconds < 120) return several(seconds, 'second');
  if (seconds < 7_200) return several(Math.round(seconds / 60), 'minute');
  if (seconds < 172_800) return several(Math.round(seconds / 3_600), 'hour');
  return several(Math.round(seconds / 86_400), 'day');
}

const DATABASE = 'Growth';

function pendingFindings(pending: string[]): Finding[] {
  const tables = pending.filter((name) => name !== 'functions');
  const common = { oldest: null, section: 'Upgrades' };
  if (tables.length > 0)
    return [
      {
        ...common,
        severity: 'bad',
        id: 'schema.migrations',
        what: `The database lacks ${several(tables.length, 'migration')}`,
        count: tables.length,
        rows: tables,
        remedy: '`npx drawdown migrate` applies them; every start of an API or worker does so too.',
      },
    ];
  if (pending.length === 0) return [];
  return [
    {
      ...common,
      severity: 'warning',
      id: 'schema.functions',
      what: 'The SQL functions in force are those of another version',
      count: 1,
      rows: [],
      remedy:
        'During a rollout nothing is to be done. Otherwise `npx drawdown migrate` puts those of this version in force.',
    },
  ];
}

function clockFindings({ clock, queue }: Facts): Finding[] {
  const ofTemporal = queue === null ? [] : clockFinding('Temporal', queue.aheadMs, 0);
  return [...clockFinding('PostgreSQL', clock.aheadMs, clock.errorMs), ...ofTemporal];
}

function clockFinding(server: 'PostgreSQL' | 'Temporal', aheadMs: number, errorMs: number): Finding[] {
  const certainMs = Math.abs(aheadMs) - errorMs;
  if (certainMs <= CLOCK_WARNS_MS) return [];
  const isBad = certainMs > CLOCK_BAD_MS;
  const meanwhile =
    server === 'PostgreSQL' && isBad
      ? ' Until then workers with this clock book nothing of the calendar; spends go on by PostgreSQL’s clock.'
      : '';
  return [
    {
      severity: isBad ? 'bad' : 'warning',
      id: `clock.${server.toLowerCase()}`,
      what: `${server}’s clock is ${spanOf(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine’s`,
      count: 1,
      oldest: null,
      rows: [],
      remedy: `Set the wrong clock right (NTP).${meanwhile}`,
      section: 'Clocks',
    },
  ];
}

function queueFindings({ queue, ledger }: Facts): Finding[] {
  if (queue === null) return [];
  const found: Finding[] = [];
  const there = queue.pollers.filter(({ isThere }) => isThere);
  const section = 'When something is down';
  if (there.length === 0)
    found.push({
      severity: 'bad',
      id: 'workers.gone',
      what: `No worker asks for work on the queue “${queue.taskQueue}”`,
      count: 1,
      oldest: null,
      rows: queue.pollers.map(({ identity }) => identity),
      remedy:
        'Start a worker, with the TEMPORAL_TASK_QUEUE of its subscriptions. It works in order through all that came due.',
      section,
    });
  if (queue.backlog > 0 && queue.backlogMs > LATE_MS)
    found.push({
      severity: queue.backlogMs > STANDS_MS ? 'bad' : 'warning',
      id: 'workers.behind',
      what: `${several(queue.backlog, 'task')} of Temporal ${queue.backlog === 1 ? 'waits' : 'wait'} for a worker`,
      count: queue.backlog,
      oldest: ledger.now - queue.backlogMs,
      rows: [],
      remedy: 'Start more workers, or look at the processor of those that run.',
      section,
    });
  return found;
}

const STUCK = {
  remedy:
    'Mend the cause. Then `npx drawdown rehydrate --stuck` starts those anew that do not go on by themselves.',
  section: 'A stuck workflow',
};
const MISSING = {
  remedy: '`npx drawdown rehydrate` starts them where their ledgers stand.',
  section: 'A lost Temporal',
};

function workflowFindings({ queue, stuck, missing, ledger }: Facts): Finding[] {
  const { since } = ledger.late.boundary;
  const halted = queue?.halted ?? [];
  const of = (id: string, rows: string[], oldest: Instant | null, one: string, many: string): Finding[] =>
    rows.length === 0
      ? []
      : [
          {
            ...finding('bad', `workflows.${id}`, { count: rows.length, since: oldest, rows }),
            what: several(rows.length, `workflow ${one}`, `workflows ${many}`),
            ...(id === 'missing' ? MISSING : STUCK),
          },
        ];
  return [
    ...of('halted', halted, null, 'fails in its own code', 'fail in their own code'),
    ...of('stuck', named(stuck), since, 'fails at each attempt at a step', 'fail at each attempt at a step'),
    ...of('missing', named(missing), since, 'must be running, and is not', 'must be running, and are not'),
  ];
}

const named = (rows: StandingWorkflow[]): string[] =>
  rows.map(({ subscriptionId, reason }) =>
    reason === '' ? subscriptionId : `${subscriptionId} (${reason})`,
  );

function incidentFindings({ heldUp, incidents }: LedgerFacts): Finding[] {
  const found: Finding[] = [];
  const common = { section: 'Incidents' };
  if (heldUp.count > 0)
    found.push({
      ...common,
      ...finding('bad', 'incidents.held_up', heldUp),
      what: `${several(heldUp.count, 'subscription')} ${heldUp.count === 1 ? 'is' : 'are'} held up: due work could not be booked`,
      remedy:
        'Report the row of `incidents`, and mend the row or the code. The work is tried again by itself, at least once an hour.',
    });
  if (incidents.count > 0)
    found.push({
      ...common,
      ...finding('warning', 'incidents.recent', incidents),
      what: `${several(incidents.count, 'step')} ${incidents.count === 1 ? 'was' : 'were'} given up within a day`,
      remedy: 'Report the row of `incidents`. Its caller got a 500, and repeats with the same key.',
    });
  return found;
}

const finding = (severity: Finding['severity'], id: string, { count, since, rows }: StandingRows) => ({
  severity,
  id,
  count,
  oldest: since,
  rows,
});

const REFUSED: Record<string, { one: string; remedy: string }> = {
  message: {
    one: 'message of billing',
    remedy:
      'Put right the part that its reason names, or give it up: `npx drawdown refused drop`. `npx drawdown refused list` has every row.',
  },
  nudge: {
    one: 'nudge to a workflow',
    remedy: 'Spends are right without it. `npx drawdown refused list` has the reasons.',
  },
  event: {
    one: 'event',
    remedy: 'Mend the cause that `npx drawdown refused list` names. Then replay the events that were missed.',
  },
  delivery: {
    one: 'start of a delivery',
    remedy: 'Mend the cause that `npx drawdown refused list` names. It then starts by itself.',
  },
  deadline: { one: 'release of a hold', remedy: '`npx drawdown verify --subscription` checks the ledger.' },
  notice: { one: 'expiry or its notice', remedy: '`npx drawdown verify --subscription` checks the ledger.' },
  step: { one: 'step of a workflow', remedy: STUCK.remedy },
};
const PLURALS: Record<string, string> = {
  message: 'messages of billing',
  nudge: 'nudges to workflows',
  delivery: 'starts of deliveries',
  deadline: 'releases of holds',
  notice: 'expiries or their notices',
  step: 'steps of workflows',
};

function refusedFindings({ refused }: LedgerFacts): Finding[] {
  return refused.map(({ kind, tries, ...rows }): Finding => {
    const { one, remedy } = REFUSED[kind] ?? {
      one: kind,
      remedy: '`npx drawdown refused list` has the reasons.',
    };
    const verb = kind === 'step' ? ['fails', 'fail'] : ['is refused', 'are refused'];
    return {
      ...finding(tries >= MANY_TRIES ? 'bad' : 'warning', `refused.${kind}`, rows),
      what: `${several(rows.count, one, PLURALS[kind])} ${verb[rows.count === 1 ? 0 : 1]} again and again`,
      remedy,
      section: kind === 'step' ? STUCK.section : 'What is refused',
    };
  });
}

const RELAY =
  'Workers relay these rows: start one, or more of them. `drawdown_relay_rows_total` shows their rate and the outcome.';
const LATE: Record<
  keyof LedgerFacts['late'],
  { one: string; many?: string; remedy: string; section: string }
> = {
  boundary: {
    one: 'subscription has work that is due and not booked',
    many: 'subscriptions have work that is due and not booked',
    remedy:
      'A worker books it, dated when it was due. `npx drawdown verify --workflows` finds a workflow that does not go on.',
    section: 'DrawdownWorkLate',
  },
  message: {
    one: 'message of billing waits for the relay',
    many: 'messages of billing wait for the relay',
    remedy: RELAY,
    section: 'DrawdownBacklogOld',
  },
  nudge: {
    one: 'workflow waits for its urgent nudge',
    many: 'workflows wait for their urgent nudges',
    remedy: RELAY,
    section: 'DrawdownBacklogOld',
  },
  hold: {
    one: 'hold is past its deadline and not released',
    many: 'holds are past their deadlines and not released',
    remedy: RELAY,
    section: 'DrawdownBacklogOld',
  },
  notice: {
    one: 'subscription has a notice or an expiry that is due and not booked',
    many: 'subscriptions have notices or expiries that are due and not booked',
    remedy: RELAY,
    section: 'DrawdownBacklogOld',
  },
  event: {
    one: 'event has no deliveries yet',
    many: 'events have no deliveries yet',
    remedy: RELAY,
    section: 'DrawdownBacklogOld',
  },
  delivery: {
    one: 'delivery waits for its workflow',
    many: 'deliveries wait for their workflows',
    remedy: RELAY,
    section: 'DrawdownBacklogOld',
  },
  batch: {
    one: 'batch of grants stands still',
    many: 'batches of grants stand still',
    remedy:
      'Its workflow, `grant-batch/<id>` in the Temporal UI, has the reason. The relay starts a lost one again within five minutes.',
    section: 'When something is down',
  },
  lock: {
    one: 'session waits for a lock',
    many: 'sessions wait for a lock',
    remedy: 'Find the session that keeps a ledger’s row locked, and end it.',
    section: 'DrawdownLockWaits',
  },
};

function backlogFindings({ now, late }: LedgerFacts): Finding[] {
  return Object.entries(LATE).flatMap(([kind, { one, many, remedy, section }]): Finding[] => {
    const rows = late[kind as keyof typeof late];
    const ageMs = rows.since === null ? 0 : now - rows.since;
    if (rows.count === 0 || ageMs <= LATE_MS) return [];
    const severity = ageMs > STANDS_MS ? 'bad' : 'warning';
    return [
      {
        ...finding(severity, kind === 'boundary' ? 'work.late' : `backlog.${kind}`, rows),
        what: several(rows.count, one, many),
        remedy,
        section,
      },
    ];
  });
}

function databaseFindings({ missingMonths, connections, transactionIds }: LedgerFacts): Finding[] {
  const found: Finding[] = [];
  const common = { oldest: null, section: DATABASE };
  const [thisMonth, ...later] = missingMonths;
  if (thisMonth !== undefined)
    found.push({
      ...common,
      severity: thisMonth.isNow ? 'bad' : 'warning',
      id: 'database.months',
      what: `${several(missingMonths.length, 'month')} of entries ${later.length === 0 ? 'has' : 'have'} no table`,
      count: missingMonths.length,
      rows: missingMonths.map(({ name }) => name),
      remedy:
        'Any start of an API or worker makes it, and so does a running worker every hour. Without it no credit can be spent in that month.',
    });
  const { used, most } = connections;
  if (used > most * 0.8)
    found.push({
      ...common,
      severity: used > most * 0.95 ? 'bad' : 'warning',
      id: 'database.connections',
      what: `PostgreSQL has ${used} of ${most} connections in use`,
      count: used,
      rows: [],
      remedy: 'Raise `max_connections`, or run fewer processes: 20 connections an API, 11 a worker.',
      section: 'In production',
    });
  if (transactionIds > IDS_WARN)
    found.push({
      ...common,
      severity: transactionIds > IDS_BAD ? 'bad' : 'warning',
      id: 'database.transaction_ids',
      what: `PostgreSQL has used ${Math.floor(transactionIds / 1e6)} of 2,000 million transaction ids since the last freeze`,
      count: 1,
      rows: [],
      remedy:
        'Let autovacuum finish: end transactions that are open for days, then `vacuum freeze`. At the end it refuses every write.',
    });
  return found;
}
