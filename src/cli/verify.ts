import type { Broken } from '../db/audit/invariants.ts';
import { countToRun } from '../db/audit/must-run.ts';
import { BOOKS_TIMEOUT_MS } from '../db/audit/reconcile.ts';
import { SnapshotLost, type Verification, verifyInvariants } from '../db/audit/verify.ts';
import { connectTemporal, createCaller } from '../temporal.ts';
import { askWorkflows, type WorkflowAnswers } from './ask-workflows.ts';
import { type KeptHeads, keptHeadsOf } from './heads-file.ts';
import {
  acting,
  EXIT,
  type Exit,
  print,
  printJson,
  programOf,
  showProgress,
  Unable,
  whole,
} from './program.ts';
import { connectedConfig, ledgerConfig, withLedger } from './servers.ts';
import { STUCK_AFTER } from './stuck.ts';

// `drawdown verify`: checks the invariants of a database, and names the rows that break them.

interface VerifyFlags {
  subscription?: string[];
  workflows?: true | number;
  stuckAfter: number;
  all?: true;
  json?: true;
  against?: string;
  publicKey?: string;
}

const EXAMPLES = `
Examples:
  npx drawdown verify                              the whole ledger, to the first row that breaks an invariant
  npx drawdown verify --all                        every such row
  npx drawdown verify --workflows                  ask every workflow for its balance too (I8), and whether it goes on (I14)
  npx drawdown verify --workflows 500              ask 500 of them, picked at random
  npx drawdown verify --subscription sub_1 sub_2   two subscriptions
  npx drawdown verify --against heads.jsonl        whether each ledger still has what was sealed (drawdown seal)
  npx drawdown verify --against heads.jsonl --public-key seal.pub
                                                   and whether those heads are yours: openssl pkey -in seal.key -pubout
  npx drawdown verify --json                       one JSON document

It only reads: the database in one snapshot, on a standby if you like. docs/operating.md says what each invariant is.
Exit codes: 0 every invariant that was looked at holds, 1 a row breaks one or a workflow is stuck, 2 it could not look (or a workflow did not answer).`;

const CHECKED = ['I1', 'I2', 'I3', 'I4', 'I6', 'I11'];
/** Rows that fit on a screen. */
const SHOWN = 20;

async function lookAtLedger(
  databaseUrl: string,
  options: VerifyFlags,
  kept: KeptHeads | null,
): Promise<Verification> {
  let line = 'Reading which rows there are';
  const progress = showProgress(() => line);
  const onProgress = (done: number, of: number) => {
    line = `Verified ${done} of ${of} subscriptions`;
  };
  const wanted = {
    subscriptionIds: options.subscription ?? null,
    isThorough: options.all === true,
    keptHeads: kept?.heads ?? null,
    onProgress,
  };
  try {
    const pool = { max: 1, statementTimeoutMs: BOOKS_TIMEOUT_MS };
    return await withLedger(databaseUrl, pool, (db) => verifyInvariants(db, wanted));
  } catch (error) {
    throw error instanceof SnapshotLost ? new Unable(error.message) : error;
  } finally {
    progress.stop();
  }
}

async function lookAtWorkflows(options: VerifyFlags): Promise<WorkflowAnswers> {
  const config = connectedConfig();
  // Its connection ends with the process: closed sooner, it would fail calls that are being retried.
  const { client } = connectTemporal(config);
  let [done, all] = [0, 0];
  const progress = showProgress(() => `Asked ${done} of ${all} workflows`);
  try {
    return await withLedger(config.databaseUrl, { max: 4, statementTimeoutMs: 30_000 }, async (db) => {
      const most = typeof options.workflows === 'number' ? options.workflows : null;
      const which = options.subscription ?? most;
      all = options.subscription?.length ?? Math.min(most ?? Number.POSITIVE_INFINITY, await countToRun(db));
      return await askWorkflows({
        db,
        temporal: createCaller(client),
        which,
        isThorough: options.all === true,
        stuckAfter: options.stuckAfter,
        onProgress: (n) => {
          done = n;
        },
      });
    });
  } finally {
    progress.stop();
  }
}

const rowLines = ({ invariant, subscription_id, row }: Broken): string[] => [
  invariant,
  `     ${[subscription_id, row].filter((word) => word !== '').join('  ')}`,
];

/** A line for each: each is a customer's subscription that stands still. */
function stuckLines(asked: WorkflowAnswers | null): string[] {
  if (asked === null || asked.stuck.length === 0) return [];
  return [
    `Stuck: ${asked.stuck.length}`,
    ...asked.stuck.flatMap(({ subscription_id, what, attempts, reason }) => [
      `I14  ${subscription_id}  ${what} failed ${attempts} times`,
      `     ${reason}`,
    ]),
    'docs/operating.md has the remedy: “A stuck workflow”.',
  ];
}

const SIGNATURES = {
  good: 'with a good signature',
  'not checked': 'signature not checked',
  none: 'not signed',
};

