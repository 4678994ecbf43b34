import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { invalid, Refusal } from '../domain/errors.ts';

// The scheme's own library does the check: v1 signatures in constant time, any of several, five minutes both ways. It wants
// text, so the bytes are decoded first, strictly: what is not UTF-8 can't have been signed as text.

export interface Signed {
  /** The sender's id of it: the same at every delivery. */
  id: string;
  text: string;
}

/** What was signed, byte for byte. Throws a `Refusal` when none of the secrets signed it just now. */
export type Verify = (body: Uint8Array, headers: Headers) => Signed;

const HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const forged = () =>
  new Refusal(
    'unauthenticated',
    'The webhook-signature is missing, does not fit id, timestamp and body, or is not of now.',
  );

/** Either secret may have signed: while secrets are rotated both are alive. */
export function createVerifier(secrets: readonly string[]): Verify {
  const webhooks = secrets.map((secret) => new Webhook(secret));
  return (body, headers) => {
    const text = textOf(body);
    const signed = Object.fromEntries(HEADERS.map((name) => [name, headers.get(name) ?? '']));
    if (text === null || !webhooks.some((webhook) => hasSigned(webhook, text, signed))) throw forged();
    const id = signed['webhook-id']!;
    if (!/^[\x21-\x7e]{1,255}$/.test(id))
      throw invalid({ pointer: '/headers/webhook-id', detail: 'must be 1 to 255 visible ASCII characters' });
    return { id, text };
  };
}

function textOf(body: Uint8Array): string | null {
  try {
    return utf8.decode(body);
  } catch {
    return null;
  }
}

function hasSigned(webhook: Webhook, text: string, signed: Record<string, string>): boolean {
  try {
    webhook.verify(text, signed, { jsonParse: false });
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}
