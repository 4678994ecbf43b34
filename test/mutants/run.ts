import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type Running, runCommand, say } from '../../bench/command.ts';
import { ownServers, RUNNING_SERVERS, type RunningServers } from '../support/servers.ts';
import { type Checkout, copyCheckout } from './checkout.ts';
import { AREAS, MUTANTS, type Mutant } from './mutants.ts';
import { mutated } from './mutated.ts';
import { isNamed, runTests } from './vitest-run.ts';

// Tries the mutants one after the other: puts one fault into a copy of the project, runs the test that must notice it, and takes
// the fault out again. Before that the same tests pass without a fault. One mutant may survive; two end with 1.

/** The mutants that may survive a run of all. */
const MAY_SURVIVE = 1;
/** A mutant that hangs its test is ended, and counts as a survivor: no assertion noticed it. */
const LIMIT_MS = 180_000;
const SOUND_LIMIT_MS = 900_000;

/** The errors of an assertion, of one on a promise, and of a property. */
const ASSERTION = /^(AssertionError|Error: promise (resolved|rejected)|Error: Property failed)/;

const EXAMPLES = `
Examples:
  npm run mutants                                 all of them
  npm run mutants -- --list                       names, files and harms
  npm run mutants -- --only burn-order            one of them
  npm run mutants -- --only burn-order,scope-dropped

A mutant is killed where an assertion of its test fails. It is not where the copy does not compile, a set-up fails or nothing ends.
Needs no server of yours: PostgreSQL and Temporal are started once, for those mutants that need them. Ends with 1 where more
than ${MAY_SURVIVE} of all survives, one of --only survives, a mutant no longer fits its source, or a test fails without a mutant.`;

function only(text: string): readonly Mutant[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown.length > 0) throw new InvalidArgumentError(`There is no mutant ${unknown.join(', ')}.`);
  return MUTANTS.filter(({ name }) => names.includes(name));
}

const flags = new Command('npm run mutants --')
  .description(
    'Puts known faults into a copy of the sources, one at a time, and expects a test to fail at each.',
  )
  .option('--only <a,b>', 'mutants by their names', only)
  .option('--list', 'print the mutants, and try none', false)
  .allowExcessArguments(false)
  .addHelpText('after', EXAMPLES)
  .parse()
  .opts<{ only?: readonly Mutant[]; list: boolean }>();

await runCommand(run);

/** The copy, and how its tests are run. */
interface Laboratory {
  checkout: Checkout;
  env: Record<string, string>;
  stopping: AbortSignal;
}

async function run({ shutdown, stopping }: Running): Promise<number> {
  const chosen = flags.only ?? MUTANTS;
  if (flags.list) return list(chosen);
  const startedAt = performance.now();
  const checkout = copyCheckout();
  shutdown.add(2, async () => checkout.remove());
  for (const mutant of chosen) mutated(checkout.read(mutant.file), mutant);
  const survivors: Mutant[] = [];
  for (const project of ['core', 'stack'] as const) {
    const mutants = chosen.filter(({ test }) => test.project === project);
    if (mutants.length === 0) continue;
    const env = project === 'stack' ? await startServers({ shutdown, stopping }, checkout) : {};
    const laboratory = { checkout, env, stopping };
    await expectSound(laboratory, mutants);
    for (const mutant of mutants) if (!(await isKilled(laboratory, mutant))) survivors.push(mutant);
  }
  return summary(chosen, survivors, startedAt);
}

function list(chosen: readonly Mutant[]): number {
  for (const [area, mutants] of Object.entries(AREAS))
    for (const { name, harm, rule, file, test } of mutants.filter((mutant) => chosen.includes(mutant)))
      process.stdout.write(`${name.padEnd(28)} ${area}, ${file}${rule ? `, ${rule}` : ''}
  ${harm}
  ${test.project}: ${test.file}: ${test.name}
`);
  return 0;
}

/** Servers for all runs, by the sources without a fault. */
async function startServers({ shutdown }: Running, { folder }: Checkout): Promise<Record<string, string>> {
  const servers = ownServers({ durable: false });
  shutdown.add(2, async () => servers.remove());
  const started = await Promise.allSettled([servers.startDatabase(), servers.startTemporal()]);
  for (const one of started) if (one.status === 'fulfilled') shutdown.add(1, () => one.value.stop());
  const [database, temporal] = started;
  if (database.status === 'rejected') throw database.reason;
  if (temporal.status === 'rejected') throw temporal.reason;
  const running: RunningServers = {
    databaseUrl: database.value.url,
    temporalAddress: temporal.value.address,
    bundles: join(folder, 'bundles'),
  };
  return { [RUNNING_SERVERS]: JSON.stringify(running) };
}

/** Without a fault each test that a mutant names runs and passes. Throws where one does not. */
async function expectSound(
  { checkout, env, stopping }: Laboratory,
  mutants: readonly Mutant[],
): Promise<void> {
  const since = performance.now();
  const tests = mutants.map(({ test }) => test);
  const { folder } = checkout;
  const report = await runTests({ folder, tests, env, stopping, bails: false, limitMs: SOUND_LIMIT_MS });
  const failed = report.ran.find(({ state }) => state === 'failed');
  if (failed) throw new Error(`without a mutant ${failed.file} fails: ${failed.name}: ${failed.error}`);
  const passed = report.ran.filter(({ state }) => state === 'passed');
  const missing = mutants.find(({ test }) => !passed.some((ran) => isNamed(ran, test)));
  if (missing || report.trouble !== '')
    throw new Error(`without a mutant no test passed for ${missing?.name ?? 'all'}: ${report.trouble}`);
  const { project } = tests[0]!;
  say(`sound     ${secondsSince(since)}  ${passed.length} tests of ${project} pass without a mutant`);
}

/** Tries one mutant; a line says how it ended. */
async function isKilled({ checkout, env, stopping }: Laboratory, mutant: Mutant): Promise<boolean> {
  const since = performance.now();
  const { folder } = checkout;
  const source = checkout.read(mutant.file);
  checkout.write(mutant.file, mutated(source, mutant));
  const { test } = mutant;
  const options = { folder, tests: [test], env, stopping, bails: true, limitMs: LIMIT_MS };
  const { ran, trouble } = await runTests(options).finally(() => checkout.write(mutant.file, source));
  const failed = ran.find((one) => one.state === 'failed' && isNamed(one, test));
  const isByAssertion = failed !== undefined && ASSERTION.test(failed.error);
  const how = isByAssertion
    ? `by ${failed.file}: ${failed.name}`
    : `${mutant.harm} ${mutant.file}: ${failed?.error ?? (trouble || 'its test passes')}`;
  const name = mutant.name.padEnd(28);
  process.stdout.write(`${isByAssertion ? 'killed  ' : 'SURVIVED'}  ${secondsSince(since)}  ${name}${how}\n`);
  return isByAssertion;
}

function secondsSince(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1).padStart(6)} s`;
}

function summary(chosen: readonly Mutant[], survivors: readonly Mutant[], startedAt: number): number {
  const names = survivors.map(({ name }) => name).join(', ');
  const killed = chosen.length - survivors.length;
  const rest = survivors.length > 0 ? `, ${survivors.length} survived: ${names}` : '';
  process.stdout.write(
    `\n${killed} of ${chosen.length} mutants killed in${secondsSince(startedAt)}${rest}\n`,
  );
  return survivors.length > (chosen === MUTANTS ? MAY_SURVIVE : 0) ? 1 : 0;
}
