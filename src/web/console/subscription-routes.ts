import type { Deps } from '../../api/deps.ts';
import { shown, subscriptionOr404 } from '../../api/subscriptions/found.ts';
import { uiUrl } from '../../api/subscriptions/workflow.ts';
import { nowOf } from '../../api/views.ts';
import { readTimeline } from '../../db/console/timeline.ts';
import {
  TIMELINE_KINDS,
  type TimelineCursor,
  type TimelineKind,
} from '../../db/console/timeline-statement.ts';
import type { SubscriptionRow } from '../../db/reads.ts';
import type { Interval } from '../../domain/calendar.ts';
import { planName } from '../../domain/catalog/catalog.ts';
import { packsIn } from '../../domain/catalog/packs.ts';
import { INTERVAL_WORD } from '../../domain/charges.ts';
import { invalid } from '../../domain/errors.ts';
import { cut, isStorable } from '../../domain/text.ts';
import { type Format, formatOf } from '../shell/format.ts';
import { assets, type Pages, sendPage } from '../shell/pages.ts';
import { actionContextOf } from './action-context.ts';
import { ACTIONS } from './action-routes.ts';
import { subscriptionPage } from './subscription-page.tsx';
import type { TimelineView } from './timeline.tsx';
import { lineView, ruleView } from './timeline-lines.ts';
import type { ComingView, SubscriptionFacts } from './views.ts';
import { placeOf } from './views.ts';
import { askWorkflow, type Coming, comingOf, sumsOf } from './workflow-view.ts';

const LINES_A_PAGE = 25;

// GET /console/subscriptions/{id}: a subscription's facts, its sums, its workflow and its timeline. Reads the ledger and queries
// the workflow.

/** Registers the page of a subscription. */
export function subscriptionRoute(pages: Pages, deps: Deps): void {
  pages.get('/subscriptions/:id', async (c) => {
    const row = await subscriptionOr404(deps, c.req.param('id'));
    const format = formatOf(row.state.timeZone);
    const asked = timelineQueryOf((name) => c.req.query(name));
    const word = await askWorkflow(deps, row);
    const [facts, sums, coming, timeline, context] = await Promise.all([
      factsOf(deps, row),
      sumsOf(deps, row, word),
      comingOf(deps, row, word),
      timelineOf(deps, row, asked, format),
      actionContextOf(deps, row, format),
    ]);
    const at = placeOf(row.state.id);
    const actions = Object.entries(ACTIONS).flatMap(([name, action]) =>
      action.isOffered(context)
        ? [{ href: `${at}/do/${name}`, label: action.title, isDanger: name === 'cancel' }]
        : [],
    );
    const temporalUrl = uiUrl(deps, row.state.id, word.kind === 'answered' ? word.runId : null);
    const isTemporalAway = word.kind === 'away';
    const view = {
      facts,
      sums,
      coming: comingView(coming),
      timeline,
      actions,
      temporalUrl,
      isTemporalAway,
      format,
    };
    return sendPage(c, subscriptionPage(view, assets));
  });
}

async function factsOf(deps: Deps, row: SubscriptionRow): Promise<SubscriptionFacts> {
  const { state } = row;
  const catalog = await deps.catalogs.current();
  const planText = (plan: string, interval: Interval) =>
    `${planName(catalog, plan)} (${plan}), ${INTERVAL_WORD[interval]}`;
  const { current_period: period, next_renewal: renewal } = await shown(deps, row);
  const { unpaid, scheduled } = state;
  return {
    id: state.id,
    customerId: state.customerId,
    plan: planText(state.plan, state.interval),
    status: state.status,
    timeZone: state.timeZone,
    now: nowOf(row),
    isTestClock: row.testClock !== null,
    anchorAt: state.anchorAt,
    period: period && { start: Date.parse(period.start), end: Date.parse(period.end) },
    nextRenewal: renewal && { at: Date.parse(renewal.at), charge: renewal.charge },
    trialEndsAt: state.status === 'trialing' ? (state.trialEndsAt ?? null) : null,
    packs: packsIn(state.addOn),
    items: state.addOn,
    scheduled: scheduled && {
      kind: scheduled.kind,
      at: scheduled.at,
      to: scheduled.kind === 'plan' ? planText(scheduled.plan, scheduled.interval) : null,
    },
    unpaid: unpaid && {
      since: unpaid.charge.at,
      amount_minor: unpaid.charge.amountMinor,
      currency: unpaid.charge.currency,
      pending: unpaid.pending,
      nextTry: unpaid.pending ? null : (unpaid.retryAt[unpaid.retries] ?? null),
    },
    endedAt: state.endedAt,
    paymentMethod: state.paymentMethod,
    metadata: row.metadata,
  };
}

