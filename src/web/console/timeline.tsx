import type { Format } from '../shell/format.ts';
import { PageLinks } from '../shell/parts.tsx';
import { Rule } from './frame.tsx';
import type { LineView } from './views.ts';

/** The data of the timeline. */
export interface TimelineView {
  lines: LineView[];
  /** Kinds of lines that can be shown alone; the first filter shows all. */
  filters: { href: string; label: string; isCurrent: boolean }[];
  /** The object whose lines are shown, and the link back to all lines; null for all lines. */
  about: { id: string; all: string } | null;
  /** The address of the next page; null at the end. */
  older: string | null;
  /** The address of the newest page; null on it. */
  newest: string | null;
  /** The address of an object's own lines. */
  hrefAbout: (id: string) => string;
}

/** The timeline: filters, lines and paging. */
export function Timeline({ view, format }: { view: TimelineView; format: Format }) {
  const { lines, filters, about, older, newest } = view;
  return (
    <section class="card" id="timeline" aria-labelledby="timeline-title">
      <header>
        <h2 id="timeline-title">{about ? 'Events of one object' : 'Events'}</h2>
        <p class="quiet small">Newest first, times in {format.timeZone}</p>
      </header>
      {about ? (
        <p class="note">
          <span>
            Only what has to do with <code>{about.id}</code>
          </span>
          <a href={about.all}>Show everything</a>
        </p>
      ) : (
        <nav aria-label="Kinds of lines">
          <ul class="filters">
            {filters.map(({ href, label, isCurrent }) => (
              <li>
                <a class="pick" href={href} aria-current={isCurrent ? 'true' : undefined}>
                  {label}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      )}
      {lines.length === 0 ? (
        <p class="empty">Nothing of this kind is on record.</p>
      ) : (
        <ol class="timeline">
          {lines.map((line) => (
            <Line line={line} format={format} hrefAbout={view.hrefAbout} />
          ))}
        </ol>
      )}
      <PageLinks of="the timeline" newest={newest} older={older} />
    </section>
  );
}

interface LineProps {
  line: LineView;
  format: Format;
  hrefAbout: (id: string) => string;
}

function Line({ line, format, hrefAbout }: LineProps) {
  const { at, recorded, mark, title, says, credits, balance, rule, parts, about } = line;
  return (
    <li class={`line line-${mark}`}>
      <p class="when quiet small">
        <time datetime={format.iso(at)}>{format.moment(at)}</time>
        {recorded !== null && (
          <span class="written">
            written <time datetime={format.iso(recorded)}>{format.moment(recorded)}</time>
          </span>
        )}
      </p>
      <div class="what">
        <h3>{title}</h3>
        {says.length > 0 && <p class="quiet small">{says.join(' · ')}</p>}
        {parts.length > 0 && (
          <ul class="parts small">
            {parts.map((part) => (
              <li>
                <span>
                  {part.text}
                  {part.rule && <span class="quiet"> ({part.rule.id})</span>}
                </span>
                <span>{part.amount}</span>
              </li>
            ))}
          </ul>
        )}
        <div class="row small">
          <Rule rule={rule} />
          {about.map(({ id, label }) => (
            <a href={hrefAbout(id)} title={id}>
              {label}
              <span class="unseen"> {id}</span>
            </a>
          ))}
        </div>
      </div>
      {credits !== null && (
        <p class="moved">
          <span class={credits > 0 ? 'plus' : undefined}>{format.signed(credits)}</span>
          {balance !== null && <span class="quiet small">{format.credits(balance)} then</span>}
        </p>
      )}
    </li>
  );
}