/** The guards, the seals, and the heads that were kept outside. */
function sealLine({ seals }: Verification, kept: KeptHeads | null): string {
  const waiting = seals.waiting === 0 ? '' : `, ${seals.waiting} wait for a seal`;
  const outside =
    kept === null
      ? '; not looked at: heads kept outside (--against)'
      : `; ${kept.heads.size} heads kept at ${kept.at}, ${SIGNATURES[kept.signature]}`;
  return `the guards of entries and grants, the seals of ${seals.sealed} ledgers${waiting}${outside}`;
}

/** One line an invariant, the parts that were not checked, and the rows that break one. */
function screen(
  checkOnce: Verification,
  asked: WorkflowAnswers | null,
  broken: Broken[],
  isThorough: boolean,
  kept: KeptHeads | null,
): string {
  const head = `at ${checkOnce.at}: ${checkOnce.subscriptions} subscriptions, ${checkOnce.entries} entries`;
  const rows = broken.slice(0, SHOWN).flatMap(rowLines);
  if (broken.length > 0 && !isThorough)
    return [
      ...[head, 'Broken:', ...rows, 'Nobody looked any further: --all names every such row.'],
      ...stuckLines(asked),
    ].join('\n');
  const isBroken = (id: string) => broken.some(({ invariant }) => invariant.startsWith(`${id} `));
  const line = (id: string, more: string) =>
    `${id.padEnd(4)} ${isBroken(id) ? 'broken' : 'holds '}  ${more}`.trimEnd();
  return [
    head,
    ...['I1', 'I2', 'I3', 'I4', 'I6'].map((id) => line(id, '')),
    asked === null
      ? 'I8   not looked at: --workflows asks the workflows'
      : line('I8', `${asked.equal} workflows agree with their ledgers`),
    ...(asked && asked.stuck.length === 0 ? ['I14  holds   no workflow is stuck'] : []),
    line('I11', sealLine(checkOnce, kept)),
    `Rules and copies of rows ${broken.some(({ invariant }) => !/^I\d/.test(invariant)) ? 'differ' : 'agree'}: terms, answers, causes, events.`,
    ...(broken.length === 0 && !asked?.stuck.length
      ? ['Every invariant that was looked at holds.']
      : broken.length > 0
        ? [`Broken: ${broken.length}`, ...rows]
        : []),
    ...(broken.length > SHOWN ? [`and ${broken.length - SHOWN} more: --json names every one.`] : []),
    ...stuckLines(asked),
  ].join('\n');
}

async function run(options: VerifyFlags): Promise<Exit> {
  if (options.publicKey !== undefined && options.against === undefined)
    throw new Unable('--public-key checks the file of --against: name both.');
  const kept = options.against === undefined ? null : await keptHeadsOf(options.against, options.publicKey);
  const checkOnce = await lookAtLedger(ledgerConfig().databaseUrl, options, kept);
  const missing = (options.subscription?.length ?? 0) - (options.subscription ? checkOnce.subscriptions : 0);
  if (missing > 0) throw new Unable(`${missing} of the subscriptions are not there.`);
  const goesOn = checkOnce.broken.length === 0 || options.all === true;
  const asked = options.workflows !== undefined && goesOn ? await lookAtWorkflows(options) : null;
  const found = [...checkOnce.broken, ...(asked?.broken ?? [])];
  const broken = options.all ? found : found.slice(0, 1);
  if (options.json) printJson(document(checkOnce, asked, broken, kept));
  else print(screen(checkOnce, asked, broken, options.all === true, kept));
  if (asked && asked.silent.length > 0)
    process.stderr.write(
      `${asked.silent.length} workflows did not answer, the first: ${asked.silent[0]}. Does Temporal answer, and does a worker run?\n`,
    );
  if (broken.length > 0 || asked?.stuck.length) return EXIT.bad;
  return asked && asked.silent.length > 0 ? EXIT.unable : EXIT.good;
}

const document = (
  checkOnce: Verification,
  asked: WorkflowAnswers | null,
  broken: Broken[],
  kept: KeptHeads | null,
) => ({
  at: checkOnce.at,
  subscriptions: checkOnce.subscriptions,
  entries: checkOnce.entries,
  checked: asked === null ? CHECKED : [...CHECKED, 'I8', 'I14'],
  workflows: asked && { equal: asked.equal, silent: asked.silent, stuck: asked.stuck },
  seals: {
    ...checkOnce.seals,
    against: kept && { at: kept.at, ledgers: kept.heads.size, signature: kept.signature },
  },
  broken,
});

/** `drawdown verify`. */
export const program = programOf(
  'verify',
  'Says whether the ledger holds its invariants, and names the first row that breaks one.',
)
  .option('--subscription <ids...>', 'look at these subscriptions only')
  .option('--workflows [most]', 'ask the workflows for their balances too, all or so many', whole)
  .option('--stuck-after <times>', 'a workflow is stuck when its step failed more often', whole, STUCK_AFTER)
  .option('--against <file-or-url>', 'compare with heads that “drawdown seal” wrote')
  .option('--public-key <file>', 'they must be signed by its private key (Ed25519, PEM)')
  .option('--all', 'go on after the first row that breaks an invariant, and name every one')
  .option('--json', 'print one JSON document')
  .addHelpText('after', EXAMPLES)
  .action(acting('The ledger could not be verified', run));
