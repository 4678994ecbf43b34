import type { Format } from '../shell/format.ts';
import type { Assets } from '../shell/page.tsx';
import { consolePage, Rule, Status } from './frame.tsx';
import { Timeline, type TimelineView } from './timeline.tsx';
import type { ComingView, SubscriptionFacts, SumsView } from './views.ts';

/** The data of a subscription's page. */
interface SubscriptionPageView {
  facts: SubscriptionFacts;
  sums: SumsView;
  coming: ComingView;
  timeline: TimelineView;
  actions: { href: string; label: string; isDanger: boolean }[];
  temporalUrl: string | null;
  /** Temporal or its workers do not answer: the page shows the ledger alone. */
  isTemporalAway: boolean;
  format: Format;
}

/** The page /console/subscriptions/{id}. */
export function subscriptionPage(view: SubscriptionPageView, assets: Assets): string {
  const { facts, format } = view;
  return consolePage(
    { title: facts.customerId, assets },
    <>
      <header class="stack">
        <div class="row">
          <h1 class="breaks">{facts.customerId}</h1>
          <Status status={facts.status} />
          {facts.isTestClock && <span class="tag">test clock</span>}
        </div>
        <p class="row small">
          <code>{facts.id}</code>
          {view.temporalUrl && (
            <a href={view.temporalUrl} rel="noopener noreferrer">
              Its workflow in the Temporal UI
            </a>
          )}
        </p>
      </header>
      {view.isTemporalAway && (
        <p class="note warn" role="status">
          The workflow does not answer at the moment. Everything here is from the ledger; spending goes on,
          and what is due is done, dated when it was due, once it is back.
        </p>
      )}
      <div class="pair">
        <div class="pile">
          <SumsCard sums={view.sums} format={format} />
          <ActionsCard actions={view.actions} />
        </div>
        <div class="pile">
          <FactsCard facts={facts} format={format} />
          <ComingCard coming={view.coming} now={facts.now} format={format} />
        </div>
      </div>
      <Timeline view={view.timeline} format={format} />
    </>,
  );
}

function SumsCard({ sums, format }: { sums: SumsView; format: Format }) {
  const { grants, entries, version, due, held, openGrants, workflow } = sums;
  const { text, tone } = verdictView(sums, format);
  return (
    <section class="card" aria-labelledby="sums">
      <h2 id="sums">Does it add up?</h2>
      <dl class="facts">
        <div>
          <dt>
            What remains of{' '}
            {openGrants === 1 ? 'one open grant' : `${format.credits(openGrants)} open grants`}
          </dt>
          <dd class="figure">{format.credits(grants)}</dd>
        </div>
        <div>
          <dt>Balance after the newest entry, number {format.credits(version)}</dt>
          <dd class="figure">{format.credits(entries)}</dd>
        </div>
        <div>
          <dt>
            {workflow ? `The workflow, as of entry ${format.credits(workflow.version)}` : 'The workflow'}
          </dt>
          <dd class="figure">{workflow ? format.credits(workflow.available) : 'did not say'}</dd>
        </div>
        {held > 0 && (
          <div>
            <dt>Held apart from these</dt>
            <dd>{format.credits(held)}</dd>
          </div>
        )}
      </dl>
      <p class={`note ${tone}`} id="verdict">
        <span>{text}</span>
      </p>
      {due > 0 && (
        <p class="quiet small">
          {format.creditsOf(due)} of what remains can’t be spent any more: the entry that says so is still to
          be booked (R-12), and the workflow leaves them out already.
        </p>
      )}
    </section>
  );
}

interface VerdictView {
  text: string;
  tone: '' | 'warn' | 'bad';
}

const DRIFT: Record<'grants' | 'workflow' | 'version' | 'behind', string> = {
  grants:
    'DRIFT: the grants and the entries of the ledger differ. Stop operator work on it, run “npx drawdown verify”, and keep the database as it is: an entry or a remainder was changed from outside.',
  workflow:
    'DRIFT: at the same entry the workflow has another balance. The ledger is the truth, and spends are right; open the workflow in the Temporal UI and look at its last step.',
  version:
    'DRIFT: the workflow knows of entries that the ledger does not have. The database was set back: stop the workers, and look for the newer one before anything else.',
  behind:
    'DRIFT: the workflow is behind, and the ledger believes that it is not. Spends are right; the next one brings another nudge. If this stays, look at the relay in the log of the worker.',
};

/** I1 and I8 in a sentence, and the next step. */
function verdictView({ verdict }: SumsView, format: Format): VerdictView {
  switch (verdict.kind) {
    case 'equal':
      return { text: 'The three agree.', tone: '' };
    case 'unknown':
      return {
        text: 'Grants and entries agree. The workflow could not be asked.',
        tone: 'warn',
      };
    case 'behind':
      return {
        text: `Grants and entries agree. The workflow is ${format.credits(verdict.by)} ${verdict.by === 1 ? 'entry' : 'entries'} behind and gets a nudge; nothing has to be done.`,
        tone: '',
      };
    case 'drift':
      return { text: DRIFT[verdict.of], tone: 'bad' };
    default:
      return verdict satisfies never;
  }
}

