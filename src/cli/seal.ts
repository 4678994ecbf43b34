import type { KeyObject } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import { BOOKS_TIMEOUT_MS } from '../db/audit/reconcile.ts';
import type { Database } from '../db/client.ts';
import { pagesOfHeads } from '../db/seals/heads.ts';
import { createSealer } from '../db/seals/sealer.ts';
import { isAddress, linesOfHeads, nameOf, readKey } from './heads-file.ts';
import { acting, EXIT, type Exit, print, programOf, showProgress, Unable } from './program.ts';
import { ledgerConfig, withLedger } from './servers.ts';

// `drawdown seal`: extends the hash chains of all ledgers to their newest rows, and writes the heads to a place outside.

interface SealFlags {
  out?: string;
  key?: string;
}

const EXAMPLES = `
Examples:
  npx drawdown seal                                        seal what workers have not sealed yet
  npx drawdown seal --out heads.jsonl                      and write the heads of all ledgers to a file
  npx drawdown seal --out heads.jsonl --key seal.key       signed: openssl genpkey -algorithm ed25519 -out seal.key
  npx drawdown seal --out https://bucket.example/heads?…   and send them to an address by PUT
  npx drawdown verify --against heads.jsonl                whether the ledger still has what was sealed

Workers seal each ledger within a minute. A copy of the heads outside of the database shows what its owner changes later;
keep it where that person can't write. docs/operating.md, “Seals”, has a schedule.
Exit codes: 0 sealed and written, 2 it could not.`;

async function sealAll(db: Database): Promise<void> {
  const sealer = createSealer(db);
  let waiting = 0;
  const progress = showProgress(() => `Sealing: ${waiting} ledgers wait`);
  try {
    do waiting = await sealer.next();
    while (waiting > 0);
  } finally {
    progress.stop();
  }
}

async function run({ out, key: keyFile }: SealFlags): Promise<Exit> {
  if (keyFile !== undefined && out === undefined)
    throw new Unable('--key signs what --out writes: name both.');
  const key = keyFile === undefined ? null : readKey(keyFile, 'private');
  return await withLedger(
    ledgerConfig().databaseUrl,
    { max: 1, statementTimeoutMs: BOOKS_TIMEOUT_MS },
    async (db) => {
      await sealAll(db);
      const [text, ledgers] = await headsOf(db, key);
      if (out === undefined) print(`Sealed: ${ledgers} ledgers.`);
      else {
        await write(out, text);
        print(`Sealed: ${ledgers} ledgers. Their heads are in ${nameOf(out)}.`);
      }
      return EXIT.good;
    },
  );
}

async function headsOf(db: Database, key: KeyObject | null): Promise<[text: string, ledgers: number]> {
  const [row] = await db.execute<{ at: string }>(sql`select iso(clock_timestamp()) as at`);
  const lines = linesOfHeads(pagesOfHeads(db), { at: row!.at, key });
  const texts: string[] = [];
  while (true) {
    const { done, value } = await lines.next();
    if (done) return [texts.join(''), value.ledgers];
    texts.push(value);
  }
}

async function write(out: string, text: string): Promise<void> {
  if (isAddress(out)) {
    const response = await fetch(out, { method: 'PUT', body: text, signal: AbortSignal.timeout(60_000) });
    if (!response.ok) throw new Unable(`${nameOf(out)} answered ${response.status} to the heads.`);
    return;
  }
  // Whole or not at all: a torn file would replace a good one.
  const unfinished = `${out}.part`;
  try {
    writeFileSync(unfinished, text);
    renameSync(unfinished, out);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw new Unable(`${out} can't be written: ${error instanceof Error ? error.message : error}`);
  }
}

/** `drawdown seal`. */
export const program = programOf(
  'seal',
  'Extends the hash chains of all ledgers, and writes their heads to a place outside of the database.',
)
  .option('--out <file-or-url>', 'write the heads there; an address gets them by PUT')
  .option('--key <file>', 'sign them with this Ed25519 key (PEM)')
  .addHelpText('after', EXAMPLES)
  .action(acting('The ledgers could not be sealed', run));
