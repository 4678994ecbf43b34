import type { GrantKind } from '../../domain/burndown.ts';
import type { Instant } from '../../domain/calendar.ts';
import { packsIn } from '../../domain/catalog/packs.ts';
import { INTERVAL_WORD } from '../../domain/charges.ts';
import { page } from '../shell/page.tsx';
import { Bar, type Bill, BillTable, Empty, Leave, When, walletNav } from '../shell/parts.tsx';
import { capital } from '../shell/words.ts';
import { ActivityTable, type ActivityView } from './activity.tsx';
import { Chart, ChartKey, ChartTable, type ChartView, seamText } from './chart.tsx';
import { Said, StateNote, type WalletFrame } from './standing.tsx';

/** An open grant on the page. */
export interface OpenGrant {
  id: string;
  kind: GrantKind;
  amount: number;
  remaining: number;
  held: number;
  /** The end of its term, or of the plan where that comes first; null while neither is known (R-83). */
  goneAt: Instant | null;
  reason: string | null;
}

/** The reason for an empty balance: the event that took the last credits, and its instant. */
export interface Emptied {
  by: 'use' | 'hold' | 'expiry' | 'end' | 'taken' | 'nothing';
  at: Instant;
  credits: number;
}

/** The balance in units of one feature. */
export interface Buys {
  feature: string;
  /** "1 hr 40 min", "20 motions", "Changes per use". */
  amount: string;
  rate: string;
}

/** The data of /wallet. */
export interface WalletView extends WalletFrame {
  available: number;
  held: number;
  /** null while credits can be used. */
  emptied: Emptied | null;
  /** By instant; null: when the plan ends (R-83). */
  expiring: { at: Instant | null; credits: number }[];
  refresh: { at: Instant; credits: number } | null;
  /** In burn order. */
  grants: OpenGrant[];
  buys: Buys[];
  chart: ChartView;
  bill: Bill | null;
  /** A contract is billed elsewhere. */
  isContract: boolean;
  /** R-17: the coming term asks for no money. */
  isFree: boolean;
  activity: ActivityView['rows'];
}

/** The page /wallet. */
export function walletPage(view: WalletView): string {
  const { assets, format, available } = view;
  return page({
    title: `Wallet: ${format.creditsOf(available)}`,
    assets,
    look: view.look,
    nav: walletNav('wallet'),
    aside: <Leave />,
    live: view.live,
    notice: view.notice,
    children: (
      <>
        <h1 class="unseen">Your wallet</h1>
        <Said frame={view} />
        <StateNote frame={view} />
        <div class="wide-first">
          <Available view={view} />
          <NextCharge view={view} />
        </div>
        <Outlook view={view} />
        <div class="columns">
          <Order view={view} />
          <WhatItBuys view={view} />
        </div>
        <Recent view={view} />
      </>
    ),
  });
}

function Available({ view }: { view: WalletView }) {
  const { format, available, held, now, refresh, words } = view;
  const text = format.credits(available);
  return (
    <section class="card" aria-labelledby="available">
      <h2 id="available" class="quiet">
        {capital(words.brand.credit[1])} available
      </h2>
      <p
        class={text.length > 9 ? 'number long' : 'number'}
        data-live-text={`${format.creditsOf(available)} available`}
      >
        {text}
      </p>
      <div class="stack">
        <p>{expirySentence(view)}</p>
        {held > 0 && (
          <p class="quiet">
            {format.creditsOf(held)} more {held === 1 ? 'is' : 'are'} held for jobs that are running.
          </p>
        )}
        {refresh && (
          <p class="quiet">
            {format.creditsOf(refresh.credits)} arrive {format.daysFrom(refresh.at, now)}, on{' '}
            <When format={format} at={refresh.at} near={now} />.
          </p>
        )}
      </div>
      <p class="row">
        <a class="button primary" href="/wallet/add-ons">
          Manage Add-ons
        </a>
      </p>
    </section>
  );
}

/** "200 expire on Feb 16, 300 on May 29." */
function expirySentence(view: WalletView): string {
  const { format, expiring, emptied, now } = view;
  if (emptied) return emptiedSentence(emptied, view);
  const [first, ...rest] = expiring.map(({ at, credits }) => ({
    credits: format.credits(credits),
    on: at === null ? 'when your plan ends' : `on ${format.date(at, now)}`,
    count: credits,
  }));
  if (!first) return '';
  const verb = first.count === 1 ? 'expires' : 'expire';
  const shown = rest.slice(0, 2).map(({ credits, on }) => `${credits} ${on}`);
  const more = expiring.slice(3).reduce((sum, { credits }) => sum + credits, 0);
  const parts = [`${first.credits} ${verb} ${first.on}`, ...shown];
  return `${parts.join(', ')}${more > 0 ? `, and ${format.credits(more)} later` : ''}.`;
}

function emptiedSentence({ by, at, credits }: Emptied, { format, now, words }: WalletView): string {
  const on = `on ${format.date(at, now)}`;
  return {
    use: 'Everything is used.',
    hold: 'Everything is held for jobs that are running.',
    expiry: `Nothing is left to use: ${format.creditsOf(credits)} expired unused ${on}.`,
    taken: `Nothing is left to use: ${format.creditsOf(credits)} were taken back ${on}.`,
    end: 'Nothing is left to use.',
    nothing: `No ${words.credit[1]} have arrived yet.`,
  }[by];
}

