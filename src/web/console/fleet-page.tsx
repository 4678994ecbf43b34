import type { Instant } from '../../domain/calendar.ts';
import type { Format } from '../shell/format.ts';
import type { Assets } from '../shell/page.tsx';
import { consolePage } from './frame.tsx';

/** A queue of the relay: its length and its oldest row. */
export interface BacklogView {
  label: string;
  says: string;
  count: number;
  since: Instant | null;
  /** Its oldest row has waited for longer than it should. */
  isLate: boolean;
}

/** A subscription with work due. */
export interface DueView {
  id: string;
  customerId: string;
  at: Instant;
  kind: string;
  isOverdue: boolean;
}

/** A relay row that was refused and is tried again. */
interface RefusedView {
  kind: string;
  /** Empty where the row belongs to no subscription. */
  subscriptionId: string;
  attempts: number;
  reason: string;
  since: Instant;
  nextAt: Instant;
  says: string | null;
}

/** A step with data that the ledger refused. */
interface IncidentView {
  subscriptionId: string;
  step: number;
  what: string;
  code: string;
  detail: string;
  tries: number;
  lastAt: Instant;
  /** The step is due, and the subscription stands still until it is booked. */
  isHeldUp: boolean;
}

/** Something that stands still, with its remedy: the finding of `drawdown doctor`. */
interface FindingView {
  severity: 'bad' | 'warning';
  what: string;
  count: number;
  oldest: Instant | null;
  rows: string[];
  /** With commands between backticks. */
  remedy: string;
  /** A heading of docs/operating.md. */
  section: string;
}

/** A worker's poller of the task queue. */
export interface PollerView {
  identity: string;
  kinds: string[];
  lastSeen: Instant | null;
  /** It polled within the last minute or so; Temporal lists a stopped poller for some minutes. */
  isThere: boolean;
}

/** The data of /console/fleet. */
export interface FleetView {
  now: Instant;
  statuses: { status: string; count: number }[];
  /** Those that need a person first. */
  findings: FindingView[];
  backlogs: BacklogView[];
  /** The most often tried first; `refusedCount` counts all of them. */
  refused: RefusedView[];
  refusedCount: number;
  /** Subscriptions whose workflow task fails. */
  halted: string[];
  /** Incidents that hold a subscription up first, then the newest. */
  incidents: IncidentView[];
  /** The soonest first; `dueCount` counts all of them. */
  due: DueView[];
  dueCount: number;
  overdueCount: number;
  pastDue: { id: string; customerId: string; since: Instant | null }[];
  pastDueCount: number;
  /** null: Temporal does not answer. */
  pollers: PollerView[] | null;
  taskQueue: string;
  temporalUrl: string | null;
  format: Format;
}

const pathOf = (id: string): string => `/console/subscriptions/${encodeURIComponent(id)}`;

/** The page /console/fleet. */
export function fleetPage(view: FleetView, assets: Assets): string {
  const { format, statuses, now } = view;
  const total = statuses.reduce((sum, { count }) => sum + count, 0);
  return consolePage(
    { title: 'Fleet', current: 'fleet', assets },
    <>
      <header class="stack">
        <h1>Fleet</h1>
        <p class="quiet">
          {total === 0
            ? 'No subscription has begun yet.'
            : statuses
                .map(({ status, count }) => `${format.credits(count)} ${status.replace('_', ' ')}`)
                .join(', ')}{' '}
          · {format.moment(now)}
        </p>
      </header>
      <Findings {...view} />
      <div class="pair">
        <div class="pile">
          <Waiting {...view} />
          <Refused {...view} />
          <Incidents {...view} />
          <PastDue {...view} />
        </div>
        <div class="pile">
          <Workers {...view} />
          <Due {...view} />
        </div>
      </div>
    </>,
  );
}

/** Rows of a finding that fit beside others. */
const SHOWN = 3;

