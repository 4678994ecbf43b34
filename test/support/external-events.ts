import { Webhook } from 'standardwebhooks';
import type { Answer, Stack } from './stack.ts';

// Events of a system that owns billing, signed by Standard Webhooks' own library.

export const SECRETS = {
  new: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
  old: `whsec_${Buffer.alloc(24, 2).toString('base64')}`,
  other: `whsec_${Buffer.alloc(32, 3).toString('base64')}`,
};

let events = 0;

/** A fresh `webhook-id`. */
export function eventId(): string {
  events += 1;
  return `msg_${process.pid}_${events}`;
}

export const PATH = '/v1/billing/webhooks/external';

/** The headers of a body; `at` in milliseconds. */
export function signed(
  text: string,
  id = eventId(),
  secret = SECRETS.new,
  at = Date.now(),
): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, new Date(at), text),
  };
}

/** Delivers an event; no key of ours goes along. */
export function deliver(
  stack: Pick<Stack, 'request'>,
  type: string,
  data: object,
  id = eventId(),
): Promise<Answer> {
  const text = JSON.stringify({ type, data });
  return stack.request('POST', PATH, { text, headers: { Authorization: '', ...signed(text, id) } });
}
