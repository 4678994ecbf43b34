import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { StartRefused } from '../src/embedded/data-folder.ts';
import { expectWritable, type Running, runCommand, say, whole } from './command.ts';
import { type Figures, measure } from './fleet-minute.ts';
import { report } from './fleet-report.ts';
import { startStack } from './fleet-stack.ts';

// A fleet of live subscriptions that are due in the same minute. Figures: the rate and the delay of the boundaries, and spending
// meanwhile. Check: each member was charged and granted exactly once.

interface Flags {
  subscriptions: number;
  secondsToBoundary?: number;
  json?: string;
}

const EXAMPLES = `
Examples:
  npx tsx bench/fleet.ts                              10,000 subscriptions: a quarter of an hour on two cores
  npx tsx bench/fleet.ts --subscriptions 300          a quick look: two minutes
  npx tsx bench/fleet.ts --json fleet.json            the figures for a program as well
  npx tsx bench/fleet.ts --seconds-to-boundary 600    the minute begins ten minutes after the servers are up

Everything runs on servers of its own in a temporary folder, dropped at the end; set TMPDIR to choose the disk. Ends with
1 when somebody was not charged and granted exactly once, a spend failed, or the fleet was not ready in time.`;

const flags = new Command('npx tsx bench/fleet.ts')
  .description('Measures a fleet of live subscriptions that are due in the same minute.')
  .option('--subscriptions <n>', 'how many are due in the minute', whole(2), 10_000)
  .option('--seconds-to-boundary <n>', 'when the minute begins (default: as moving in needs)', whole(30))
  .option('--json <file>', 'write the figures to this file')
  .allowExcessArguments(false)
  .addHelpText('after', EXAMPLES)
  .parse()
  .opts<Flags>();

await runCommand(run);

async function run({ shutdown, stopping }: Running): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'drawdown-fleet-'));
  shutdown.add(2, async () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  if (flags.json) expectWritable(flags.json);
  say('starting PostgreSQL, Temporal, API and worker');
  const stack = await startStack(folder, shutdown, stopping);
  try {
    const { subscriptions, secondsToBoundary } = flags;
    const wanted = { subscriptions, secondsToBoundary, stopping, say };
    const figures: Figures = await measure(stack, wanted);
    process.stdout.write(report(figures));
    if (flags.json) writeFileSync(flags.json, `${JSON.stringify(figures, null, 2)}\n`);
    return figures.faults.length > 0 ? 1 : 0;
  } catch (error) {
    const isPlain = stopping.aborted || error instanceof StartRefused;
    if (!isPlain) say(`The last lines of API and worker:\n${stack.logs()}\n`);
    throw error;
  }
}