function Findings({ findings, now, format }: FleetView) {
  return (
    <section class="card" aria-labelledby="findings">
      <h2 id="findings">Findings</h2>
      {findings.every(({ severity }) => severity !== 'bad') && <p class="empty">Nothing needs a person.</p>}
      <ul class="stack">
        {findings.map(({ severity, what, count, oldest, rows, remedy, section }) => (
          <li>
            <p class="spread">
              <span>{what}</span>
              <span class={severity === 'bad' ? 'tag bad' : 'tag warn'}>
                {severity}
                {oldest !== null &&
                  `, for ${format.duration(Math.max(0, Math.round((now - oldest) / 1_000)))}`}
              </span>
            </p>
            {rows.slice(0, SHOWN).map((row) => (
              <p class="small breaks">{row}</p>
            ))}
            {count > SHOWN && rows.length > SHOWN && (
              <p class="quiet small">and {format.credits(count - SHOWN)} more</p>
            )}
            <p class="quiet small">
              {remedy.split('`').map((part, i) => (i % 2 === 1 ? <code>{part}</code> : part))}{' '}
              docs/operating.md: “{section}”.
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Waiting({ backlogs, overdueCount, now, format }: FleetView) {
  return (
    <section class="card" aria-labelledby="waiting">
      <h2 id="waiting">Waiting</h2>
      <dl class="facts">
        {backlogs.map(({ label, says, count, since, isLate }) => (
          <div>
            <dt>
              {label}
              <br />
              <span class="small">{says}</span>
            </dt>
            <dd>
              {format.credits(count)}
              {since !== null && (
                <span class={isLate ? 'tag warn' : 'quiet small'}>
                  {' '}
                  for {format.duration(Math.max(0, Math.round((now - since) / 1_000)))}
                </span>
              )}
            </dd>
          </div>
        ))}
        <div>
          <dt>
            Overdue work
            <br />
            <span class="small">due more than a minute ago and not booked</span>
          </dt>
          <dd>{overdueCount > 0 ? <span class="tag bad">{format.credits(overdueCount)}</span> : '0'}</dd>
        </div>
      </dl>
    </section>
  );
}

const KIND: Record<string, string> = {
  message: 'Message of billing',
  nudge: 'Nudge to a workflow',
  event: 'Event',
  delivery: 'Start of a delivery',
  deadline: 'Release of a hold',
  notice: 'Notice of an expiry',
  step: 'Step of a workflow',
};

function Refused({ refused, refusedCount, halted, now, format }: FleetView) {
  const isStuck = halted.length > 0 || refused.some(({ kind }) => kind === 'step');
  return (
    <section class="card" aria-labelledby="refused">
      <header>
        <h2 id="refused">Refused again and again</h2>
        <p class="quiet small">{format.credits(refusedCount + halted.length)}</p>
      </header>
      {refusedCount + halted.length === 0 && <p class="empty">Nothing is refused.</p>}
      <ul class="stack">
        {halted.map((id) => (
          <li>
            <a class="breaks" href={pathOf(id)}>
              {id}
            </a>
            <p class="tag bad">The workflow’s own code fails</p>
          </li>
        ))}
        {refused.map(({ kind, subscriptionId, attempts, reason, since, says }) => (
          <li>
            <p class="spread">
              <span>{KIND[kind] ?? kind}</span>
              <span class="tag bad">
                {format.credits(attempts)} times in{' '}
                {format.duration(Math.max(1, Math.round((now - since) / 1_000)))}
              </span>
            </p>
            {subscriptionId !== '' && (
              <a class="breaks" href={pathOf(subscriptionId)}>
                {subscriptionId}
              </a>
            )}
            {says !== null && <p class="quiet small breaks">{says}</p>}
            <p class="small breaks">{reason}</p>
          </li>
        ))}
      </ul>
      {refusedCount > refused.length && (
        <p class="quiet small">and {format.credits(refusedCount - refused.length)} more</p>
      )}
      {isStuck && (
        <p class="note bad">
          Once the cause is mended, <code>npx drawdown rehydrate --stuck</code> starts stuck workflows anew.
        </p>
      )}
      {refusedCount > 0 && (
        <p class="quiet small">
          Each is tried again by itself, at least every five minutes, and nothing waits for it.{' '}
          <code>npx drawdown refused</code> lists them, tries them at once, or drops a message.
        </p>
      )}
    </section>
  );
}

function Incidents({ incidents, now, format }: FleetView) {
  return (
    <section class="card" aria-labelledby="incidents">
      <h2 id="incidents">Steps given up</h2>
      {incidents.length === 0 && <p class="empty">Every step could be booked.</p>}
      <ul class="stack">
        {incidents.map(({ subscriptionId, step, what, code, detail, tries, lastAt, isHeldUp }) => (
          <li>
            <p class="spread">
              <a class="breaks" href={pathOf(subscriptionId)}>
                {subscriptionId}
              </a>
              <span class={isHeldUp ? 'tag bad' : 'quiet small'}>
                {isHeldUp
                  ? 'held up'
                  : `${format.duration(Math.max(1, Math.round((now - lastAt) / 1_000)))} ago`}
              </span>
            </p>
            <p class="small breaks">
              Step {step}, {what.replaceAll('_', ' ')}: {code} {detail}
              {tries > 1 && `, ${format.credits(tries)} times`}
            </p>
          </li>
        ))}
      </ul>
      {incidents.some(({ isHeldUp }) => isHeldUp) && (
        <p class="note bad">
          What is due could not be booked, and is tried again by itself. Until then all that needs the
          workflow is refused.
        </p>
      )}
    </section>
  );
}

function Workers({ pollers, taskQueue, temporalUrl, now, format }: FleetView) {
  const there = pollers?.filter(({ isThere }) => isThere).length ?? 0;
  return (
    <section class="card" aria-labelledby="workers">
      <header>
        <h2 id="workers">Workers</h2>
        {temporalUrl && (
          <a href={temporalUrl} rel="noopener noreferrer">
            Temporal UI
          </a>
        )}
      </header>
      {pollers === null ? (
        <p class="note bad">
          Temporal does not answer. Spending goes on; due work waits, and is dated when it was due.
        </p>
      ) : there === 0 ? (
        <p class="note bad">
          Nobody works the queue “{taskQueue}”. Spending goes on; start a worker, and what was due meanwhile
          is worked in order.
        </p>
      ) : (
        <p>
          {there === 1 ? 'One worker asks' : `${format.credits(there)} workers ask`} for work on “{taskQueue}
          ”.
        </p>
      )}
      {pollers !== null && pollers.length > 0 && (
        <ul class="stack">
          {pollers.map(({ identity, kinds, lastSeen, isThere }) => (
            <li class="spread">
              <span class="breaks">
                <code>{identity}</code>
                <br />
                <span class="quiet small">{kinds.join(' and ')}</span>
              </span>
              <span class={isThere ? 'quiet small' : 'tag warn'}>
                {isThere ? '' : 'perhaps gone: '}
                {lastSeen === null
                  ? 'not heard of'
                  : `heard ${format.duration(Math.max(0, Math.round((now - lastSeen) / 1_000)))} ago`}
              </span>
            </li>
          ))}
        </ul>
      )}
      <p class="quiet small">
        Temporal lists a worker that has gone for some minutes; one that is there asks about once a minute.
      </p>
    </section>
  );
}

function Due({ due, dueCount, now, format }: FleetView) {
  return (
    <section class="card" aria-labelledby="due">
      <header>
        <h2 id="due">Due within the hour</h2>
        <p class="quiet small">{format.credits(dueCount)}, without test clocks</p>
      </header>
      {due.length === 0 ? (
        <p class="empty">Nothing is due within the hour.</p>
      ) : (
        <ul class="stack">
          {due.map(({ id, customerId, at, kind, isOverdue }) => (
            <li class="spread">
              <a class="breaks" href={pathOf(id)}>
                {customerId}
              </a>
              <span class={isOverdue ? 'tag bad' : 'quiet'}>
                {kind.replace('_', ' ')}{' '}
                {at < now
                  ? `${format.duration(Math.round((now - at) / 1_000))} ago`
                  : `in ${format.duration(Math.round((at - now) / 1_000))}`}
              </span>
            </li>
          ))}
        </ul>
      )}
      {dueCount > due.length && (
        <p class="quiet small">and {format.credits(dueCount - due.length)} later ones</p>
      )}
    </section>
  );
}

function PastDue({ pastDue, pastDueCount, format }: FleetView) {
  return (
    <section class="card" aria-labelledby="past-due">
      <header>
        <h2 id="past-due">Past due</h2>
        <p class="quiet small">{format.credits(pastDueCount)}</p>
      </header>
      {pastDue.length === 0 ? (
        <p class="empty">Every renewal is paid.</p>
      ) : (
        <ul class="stack">
          {pastDue.map(({ id, customerId, since }) => (
            <li class="spread">
              <a class="breaks" href={pathOf(id)}>
                {customerId}
              </a>
              <span class="quiet">{since === null ? '' : `since ${format.date(since)}`}</span>
            </li>
          ))}
        </ul>
      )}
      {pastDueCount > pastDue.length && (
        <p class="quiet small">and {format.credits(pastDueCount - pastDue.length)} more</p>
      )}
    </section>
  );
}
