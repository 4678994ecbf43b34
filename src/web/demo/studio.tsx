import type { Instant } from '../../domain/calendar.ts';
import type { Format } from '../shell/format.ts';
import type { Look } from '../shell/look.ts';
import { type Assets, page } from '../shell/page.tsx';
import { Empty, Key, Minute, Note, Scroll } from '../shell/parts.tsx';
import type { Words } from '../shell/words.ts';
import { Chart, ChartKey, type ChartView } from '../wallet/chart.tsx';
import { OutOfCredits, type Shortage } from '../wallet/prompt.tsx';
import { Said, StateNote, type WalletFrame } from '../wallet/standing.tsx';

// The studio plays a product: its buttons make things that cost credits.

/** One button of the studio. */
export interface Making {
  id: string;
  title: string;
  text: string;
  credits: number;
  /** The button's own key: a press is one request, also when it is sent twice. */
  key: string;
}

/** A thing that was made. */
export interface Made {
  id: string;
  feature: string;
  credits: number;
  at: Instant;
}

/** A request to send once more with its key: refused before, or unanswered. */
interface Again {
  making: Making;
  key: string;
}

/** A button of the time machine. */
export interface Jump {
  id: string;
  label: string;
  /** The clock's target; null where no such event comes. */
  to: Instant | null;
}

/** An event that an advance fired. */
export interface FiredView {
  at: Instant;
  text: string;
}

/** The data of the studio. */
interface StudioView extends WalletFrame {
  available: number;
  makings: Making[];
  made: Made[];
  /** The newest thing. */
  fresh: Made | null;
  refused: (Again & { shortage: Shortage }) | null;
  again: Again | null;
  jumps: Jump[];
  fired: FiredView[] | null;
  chart: ChartView;
}

const BRAND = 'Demo studio';

/** The data of the studio's first page. */
interface StudioStart {
  assets: Assets;
  look: Look;
  words: Words;
  key: string;
  /** The name of the plan that it starts, and its credits. */
  plan: string;
  credits: string;
}

/** The page before the visitor has a subscription. */
export function studioStart({ assets, look, words, key, plan, credits }: StudioStart): string {
  return page({
    title: BRAND,
    assets,
    look,
    brand: BRAND,
    children: (
      <section class="card narrow">
        <h1>Run out of {words.credit[1]} within a minute</h1>
        <p>
          The studio plays a product that sells {words.credit[1]}. It starts a {plan} plan with {credits} on a
          clock of its own: make a few things, meet the prompt, buy a {words.pack[0]}, and let a year go by.
        </p>
        <p class="quiet">This is test mode: no money moves, and nothing real is made.</p>
        <form method="post" action="/demo/start">
          <Key value={key} />
          <button type="submit" class="primary">
            Start the demo
          </button>
        </form>
      </section>
    ),
  });
}

/** The page /demo. */
export function studioPage(view: StudioView): string {
  const { assets, look, live, notice, refused } = view;
  return page({
    title: BRAND,
    assets,
    look,
    brand: BRAND,
    nav: [
      { href: '/demo', label: 'Studio', current: true },
      { href: '/wallet', label: 'Wallet' },
      { href: '/wallet/add-ons', label: 'Add-ons' },
    ],
    live,
    notice,
    children: (
      <>
        <Heading view={view} />
        <Said frame={view} />
        <AgainNote view={view} />
        <StateNote frame={view} />
        {refused && (
          <OutOfCredits
            shortage={refused.shortage}
            action="/demo/purchases"
            away="/demo"
            keyValue={view.key}
            fields={{ making: refused.making.id, again: refused.key }}
          />
        )}
        <Makings view={view} />
        <div class="wide-first">
          <TimeMachine view={view} />
          <Gallery view={view} />
        </div>
      </>
    ),
  });
}

function Heading({ view: { available, format, now } }: { view: StudioView }) {
  return (
    <div class="spread">
      <h1>What will you make?</h1>
      <p>
        <strong class="balance" data-live-text={`${format.creditsOf(available)} available`}>
          {format.creditsOf(available)}
        </strong>{' '}
        <span class="quiet">on {format.moment(now)}</span>
      </p>
    </div>
  );
}

