import type { GrantKind } from '../../domain/burndown.ts';
import type { Instant } from '../../domain/calendar.ts';
import type { Format } from '../shell/format.ts';
import { page } from '../shell/page.tsx';
import { Empty, Leave, Minute, PageLinks, Scroll, walletNav } from '../shell/parts.tsx';
import { capital, entryName, type Words } from '../shell/words.ts';
import type { WalletFrame } from './standing.tsx';

/** A line of the activity. */
export interface ActivityLine {
  kind: string;
  feature: string | null;
  grantKind: GrantKind;
  credits: number;
  balanceAfter: number;
  at: Instant;
}

/** The customer's filters, and the kinds of entries behind each. */
export const FILTERS = {
  all: { label: 'Everything', kinds: null },
  used: { label: 'Used', kinds: ['debit', 'capture'] },
  added: { label: 'Added', kinds: ['grant', 'reversal'] },
  held: { label: 'Held and given back', kinds: ['hold', 'release'] },
  gone: { label: 'Expired or taken', kinds: ['expiry', 'forfeiture', 'revocation'] },
} as const;

/** A filter's name. */
export type Filter = keyof typeof FILTERS;

/** The data of /wallet/activity. */
export interface ActivityView extends WalletFrame {
  filter: Filter;
  rows: ActivityLine[];
  /** The address of the next page; null at the end. */
  older: string | null;
  isFirst: boolean;
}

/** The page /wallet/activity. */
export function activityPage(view: ActivityView): string {
  const { assets, filter, rows, format, older, isFirst } = view;
  const query = filter === 'all' ? '' : `?show=${filter}`;
  return page({
    title: 'Activity',
    assets,
    look: view.look,
    nav: walletNav('activity'),
    aside: <Leave />,
    live: isFirst ? view.live : undefined,
    children: (
      <>
        <h1>Activity</h1>
        <section class="card" aria-label="Activity">
          <header>
            <form method="get" action="/wallet/activity" class="row">
              <label for="show">Show</label>
              <select id="show" name="show" data-submit>
                {Object.entries(FILTERS).map(([value, { label }]) => (
                  <option value={value} selected={value === filter}>
                    {label}
                  </option>
                ))}
              </select>
              <button type="submit">Show</button>
            </form>
            <a href={`/wallet/activity.csv${query}`} download="activity.csv">
              Download as CSV
            </a>
          </header>
          {rows.length === 0 && older ? (
            <Empty>Nothing of this kind lately.</Empty>
          ) : (
            <ActivityTable rows={rows} format={format} now={view.now} words={view.words} />
          )}
          <PageLinks of="your activity" newest={isFirst ? null : `/wallet/activity${query}`} older={older} />
        </section>
      </>
    ),
  });
}

interface ActivityTableProps {
  rows: ActivityLine[];
  format: Format;
  now: Instant;
  words: Words;
}

/** The activity as a table. */
export function ActivityTable({ rows, format, now, words }: ActivityTableProps) {
  if (rows.length === 0) return <Empty>Nothing has happened here yet.</Empty>;
  return (
    <Scroll label="Activity as a table">
      <table>
        <caption class="small">Times are those of {format.timeZone}.</caption>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Event</th>
            <th scope="col" class="right">
              {capital(words.credit[1])}
            </th>
            <th scope="col" class="right">
              Available after
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              <td class="when">
                <Minute format={format} at={row.at} near={now} />
              </td>
              <th scope="row">{lineText(row, words)}</th>
              <td class={row.credits > 0 ? 'right plus' : 'right'}>{format.signed(row.credits)}</td>
              <td class="right">{format.credits(row.balanceAfter)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** "Used: Avatar IV", "Credits added: Premium Credit Pack". */
function lineText({ kind, feature, grantKind }: ActivityLine, words: Words): string {
  const what = entryName(kind, words);
  const of = feature
    ? words.feature(feature)
    : kind === 'debit' || kind === 'capture'
      ? null
      : words.grants[grantKind];
  return of ? `${what}: ${of}` : what;
}
