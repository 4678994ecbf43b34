import { Command, InvalidArgumentError } from 'commander';
import { ConfigError } from '../config.ts';
import { reasonOf } from '../reason.ts';

// The common parts of the commands: exit codes, output, and error messages.

/** 1: the command ran and found a fault. 2: it could not run. */
export const EXIT = { good: 0, bad: 1, unable: 2 } as const;
/** One of EXIT. */
export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** The text below `drawdown --help`. */
export const USAGE = `
Examples:
  npx drawdown start                 everything on this machine, with servers of its own
  npx drawdown catalog check FILE    every fault of a catalogue
  npx drawdown keys list             the keys of the API
  npx drawdown doctor                what stands still, and what to do
  npx drawdown verify                whether the ledger keeps its invariants
  npx drawdown verify --help         the options of a command, with examples

The commands use the servers of DATABASE_URL and TEMPORAL_ADDRESS, or else those that a start on this machine runs.
Exit codes: 0 good, 1 it ran and found or left something that is not, 2 it could not run. docs/operating.md says more.`;

/** A command that refuses unknown words with exit code 2. */
export function programOf(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.good : EXIT.unable));
}

/** An option's value as a number from 1. Throws InvalidArgumentError. */
export function whole(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

/** An error that a person can put right; its message says how. */
export class Unable extends Error {
  override readonly name = 'Unable';
}

/** Ends the process once its output is written: abandoned calls to Temporal would keep it for many seconds. */
const end = (code: Exit): void => void process.stdout.write('', () => process.exit(code));

/** Runs a command's work; an error becomes one sentence on stderr, without a statement or its parameters (I15). */
export function acting<Words extends unknown[]>(
  complaint: string,
  work: (...words: Words) => Promise<Exit>,
): (...words: Words) => Promise<void> {
  return async (...words) => {
    try {
      end(await work(...words));
    } catch (error) {
      const isKnown = error instanceof ConfigError || error instanceof Unable;
      process.stderr.write(`${isKnown ? error.message : `${complaint}: ${reasonOf(error)}`}\n`);
      end(EXIT.unable);
    }
  };
}

/** Writes a line to stdout. */
export const print = (text: string): void => void process.stdout.write(`${text}\n`);
/** Writes a value to stdout as indented JSON. */
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

const SAY_SO_AFTER_MS = 1_000;

/** Writes the progress of longer work to stderr, once a second after the first second; a terminal's line is overwritten. */
export function showProgress(line: () => string): { stop(): void } {
  const isTerminal = process.stderr.isTTY === true;
  let shown = '';
  const timer = setInterval(() => {
    const text = line();
    if (text === shown) return;
    shown = text;
    process.stderr.write(isTerminal ? `\r\u001b[K${text}` : `${text}\n`);
  }, SAY_SO_AFTER_MS);
  return {
    stop() {
      clearInterval(timer);
      if (isTerminal && shown !== '') process.stderr.write('\r\u001b[K');
    },
  };
}

/** Rows with aligned columns; the first row is the head. */
export function table(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