/** Sends the refused request again with its own key: it is the same request, with one effect. */
function AgainNote({ view: { again, fresh, format, words } }: { view: StudioView }) {
  if (again)
    return (
      <Note>
        <p>
          {again.making.title} is still waiting: {format.creditsOf(again.making.credits)}.
        </p>
        <form method="post" action="/demo/make">
          <Key value={again.key} />
          <input type="hidden" name="making" value={again.making.id} />
          <button type="submit" class="primary">
            Try again
          </button>
        </form>
      </Note>
    );
  return fresh ? (
    <div class="note" role="status">
      <p>
        Made: {words.feature(fresh.feature)}, for {format.creditsOf(fresh.credits)}.
      </p>
    </div>
  ) : null;
}

function Makings({ view: { makings, format } }: { view: StudioView }) {
  return (
    <ul class="makings">
      {makings.map((making) => (
        <li class="card">
          <Art seed={making.id} />
          <h2>{making.title}</h2>
          <p class="small quiet">{making.text}</p>
          <form method="post" action="/demo/make">
            <Key value={making.key} />
            <input type="hidden" name="making" value={making.id} />
            <button type="submit" class="make">
              Make it <span class="quiet">{format.creditsOf(making.credits)}</span>
            </button>
          </form>
        </li>
      ))}
    </ul>
  );
}

/** A picture without a subject, different for every name. */
function Art({ seed }: { seed: string }) {
  const numbers = [...seed].map((letter, i) => (letter.charCodeAt(0) * (i + 3)) % 97);
  const kinds = ['allowance', 'pack', 'adjustment'];
  return (
    <svg class="art" viewBox="0 0 160 60" aria-hidden="true" preserveAspectRatio="xMidYMid slice">
      {numbers.slice(0, 7).map((n, i) => (
        <circle
          class={`fill-${kinds[n % 3]}`}
          cx={(n * 1.7 + i * 23) % 160}
          cy={(n * 0.9) % 60}
          r={8 + (n % 17)}
        />
      ))}
    </svg>
  );
}

function Gallery({ view: { made, format, now, words } }: { view: StudioView }) {
  return (
    <section class="card" aria-labelledby="made">
      <h2 id="made">Made lately</h2>
      {made.length === 0 ? (
        <Empty>Nothing yet.</Empty>
      ) : (
        <ul class="stack">
          {made.map(({ feature, credits, at }) => (
            <li class="spread">
              <span>{words.feature(feature)}</span>
              <span class="small quiet">
                {format.creditsOf(credits)}, <Minute format={format} at={at} near={now} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function TimeMachine({ view }: { view: StudioView }) {
  const { jumps, format, now, key, chart, fired } = view;
  return (
    <section class="card" aria-labelledby="machine">
      <header>
        <h2 id="machine">Time machine</h2>
        <p class="small quiet">Now is {format.moment(now)}.</p>
      </header>
      <form method="post" action="/demo/advance" class="row">
        <Key value={key} />
        {jumps.map(({ id, label, to }) => (
          <button
            type="submit"
            name="to"
            value={id}
            disabled={to === null}
            title={to === null ? '' : format.moment(to)}
          >
            {label}
          </button>
        ))}
      </form>
      {fired && <FiredList fired={fired} format={format} now={now} />}
      <Chart view={chart} />
      <ChartKey view={chart} />
    </section>
  );
}

function FiredList({ fired, format, now }: { fired: FiredView[]; format: Format; now: Instant }) {
  if (fired.length === 0) return <Empty>Nothing was due until then.</Empty>;
  return (
    <Scroll label="Events on the way" kind="fired">
      <h3>Events on the way</h3>
      <ol class="stack small">
        {fired.map(({ at, text }) => (
          <li class="spread">
            <span>{text}</span>
            <span class="quiet">
              <Minute format={format} at={at} near={now} />
            </span>
          </li>
        ))}
      </ol>
    </Scroll>
  );
}