const dueView = (due: { at: string; kind: string } | null) =>
  due && { at: Date.parse(due.at), kind: due.kind };

function comingView({ due, workflowDue, list, isForecast }: Coming): ComingView {
  return {
    due: dueView(due),
    workflowDue: workflowDue === undefined ? undefined : dueView(workflowDue),
    isForecast,
    list: list.map(({ at, kind, credits, charge, rule }) => ({
      at: Date.parse(at),
      kind,
      credits: credits ?? null,
      charge: charge ?? null,
      rule: ruleView(rule)!,
    })),
  };
}

interface TimelineQuery {
  kind: TimelineKind | null;
  about: string | null;
  after: TimelineCursor | null;
}

function timelineQueryOf(query: (name: string) => string | undefined): TimelineQuery {
  const kind = TIMELINE_KINDS.find((known) => known === query('kind')) ?? null;
  const about = cut(query('about') ?? '', 64) || null;
  const cursor = query('after');
  return { kind, about, after: cursor === undefined ? null : cursorOf(cursor) };
}

/** The year 10000. */
const END_OF_TIME = 253_402_300_800_000;

/** An opaque cursor. Throws `invalid_request` at `?after` for a forged one. */
function cursorOf(text: string): TimelineCursor {
  try {
    const [at, place, rank, tie, before] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    const isCount = (value: unknown, below: number): value is number =>
      Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < below;
    if (
      isCount(at, END_OF_TIME) &&
      isCount(place, Number.MAX_SAFE_INTEGER + 1) &&
      isCount(rank, 10) &&
      typeof tie === 'string' &&
      isStorable(tie) &&
      (before === null || isCount(before, Number.MAX_SAFE_INTEGER + 1))
    )
      return { at, place, rank, tie, before };
  } catch {
    // falls through to the refusal
  }
  throw invalid({ pointer: '?after', detail: 'This is no place on this timeline.' });
}

const cursorText = ({ at, place, rank, tie, before }: TimelineCursor): string =>
  Buffer.from(JSON.stringify([at, place, rank, tie, before])).toString('base64url');

const LABELS: Record<TimelineKind, string> = {
  credits: 'Grants and ends',
  spending: 'Spending',
  money: 'Money',
  messages: 'Messages',
  workflow: 'Workflow',
  requests: 'Requests',
};

async function timelineOf(
  deps: Deps,
  row: SubscriptionRow,
  asked: TimelineQuery,
  format: Format,
): Promise<TimelineView> {
  const at = placeOf(row.state.id);
  const { kind, about, after } = asked;
  const { rows, next } = await readTimeline(deps.longReads, row.state.id, { limit: LINES_A_PAGE, ...asked });
  const hrefOf = (query: Record<string, string | null>): string => {
    const wanted = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== null);
    const text = new URLSearchParams(wanted).toString();
    return `${at}${text && `?${text}`}#timeline`;
  };
  const filter = (of: TimelineKind | null, label: string) => ({
    href: hrefOf({ kind: of }),
    label,
    isCurrent: of === kind,
  });
  return {
    lines: rows.map((line) => lineView(line, format)),
    filters: [filter(null, 'All'), ...TIMELINE_KINDS.map((of) => filter(of, LABELS[of]))],
    about: about === null ? null : { id: about, all: hrefOf({}) },
    older: next && hrefOf({ kind, about, after: cursorText(next) }),
    newest: after && hrefOf({ kind, about }),
    hrefAbout: (id) => hrefOf({ about: id }),
  };
}
