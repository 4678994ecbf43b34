import type { Assets } from '../shell/page.tsx';
import { consolePage, Rule } from './frame.tsx';
import type { RuleView } from './views.ts';

/** An input of an action's form. */
export interface FieldView {
  name: string;
  label: string;
  kind: 'number' | 'text' | 'select' | 'instant';
  value: string;
  options?: { value: string; label: string }[];
  hint?: string;
  isOptional?: boolean;
}

interface Common {
  title: string;
  says: string;
  customerId: string;
  /** Back to the subscription. */
  back: string;
  /** The address of this page's forms. */
  action: string;
}

/** The first step's data. */
interface ActionFormView extends Common {
  fields: FieldView[];
  reason: string;
  takesReason: boolean;
  /** Faults of the form's values, by field. */
  faults: { name: string; detail: string }[];
}

const INPUT_TYPE = { number: 'text', text: 'text', instant: 'datetime-local' } as const;

/** First step: the values and the reason. */
export function actionFormPage(view: ActionFormView, assets: Assets): string {
  const { title, says, customerId, back, action, fields, reason, takesReason, faults } = view;
  const faultOf = (name: string) => faults.find((fault) => fault.name === name)?.detail;
  return consolePage(
    { title, assets },
    <section class="card narrow">
      <h1>{title}</h1>
      <p>{says}</p>
      <p class="quiet">
        For <a href={back}>{customerId}</a>
      </p>
      <form class="stack" method="post" action={action}>
        <input type="hidden" name="step" value="check" />
        {fields.map((field) => (
          <Field field={field} fault={faultOf(field.name)} />
        ))}
        <Field
          field={{
            name: 'reason',
            label: 'Reason',
            kind: 'text',
            value: reason,
            hint: takesReason
              ? 'Stays on record with the action.'
              : 'The call has no place for it: it is written to this server’s log.',
          }}
          fault={faultOf('reason')}
        />
        <div class="row">
          <button class="primary" type="submit">
            Show what it will do
          </button>
          <a href={back}>Leave it</a>
        </div>
      </form>
    </section>,
  );
}

function Field({ field, fault }: { field: FieldView; fault: string | undefined }) {
  const { name, label, kind, value, hint, options = [], isOptional = false } = field;
  const described = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean).join(' ') || undefined;
  const common = {
    id: name,
    name,
    'aria-describedby': described,
    'aria-invalid': fault ? 'true' : undefined,
  };
  return (
    <div class="field">
      <label for={name}>
        {label}
        {isOptional && <span class="quiet"> (may be empty)</span>}
      </label>
      {kind === 'select' ? (
        <select {...common}>
          {options.map((option) => (
            <option value={option.value} selected={option.value === value}>
              {option.label}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...common}
          type={INPUT_TYPE[kind]}
          value={value}
          required={!isOptional}
          maxlength={500}
          autocomplete="off"
          inputmode={kind === 'number' ? 'numeric' : undefined}
        />
      )}
      {hint && (
        <p class="quiet small" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      {fault && (
        <p class="bad-text small" id={`${name}-fault`}>
          {fault}
        </p>
      )}
    </div>
  );
}

/** The second step's data. */
interface ActionCheckView extends Common {
  verb: string;
  isDanger: boolean;
  /** The effects; null where the command would be refused. */
  lines: { text: string; rule: RuleView | null }[] | null;
  refusal: string | null;
  curl: string;
  /** The form's values and the key, sent along hidden. */
  hidden: Record<string, string>;
  /** The outcome of a first try that may be repeated with the same key. */
  failed: string | null;
}

/** Second step: the effects, the call and its button. */
export function actionCheckPage(view: ActionCheckView, assets: Assets): string {
  const { title, customerId, back, action, verb, isDanger, lines, refusal, curl, hidden, failed } = view;
  return consolePage(
    { title, assets },
    <section class="card narrow">
      <h1>{title}: effects</h1>
      <p class="quiet">
        For <a href={back}>{customerId}</a>, because “{hidden['reason']}”
      </p>
      {failed !== null && (
        <p class="note bad" role="alert">
          {failed}
        </p>
      )}
      {lines === null ? (
        <p class="note warn" role="status">
          It would be refused: {refusal}
        </p>
      ) : (
        <ul class="stack rehearsal">
          {lines.map(({ text, rule }) => (
            <li>
              {text}
              <Rule rule={rule} />
            </li>
          ))}
        </ul>
      )}
      <Curl curl={curl} />
      <form class="row" method="post" action={action}>
        <input type="hidden" name="step" value="do" />
        {Object.entries(hidden).map(([name, value]) => (
          <input type="hidden" name={name} value={value} />
        ))}
        {lines !== null && (
          <button class={isDanger ? 'danger' : 'primary'} type="submit">
            {verb}
          </button>
        )}
        <a href={back}>Leave it</a>
      </form>
    </section>,
  );
}

function Curl({ curl }: { curl: string }) {
  return (
    <div class="stack">
      <div class="spread">
        <h2 id="call">The call that does it</h2>
        <button class="plain" type="button" data-copy="curl" hidden>
          Copy
        </button>
      </div>
      <pre class="wraps" id="curl">
        {curl}
      </pre>
    </div>
  );
}

/** The third step's data. */
interface ActionDoneView extends Common {
  /** Whether an earlier call with this key did it. */
  isReplay: boolean;
  status: number;
  answer: string;
  curl: string;
}

/** Third step: the API's answer. */
export function actionDonePage(view: ActionDoneView, assets: Assets): string {
  const { title, customerId, back, isReplay, status, answer, curl } = view;
  return consolePage(
    { title: `${title}: done`, assets },
    <section class="card narrow">
      <h1>{title}: done</h1>
      <p class="note" role="status">
        {isReplay
          ? 'It had been done before with this key: nothing happened a second time.'
          : 'It is booked.'}
      </p>
      <p>
        <a class="button primary" href={back}>
          Back to {customerId}
        </a>
      </p>
      <h2 id="answer">The API’s answer: {status}</h2>
      <pre class="wraps">{answer}</pre>
      <Curl curl={curl} />
    </section>,
  );
}
