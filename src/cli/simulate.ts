import { existsSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { loadCatalog } from '../catalog/load.ts';
import { ConfigError } from '../config.ts';
import { boundary, INTERVALS, type Instant, type Interval, iso, isTimeZone } from '../domain/calendar.ts';
import { type Catalog, MOST, planOf } from '../domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../domain/catalog/default.ts';
import { type Fault, Refusal } from '../domain/errors.ts';
import { balance } from '../domain/model/book.ts';
import {
  advanceLife,
  command,
  type Fact,
  factLine,
  facts,
  type Life,
  startLife,
} from '../domain/timeline.ts';
import { EXIT, printJson, print as printLine, programOf } from './program.ts';

// `drawdown simulate`: a subscription's life on the pure core, in milliseconds, as the facts that the ledger would book.

interface SimulateOptions {
  from: Instant;
  zone: string;
  allowance?: number;
  /** The file; absent: the built-in catalogue. */
  catalog?: string;
  trial?: true;
  pack?: string;
  json?: true;
}

/** A simulated subscription: its name and its facts. */
interface SimulatedLife {
  title: string;
  life: Life;
}

const EXAMPLES = `
Examples:
  npx drawdown simulate creator month 26 1 --from 2026-01-31
                                           a monthly creator with one pack, for 26 months
  npx drawdown simulate creator year 26 1 --from 2026-01-17 --zone Europe/Berlin
  npx drawdown simulate enterprise month 3 --allowance 5000
  npx drawdown simulate plus month 6 1 --catalog chat.json --trial --pack boost_500
                                           a plan of your own: a trial, then one boost
  npx drawdown simulate "worked example 2"  the scenario tables with these words in their title
  npx drawdown simulate calendar            the tables of test/scenarios/calendar.scenario.ts

Every charge is paid at once, and nobody spends, unless the scenario says otherwise. The last boundary is included.
The exit code is 0, or 2 when the words make no life.`;

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function instant(text: string): Instant {
  const at = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(at)) return at;
  throw new InvalidArgumentError('It must be a date (00:00Z) or an RFC 3339 instant.');
}

function zone(text: string): string {
  if (isTimeZone(text)) return text;
  throw new InvalidArgumentError('It must be an IANA time zone, such as Europe/Berlin.');
}

/** A subscription that starts at an instant, buys packs at once, and lives for a number of months. */
function simulate(
  catalog: Catalog,
  plan: string,
  interval: Interval,
  months: number,
  packs: number,
  options: SimulateOptions,
): Life {
  const start = {
    id: 'sub_simulated',
    customerId: 'simulated',
    plan,
    interval,
    timeZone: options.zone,
    paymentMethod: 'sandbox_ok',
    allowance: options.allowance ?? null,
    anchorAt: null,
    testClock: true,
    ...(options.trial ? { trial: true } : {}),
  };
  const life = startLife(start, options.from, catalog);
  // R-23: packs wait for the end of a trial.
  if (packs > 0 && life.state.trialEndsAt !== undefined) advanceLife(life, life.state.trialEndsAt);
  if (packs > 0)
    command(life, {
      type: 'buy_packs',
      purchaseId: 'pur_simulated',
      packs,
      pack: options.pack ?? null,
      interval: null,
      paymentMethod: null,
    });
  advanceLife(life, boundary(options.from, options.zone, months));
  return life;
}

/** The scenario tables are part of the repository, not of the build: beside compiled code they are translated as they load. */
async function scenarios(wanted: string): Promise<SimulatedLife[]> {
  const url = new URL('../../test/scenarios/lives.ts', import.meta.url);
  if (!existsSync(url)) throw new Refusal('not_found', 'There are no scenario tables here, only in a clone.');
  if (import.meta.url.endsWith('.js')) (await import('tsx/esm/api')).register();
  const tables: { livesOf(wanted: string): Promise<{ title: string; rules: string[]; lives: Life[] }[]> } =
    await import(url.href);
  const found = await tables.livesOf(wanted);
  if (found.length === 0)
    throw new Refusal('not_found', `No plan, and no scenario table or file, is called "${wanted}".`);
  return found.flatMap(({ title, rules, lives }) =>
    lives.map((life, i) => ({
      title: `${rules.join(' ')}  ${title}${lives.length > 1 ? ` (subscription ${i + 1})` : ''}`,
      life,
    })),
  );
}

function summary({ state, book, catalog }: Life): Record<string, string | number> {
  const paid = [...book.charges.values()].filter(({ status }) => status === 'paid');
  const refunded = paid.reduce((sum, charge) => sum + charge.refundedMinor, 0);
  const charged = paid.reduce((sum, charge) => sum + charge.amountMinor, 0);
  const { available, by_kind } = balance(book, state.now);
  return {
    at: iso(state.now),
    status: state.status,
    plan: `${state.plan} ${state.interval}`,
    grants: book.grants.size,
    charges_paid: paid.length,
    charged_minor: charged,
    refunded_minor: refunded,
    currency: catalog.currency,
    available,
    ...by_kind,
  };
}

