import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Heads } from '../db/seals/heads.ts';
import { Unable } from './program.ts';

// The file of heads that is kept outside of the database: a line of JSON for each ledger, and a last line with the digest of
// all lines before it, signed where a key was given (docs/ledger.md, "Seals").

const FORMAT = 'drawdown-heads-1';

/** The last line of a file of heads. */
interface Footer {
  format: typeof FORMAT;
  at: string;
  ledgers: number;
  /** SHA-256 of the lines before this one, hex. */
  sha256: string;
  /** Ed25519 of `<at> <sha256>`, base64; null where no key was given. */
  signature: string | null;
}

/** A file of heads as it was read. */
export interface KeptHeads {
  at: string;
  heads: Map<string, Heads>;
  signature: 'good' | 'not checked' | 'none';
}

/** Reads a private or public Ed25519 key in PEM. Throws Unable. */
export function readKey(file: string, kind: 'private' | 'public'): KeyObject {
  try {
    const text = readFileSync(file);
    const key = kind === 'private' ? createPrivateKey(text) : createPublicKey(text);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (error) {
    throw new Unable(`${file} is no ${kind} key in PEM: ${error instanceof Error ? error.message : error}`);
  }
  throw new Unable(`${file} is no Ed25519 key. Make one: openssl genpkey -algorithm ed25519 -out seal.key`);
}

const signed = ({ at, sha256 }: Pick<Footer, 'at' | 'sha256'>): Buffer => Buffer.from(`${at} ${sha256}`);

/** The lines of a file of heads, made from pages of them. Its last line is the footer. */
export async function* linesOfHeads(
  pages: AsyncIterable<Heads[]>,
  { at, key }: { at: string; key: KeyObject | null },
): AsyncGenerator<string, Footer> {
  const hash = createHash('sha256');
  let ledgers = 0;
  for await (const page of pages) {
    const text = page.map((heads) => `${JSON.stringify(heads)}\n`).join('');
    hash.update(text);
    ledgers += page.length;
    yield text;
  }
  const sha256 = hash.digest('hex');
  const signature = key && sign(null, signed({ at, sha256 }), key).toString('base64');
  const footer: Footer = { format: FORMAT, at, ledgers, sha256, signature };
  yield `${JSON.stringify(footer)}\n`;
  return footer;
}

/** Whether a place is an address of HTTP. */
export const isAddress = (place: string): boolean => /^https?:\/\//.test(place);
/** A place as a person may read it: an address may hold a secret. */
export const nameOf = (place: string): string => (isAddress(place) ? new URL(place).origin : place);

/** Reads the heads of a file or an address. Throws Unable. */
export async function keptHeadsOf(place: string, publicKeyFile?: string): Promise<KeptHeads> {
  const publicKey = publicKeyFile === undefined ? null : readKey(publicKeyFile, 'public');
  return parseHeads(await textOf(place), nameOf(place), publicKey);
}

async function textOf(place: string): Promise<string> {
  try {
    if (!isAddress(place)) return readFileSync(place, 'utf8');
    const response = await fetch(place, { signal: AbortSignal.timeout(60_000) });
    if (response.ok) return await response.text();
    throw new Error(`it answered ${response.status}`);
  } catch (error) {
    throw new Unable(`${nameOf(place)} can't be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** Reads a file of heads. Throws Unable where it is not whole, was changed, or was signed by another key. */
export function parseHeads(text: string, name: string, publicKey: KeyObject | null): KeptHeads {
  const end = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, end);
  const footer = footerOf(text.slice(end), name);
  if (createHash('sha256').update(body).digest('hex') !== footer.sha256)
    throw new Unable(`${name} was changed: its lines have another digest than its last line says.`);
  const signature = footer.signature === null ? 'none' : publicKey ? 'good' : 'not checked';
  if (publicKey && footer.signature === null)
    throw new Unable(`${name} has no signature. Write it with: drawdown seal --out FILE --key FILE`);
  if (publicKey && !verify(null, signed(footer), publicKey, Buffer.from(footer.signature!, 'base64')))
    throw new Unable(`${name} was signed by another key, or its last line was changed.`);
  const lines = body.split('\n').slice(0, -1);
  const heads = new Map(
    lines.map((line) => {
      const one = JSON.parse(line) as Heads;
      return [one.sub, one];
    }),
  );
  return { at: footer.at, heads, signature };
}

function footerOf(line: string, name: string): Footer {
  try {
    const footer = JSON.parse(line) as Footer;
    if (footer.format === FORMAT) return footer;
  } catch {
    // The sentence below says it.
  }
  throw new Unable(
    `${name} is no file of heads, or its end is missing. “drawdown seal --out FILE” writes one.`,
  );
}
