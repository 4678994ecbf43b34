import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { eventBody } from '../../src/domain/events.ts';
import { signed } from '../../src/webhooks/sign.ts';

const secretOf = (fill: number) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`;
const [old, fresh, foreign] = [secretOf(1), secretOf(2), secretOf(3)];
const letter = { id: 'evt_1', body: '{"type":"grant.made"}' };

describe('a signature', () => {
  const verifies = (secret: string, headers: Record<string, string>, body = letter.body): boolean => {
    try {
      new Webhook(secret).verify(body, headers);
      return true;
    } catch {
      return false;
    }
  };

  it('is verified by the library of the scheme, by the secret alone, of these bytes alone', () => {
    const headers = signed(letter, [fresh], new Date());
    expect(Object.keys(headers)).toEqual(['webhook-id', 'webhook-timestamp', 'webhook-signature']);
    expect(verifies(fresh, headers)).toBe(true);
    expect(verifies(foreign, headers)).toBe(false);
    expect(verifies(fresh, headers, `${letter.body} `)).toBe(false);
    expect(verifies(fresh, { ...headers, 'webhook-id': 'evt_2' })).toBe(false);
  });

  it('is two while the secret is rotated, the newest first, and either is enough', () => {
    const headers = signed(letter, [fresh, old], new Date());
    expect(headers['webhook-signature']).toMatch(/^v1,[\w+/]{43}= v1,[\w+/]{43}=$/);
    expect([old, fresh, foreign].map((secret) => verifies(secret, headers))).toEqual([true, true, false]);
  });

  it('is of the attempt’s second', () => {
    const at = new Date('2026-11-24T18:00:00.999Z');
    expect(signed(letter, [fresh], at)['webhook-timestamp']).toBe('1795543200');
    expect(verifies(fresh, signed(letter, [fresh], at))).toBe(false);
  });
});

describe('the body of an event', () => {
  const happened = {
    type: 'grant.made',
    at: Date.parse('2026-02-17T00:00:00Z'),
    subscriptionId: 'sub_1',
    customerId: 'ada',
    data: { grant_id: 'grt_1', credits: 200 },
  };

  it('names its subscription and customer, with the data of its type', () => {
    expect(JSON.stringify(eventBody(happened))).toBe(
      '{"type":"grant.made","timestamp":"2026-02-17T00:00:00.000Z","data":{"subscription_id":"sub_1","customer_id":"ada","grant_id":"grt_1","credits":200}}',
    );
  });

  it('names nobody where it is of nobody', () => {
    expect(eventBody({ ...happened, subscriptionId: '', customerId: null }).data).toEqual(happened.data);
    expect(eventBody({ ...happened, customerId: null }).data).toMatchObject({ customer_id: null });
  });
});