const count = (n: number | string | undefined, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function summaryLine(life: Life): string {
  const {
    at,
    status,
    plan,
    grants,
    charges_paid,
    charged_minor,
    refunded_minor,
    currency,
    available,
    ...kinds
  } = summary(life);
  const money = (minor: string | number | undefined) => `${currency} ${(Number(minor) / 100).toFixed(2)}`;
  const back = Number(refunded_minor) > 0 ? `, ${money(refunded_minor)} of it refunded` : '';
  const byKind = Object.entries(kinds)
    .map(([kind, credits]) => `${kind} ${credits}`)
    .join(', ');
  return `= ${at}  ${plan}, ${status}: ${count(grants, 'grant')}; ${count(charges_paid, 'charge')} paid, ${money(charged_minor)}${back}; ${available} credits available (${byKind})`;
}

function print(lives: SimulatedLife[], isJson: boolean): void {
  if (isJson) {
    const shown = lives.map(({ title, life }) => ({
      title,
      facts: facts(life.book).map(jsonFact),
      summary: summary(life),
    }));
    return printJson(shown.length === 1 ? shown[0] : shown);
  }
  lives.forEach(({ title, life }, i) => {
    if (lives.length > 1) printLine(`${i > 0 ? '\n' : ''}${title}`);
    for (const fact of facts(life.book)) printLine(factLine(fact));
    printLine(summaryLine(life));
  });
}

const jsonFact = (fact: Fact) => ({ ...fact, at: iso(fact.at) });

type SimulateArguments = [
  what: string,
  interval: string,
  months: number,
  packs: number,
  options: SimulateOptions,
];

async function simulateLives(
  ...[what, word, months, packs, options]: SimulateArguments
): Promise<SimulatedLife[]> {
  const catalog = loadCatalog(options.catalog);
  const plan = planOf(catalog, what);
  if (!plan) {
    if (options.catalog === undefined) return scenarios(what);
    const ids = catalog.plans.map(({ id }) => id).join(', ');
    throw new Refusal('not_found', `${options.catalog} has no plan ${what}: it has ${ids}.`);
  }
  const interval = INTERVALS.find((name) => name === word);
  if (!interval) throw new Refusal('invalid_request', `The interval must be one of ${INTERVALS.join(', ')}.`);
  if (options.trial && !plan.trial)
    throw new Refusal('plan_not_eligible', `The plan ${plan.id} has no trial.`);
  const title = `${plan.id} ${interval}, ${count(months, 'month')}, ${count(packs, 'pack')}`;
  return [{ title, life: simulate(catalog, plan.id, interval, months, packs, options) }];
}

/** A refusal of the core names a member of a request; here that is a word of the command. */
function sentenceOf(error: Refusal | ConfigError): string {
  const [fault] = error instanceof Refusal ? ((error.data['errors'] ?? []) as Fault[]) : [];
  if (!fault) return error.message;
  return `${fault.pointer === '/pack' ? '--pack' : fault.pointer.slice(1)} ${fault.detail}`;
}

/** `drawdown simulate`. */
export const program = programOf(
  'simulate',
  'Tells a subscription’s whole life: every charge, grant and expiry, in order.',
)
  .argument(
    '<plan or scenario>',
    `a plan of the catalogue, such as ${DEFAULT_CATALOG.plans.map(({ id }) => id).join(', ')}; or words of a scenario table’s title, or its file`,
  )
  .argument('[interval]', INTERVALS.join(', '), 'month')
  .argument('[months]', 'how many months to live', whole(0, 1_200), 12)
  .argument('[packs]', 'packs bought at the start', whole(0, 1_000), 0)
  .option('--catalog <file>', 'plans and packs of this file (default: the built-in catalogue)')
  .option('--trial', 'begin with the trial of the plan; packs are bought at its end')
  .option('--pack <id>', 'the pack to buy, where several are sold')
  .option('--from <instant>', 'the first instant (default: today, 00:00Z)', instant)
  .option('--zone <IANA zone>', 'the subscription’s time zone', zone, 'UTC')
  .option('--allowance <credits>', 'credits a cycle, for a contract such as enterprise', whole(1, MOST))
  .option('--json', 'print one JSON document')
  .addHelpText('after', EXAMPLES)
  .action(
    async (
      what: string,
      interval: string,
      months: number,
      packs: number,
      options: Partial<SimulateOptions>,
    ) => {
      const from = options.from ?? instant(iso(Date.now()).slice(0, 10));
      try {
        const lives = await simulateLives(what, interval, months, packs, { zone: 'UTC', ...options, from });
        print(lives, options.json === true);
      } catch (error) {
        if (!(error instanceof Refusal || error instanceof ConfigError)) throw error;
        process.stderr.write(`${sentenceOf(error)}\n`);
        process.exitCode = EXIT.unable;
      }
    },
  );
