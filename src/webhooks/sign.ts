import { Webhook } from 'standardwebhooks';

/** A message to sign. */
interface Letter {
  /** The event's id: the same at every attempt, so that receivers recognise a repeat. */
  id: string;
  body: string;
}

/** The three headers of Standard Webhooks: one signature by each live secret, the newest first. */
export function signed({ id, body }: Letter, secrets: readonly string[], at: Date): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
  };
}
