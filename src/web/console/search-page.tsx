import type { Instant } from '../../domain/calendar.ts';
import type { Format } from '../shell/format.ts';
import type { Assets } from '../shell/page.tsx';
import { consolePage } from './frame.tsx';

/** A hit of the search. */
interface HitView {
  href: string;
  kind: string;
  id: string;
  customerId: string;
  by: string;
  at: Instant | null;
  says: string;
}

/** The data of the search page. */
interface SearchView {
  text: string;
  within: string;
  /** null before a search. */
  hits: HitView[] | null;
  isPartial: boolean;
  /** A sentence about a text that can't be searched for. */
  fault: string | null;
  format: Format;
}

/** The page /console. */
export function searchPage(view: SearchView, assets: Assets): string {
  const { text, within, hits, fault } = view;
  return consolePage(
    { title: 'Search', current: 'search', assets },
    <>
      <section class="card">
        <h1>Where did the credits go?</h1>
        <search>
          <form class="search" method="get" action="/console">
            <div class="field grow">
              <label for="q">Id, customer, key or reference</label>
              <input
                id="q"
                name="q"
                type="search"
                value={text}
                maxlength={255}
                required
                autocomplete="off"
                spellcheck={false}
                aria-describedby="q-hint"
                aria-invalid={fault === null ? undefined : 'true'}
              />
            </div>
            <div class="field">
              <label for="in">Only in subscription</label>
              <input id="in" name="in" value={within} maxlength={64} autocomplete="off" spellcheck={false} />
            </div>
            <button type="submit">Search</button>
          </form>
        </search>
        <p class="quiet small" id="q-hint">
          {fault ??
            'A customer, an idempotency key, a reference, or the id of a subscription, use, hold, purchase, charge, grant, refund or event. Keys of captures, releases and reversals need the subscription too.'}
        </p>
      </section>
      {hits !== null && <Results {...view} hits={hits} />}
    </>,
  );
}

function Results({ text, within, hits, isPartial, format }: SearchView & { hits: HitView[] }) {
  if (hits.length === 0)
    return (
      <section class="card" aria-live="polite">
        <h2>Nothing has “{text}”</h2>
        <p class="quiet">
          {isPartial
            ? 'Only the newest hundred thousand subscriptions, and of references the part that was written last, were looked through. Name the subscription, and all of it is.'
            : within
              ? 'Not in this subscription. Leave it out to look everywhere.'
              : 'Ids, keys and references are looked for as they are, letter by letter. The key of a capture, a release or a reversal is found only with its subscription.'}
        </p>
      </section>
    );
  return (
    <section class="card">
      <h2>Found</h2>
      <ul class="hits">
        {hits.map((hit) => (
          <li>
            <a class="hit" href={hit.href}>
              <span class="hit-id mono">{hit.id}</span>
              <span>
                {hit.kind} of {hit.customerId}, by {hit.by}
              </span>
              <span class="quiet">
                {hit.says}
                {hit.at !== null && ` · ${format.moment(hit.at)}`}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
