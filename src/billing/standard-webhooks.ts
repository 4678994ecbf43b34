import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { invalid, Refusal } from '../domain/errors.ts';

// The check is by the scheme's own library: v1 signatures in constant time, any of several, five minutes both ways. It takes
// text, so the bytes are decoded first, strictly: a body that is not UTF-8 can't have been signed as text.

/** A message whose signature was checked. */
interface Signed {
  /** The sender's id of the message: the same at every delivery. */
  id: string;
  text: string;
}

/**
 * Checks the exact bytes of a body. Throws `unauthenticated` when none of the secrets signed it just now, and
 * `invalid_request` for an unusable id.
 */
type Verify = (body: Uint8Array, headers: Headers) => Signed;

const HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const forged = () =>
  new Refusal(
    'unauthenticated',
    'The webhook-signature is missing, does not fit id, timestamp and body, or is not of now.',
  );

/** A check with several secrets: while they are rotated, both may have signed. */
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