function FactsCard({ facts, format }: { facts: SubscriptionFacts; format: Format }) {
  const { nextRenewal, scheduled, unpaid, period } = facts;
  const rows: [string, string][] = [
    ['Plan', facts.plan],
    ['Now', format.moment(facts.now)],
  ];
  if (facts.trialEndsAt !== null) rows.push(['Trial until', format.moment(facts.trialEndsAt)]);
  else if (facts.anchorAt !== null) rows.push(['Counted from', format.moment(facts.anchorAt)]);
  if (period && facts.trialEndsAt === null)
    rows.push(['Paid term', `${format.date(period.start)} – ${format.date(period.end)}`]);
  if (unpaid)
    rows.push([
      'Unpaid',
      `${format.money(unpaid.amount_minor, unpaid.currency)} since ${format.date(unpaid.since)}${unpaid.pending ? ', pending' : ''}`,
    ]);
  if (unpaid?.nextTry) rows.push(['Tried again', format.moment(unpaid.nextTry)]);
  if (nextRenewal)
    rows.push([
      'Next renewal',
      `${format.date(nextRenewal.at)}${nextRenewal.charge ? `, ${format.money(nextRenewal.charge.amount_minor, nextRenewal.charge.currency)}` : ''}`,
    ]);
  rows.push(['Add-on', facts.packs === 1 ? '1 pack renews' : `${facts.packs} packs renew`]);
  if (facts.items.length > 1)
    for (const { pack, quantity } of facts.items) rows.push([`of ${pack}`, format.credits(quantity)]);
  if (scheduled)
    rows.push([
      'Scheduled',
      `${scheduled.kind === 'cancel' ? 'cancel' : `change to ${scheduled.to ?? 'another plan'}`} on ${format.date(scheduled.at)}`,
    ]);
  if (facts.endedAt !== null) rows.push(['Ended', format.moment(facts.endedAt)]);
  rows.push(['Payment method', facts.paymentMethod || 'none yet'], ['Time zone', facts.timeZone]);
  for (const [name, value] of Object.entries(facts.metadata)) rows.push([name, value]);
  return (
    <section class="card" aria-labelledby="facts">
      <h2 id="facts">Facts</h2>
      <dl class="facts">
        {rows.map(([name, value]) => (
          <div>
            <dt>{name}</dt>
            <dd class="breaks">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** Coming events that the page shows unfolded. */
const SHOWN = 3;

function ComingCard({ coming, now, format }: { coming: ComingView; now: number; format: Format }) {
  const { list, isForecast } = coming;
  return (
    <section class="card" aria-labelledby="coming">
      <header>
        <h2 id="coming">Coming events</h2>
        <p class="quiet small">{isForecast ? 'forecast from the ledger' : 'the workflow’s own list'}</p>
      </header>
      <p>{dueSentence(coming, now, format)}</p>
      {list.length === 0 ? (
        <p class="empty">Nothing happens by itself any more.</p>
      ) : (
        <Happenings list={list.slice(0, SHOWN)} format={format} />
      )}
      {list.length > SHOWN && (
        <details>
          <summary>And after that</summary>
          <Happenings list={list.slice(SHOWN)} format={format} />
        </details>
      )}
    </section>
  );
}

function Happenings({ list, format }: { list: ComingView['list']; format: Format }) {
  return (
    <ol class="coming">
      {list.map(({ at, kind, credits, charge, rule }) => (
        <li>
          <div class="spread">
            <span>
              <time datetime={format.iso(at)}>{format.date(at)}</time> {kind}
            </span>
            <span>
              {[
                ...(charge ? [format.money(charge.amount_minor, charge.currency)] : []),
                ...(credits === null ? [] : [format.signed(credits)]),
              ].join(', ')}
            </span>
          </div>
          <Rule rule={rule} />
        </li>
      ))}
    </ol>
  );
}

/** The next due work by the core on the ledger's row, and whether the workflow agrees. */
function dueSentence({ due, workflowDue }: ComingView, now: number, format: Format): string {
  const said = due
    ? `Next due: ${due.kind.replace('_', ' ')} at ${format.moment(due.at)}${due.at < now ? ', overdue' : ''}.`
    : 'Nothing is due.';
  if (workflowDue === undefined) return `${said} The workflow could not be asked.`;
  const isSame = due?.at === workflowDue?.at && due?.kind === workflowDue?.kind;
  if (isSame) return `${said} The workflow says so, and so does the core on the ledger’s row.`;
  const other = workflowDue ? `${workflowDue.kind} at ${format.moment(workflowDue.at)}` : 'nothing';
  return `${said} The workflow says: ${other}. They agree once it has heard of the newest entries.`;
}

function ActionsCard({ actions }: { actions: SubscriptionPageView['actions'] }) {
  return (
    <section class="card" aria-labelledby="actions">
      <h2 id="actions">Do something</h2>
      <p class="quiet small">
        Each shows what it will do, and the call of the API that does it, before it is done.
      </p>
      {actions.length === 0 ? (
        <p class="empty">There is nothing left to do here.</p>
      ) : (
        <ul class="row">
          {actions.map(({ href, label, isDanger }) => (
            <li>
              <a class={isDanger ? 'button danger' : 'button'} href={href}>
                {label}
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
