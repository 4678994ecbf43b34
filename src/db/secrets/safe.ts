import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';

// Secrets at rest: AES-256-GCM with a key from outside of the database, so that a copy of the database signs nothing. A stored
// secret is `aes1.<id of the key>.<nonce, text and tag>`, bound to its name: in another row it can't be read.

const CIPHER = 'aes-256-gcm';
/** Bytes. */
const [KEY, NONCE, TAG] = [32, 12, 16];
const STORED = /^aes1\.([0-9a-f]{8})\.([\w-]+)$/;

/** Encrypts and decrypts the secrets of an installation. */
export interface Safe {
  /** A secret as it is stored under a name: encrypted by the first key, or as it is where there is none. */
  lock(name: string, secret: string): string;
  /** Throws `SafeLocked` where its key is missing. */
  unlock(name: string, stored: string): string;
  /** Whether it is stored as `lock` would. */
  isCurrent(stored: string): boolean;
}

/** A stored secret that can't be read. Its message says the remedy. */
export class SafeLocked extends Error {
  override readonly name = 'SafeLocked';
}

/** Whether bytes are a key. */
export const isSafeKey = (key: Buffer): boolean => key.length === KEY;

/** Makes a safe. The first key encrypts, and all decrypt: the second is the one before, while keys are changed. */
export function createSafe(keys: readonly Buffer[]): Safe {
  const byId = new Map(keys.map((key) => [idOf(key), key]));
  const [first] = byId.entries();

  return {
    lock(name, secret) {
      if (first === undefined) return secret;
      const [id, key] = first;
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(name));
      const text = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `aes1.${id}.${text.toString('base64url')}`;
    },
    unlock(name, stored) {
      const [, id, text] = STORED.exec(stored) ?? [];
      if (id === undefined || text === undefined) return stored;
      const key = byId.get(id);
      if (key === undefined)
        throw new SafeLocked(
          `A secret in the database is encrypted by the key ${id}: add it to SECRETS_KEY.`,
        );
      const bytes = Buffer.from(text, 'base64url');
      try {
        const cipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE)).setAAD(Buffer.from(name));
        cipher.setAuthTag(bytes.subarray(-TAG));
        return cipher.update(bytes.subarray(NONCE, -TAG), undefined, 'utf8') + cipher.final('utf8');
      } catch {
        throw new SafeLocked(`The secret of ${name} was changed in the database.`);
      }
    },
    isCurrent: (stored) => (STORED.exec(stored)?.[1] ?? null) === (first?.[0] ?? null),
  };
}

const idOf = (key: Buffer): string => hash('sha256', key, 'hex').slice(0, 8);