function NextCharge({ view }: { view: WalletView }) {
  const { bill, format, now, state, words } = view;
  return (
    <section class="card" aria-labelledby="charge">
      <h2 id="charge">{bill?.at === null ? 'Charge under way' : 'Next charge'}</h2>
      {bill ? (
        <>
          <p class="quiet">
            {bill.at === null ? (
              'The payment is on its way.'
            ) : (
              <>
                <When format={format} at={bill.at} near={now} />, {format.daysFrom(bill.at, now)}
              </>
            )}
          </p>
          <BillTable bill={bill} />
          <p class="small quiet">{bill.sentence}</p>
        </>
      ) : (
        <Empty>{unbilled(view)}</Empty>
      )}
      <p class="small">
        {words.plan(state.plan)}, {INTERVAL_WORD[state.interval]}
        {packsIn(state.addOn) > 0 && `, with ${words.packs(packsIn(state.addOn))}`}
      </p>
      {canCancel(view) && (
        <p>
          <a href="/wallet/cancel">Cancel the plan</a>
        </p>
      )}
    </section>
  );
}

function unbilled({ isContract, isFree }: WalletView): string {
  if (isContract) return 'Your contract pays for this plan.';
  return isFree ? 'Free' : 'Nothing more will be charged.';
}

const canCancel = ({ state: { status, scheduled }, isContract }: WalletView): boolean =>
  status !== 'ended' && scheduled?.kind !== 'cancel' && !isContract;

function Outlook({ view }: { view: WalletView }) {
  const { chart } = view;
  if (chart.layers.length === 0 && chart.marks.length === 0) return null;
  return (
    <section class="card" aria-labelledby="outlook">
      <header>
        <h2 id="outlook">The last 30 and the next 60 days</h2>
        <p class="small quiet">Solid is the past; hatched is the forecast.</p>
      </header>
      <Chart view={chart} />
      <ChartKey view={chart} />
      {chart.seams.length > 0 && (
        <ul class="small quiet stack">
          {chart.seams.map((seam) => (
            <li>{seamText(seam, chart)}</li>
          ))}
        </ul>
      )}
      <details>
        <summary>The same as a table</summary>
        <ChartTable view={chart} />
      </details>
    </section>
  );
}

/** Grants that the page shows unfolded. */
const GRANTS_SHOWN = 12;

function Order({ view }: { view: WalletView }) {
  const { grants, format, now, words } = view;
  const credits = words.credit[1];
  const rest = grants.slice(GRANTS_SHOWN);
  return (
    <section class="card" aria-labelledby="order">
      <header>
        <h2 id="order">Order of use</h2>
        <p class="small quiet">Default {credits} first, then the earliest expiry.</p>
      </header>
      {grants.length === 0 ? (
        <Empty>There are no {credits} to use.</Empty>
      ) : (
        <ol class="stack">
          {grants.slice(0, GRANTS_SHOWN).map((grant, i) => (
            <li class="grant">
              <p class="spread">
                <span>
                  <strong>{words.grants[grant.kind]}</strong>{' '}
                  {i === 0 && <span class="tag good">used next</span>}
                </span>
                <span>
                  {format.credits(grant.remaining)} of {format.credits(grant.amount)}
                </span>
              </p>
              <Bar of={grant.remaining} total={grant.amount} kind={grant.kind} />
              <p class="small quiet">
                {grant.goneAt === null ? (
                  'lasts until your plan ends'
                ) : (
                  <>
                    expires on <When format={format} at={grant.goneAt} near={now} />,{' '}
                    {format.daysFrom(grant.goneAt, now)}
                  </>
                )}
                {grant.held > 0 && `; ${format.credits(grant.held)} held`}
                {grant.reason && `; ${grant.reason}`}
              </p>
            </li>
          ))}
          {rest.length > 0 && (
            <li class="quiet">
              and {rest.length} more with{' '}
              {format.creditsOf(rest.reduce((sum, { remaining }) => sum + remaining, 0))}
            </li>
          )}
        </ol>
      )}
    </section>
  );
}

function WhatItBuys({ view }: { view: WalletView }) {
  const { buys, format, available, words } = view;
  return (
    <section class="card" aria-labelledby="buys">
      <header>
        <h2 id="buys">Uses for {format.creditsOf(available)}</h2>
        <p class="small quiet">Each line on its own.</p>
      </header>
      <dl class="facts">
        {buys.map(({ feature, amount, rate }) => (
          <div>
            <dt>
              <span class="feature">{words.feature(feature)}</span> <span class="small rate">{rate}</span>
            </dt>
            <dd>{amount}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Recent({ view }: { view: WalletView }) {
  return (
    <section class="card" aria-labelledby="recent">
      <header>
        <h2 id="recent">Lately</h2>
        {view.activity.length > 0 && <a href="/wallet/activity">All activity</a>}
      </header>
      <ActivityTable {...view} rows={view.activity} />
    </section>
  );
}
