import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, loadConnectedConfig, variables } from '../../src/config.ts';

const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');

describe('the configuration', () => {
  it('is listed in .env.example: every variable, in order, under its sentence', () => {
    const listed = [...example.matchAll(/^# (.+)\n#?([A-Z_]+)=/gm)].map(
      ([, says, name]) => `${name}: ${says}`,
    );
    const known = Object.entries(variables).map(([name, { says }]) => `${name}: ${says}`);
    expect(listed).toEqual(known);
  });

  it('can be used as .env.example gives it', () => {
    const lines = [...example.matchAll(/^#?([A-Z_]+)=(.*)$/gm)];
    expect(loadConfig(Object.fromEntries(lines.map(([, name, value]) => [name, value])))).toBeDefined();
  });

  it('needs nothing to be set', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      databaseUrl: undefined,
      temporalNamespace: 'default',
      temporalTaskQueue: 'subscriptions',
      port: 8787,
      portIsExplicit: false,
      publicUrl: 'http://127.0.0.1:8787',
      billing: 'sandbox',
      testMode: true,
      temporalTls: false,
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(loadConfig({ PORT: '', DATABASE_URL: '' })).toEqual(loadConfig({}));
  });

  it('turns TLS on with an API key, and off again when told so', () => {
    expect(loadConfig({ TEMPORAL_API_KEY: 'key' }).temporalTls).toBe(true);
    expect(loadConfig({ TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: 'off' }).temporalTls).toBe(false);
  });

  describe('billing by Stripe', () => {
    const stripe = { BILLING: 'stripe', STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_WEBHOOK_SECRETS: 'whsec_1' };

    it.each([
      ['whsec_1', ['whsec_1']],
      ['whsec_1,whsec_2', ['whsec_1', 'whsec_2']],
    ])('takes one or two secrets: %s', (secrets, webhookSecrets) => {
      const config = loadConfig({ ...stripe, STRIPE_WEBHOOK_SECRETS: secrets });
      expect(config.stripe).toEqual({ secretKey: 'sk_test_1', webhookSecrets, apiUrl: undefined });
    });

    it.each(['1', 'whsec_', 'whsec_1,', 'whsec_1, whsec_2', 'whsec_1,whsec_2,whsec_3'])(
      'and not %j',
      (secrets) => {
        expect(() => loadConfig({ ...stripe, STRIPE_WEBHOOK_SECRETS: secrets })).toThrow(
          /^STRIPE_WEBHOOK_SECRETS has a value that cannot be used/,
        );
      },
    );

    it.each(['STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRETS'])(
      'says that %s is missing, and the remedy',
      (name) => {
        const load = () => loadConfig({ ...stripe, [name]: '' });
        expect(load).toThrow(ConfigError);
        expect(load).toThrow(new RegExp(`^${name} is not set\\. Set it to .*, or set BILLING=sandbox`));
      },
    );

    it('has no test clocks unless they are asked for', () => {
      expect(loadConfig(stripe).testMode).toBe(false);
      expect(loadConfig({ ...stripe, TEST_MODE: 'on' }).testMode).toBe(true);
    });

    it.each([
      ['sk_test_1', 'test'],
      ['rk_test_1', 'test'],
      ['sk_live_1', 'live'],
    ])('names new keys by the mode of %s', (secretKey, keyMode) => {
      expect(loadConfig({ ...stripe, STRIPE_SECRET_KEY: secretKey }).keyMode).toBe(keyMode);
    });

    it('is not looked at while the sandbox bills', () => {
      expect(loadConfig({ ...stripe, BILLING: 'sandbox' }).stripe).toBeUndefined();
    });
  });

  describe('billing by another system', () => {
    const secret = (bytes: number, fill = 7) => `whsec_${Buffer.alloc(bytes, fill).toString('base64')}`;
    const external = { BILLING: 'external', EXTERNAL_WEBHOOK_SECRETS: secret(32) };

    it('takes one or two secrets of 24 to 64 bytes', () => {
      const taken = (secrets: string) =>
        loadConfig({ ...external, EXTERNAL_WEBHOOK_SECRETS: secrets }).external;
      expect(taken(secret(24))).toEqual({ webhookSecrets: [secret(24)] });
      expect(taken(`${secret(64)},${secret(32)}`)).toEqual({ webhookSecrets: [secret(64), secret(32)] });
    });

    it.each([
      'whsec_',
      'hunter2',
      secret(23),
      secret(65),
      secret(32).slice(6),
      secret(32).slice(0, -1),
      `${secret(32)},`,
      `${secret(32)}, ${secret(32)}`,
      `${secret(32)},${secret(33)},${secret(34)}`,
      secret(33, 255).replaceAll('/', '_'),
    ])('and not %j', (secrets) => {
      expect(() => loadConfig({ ...external, EXTERNAL_WEBHOOK_SECRETS: secrets })).toThrow(
        /^EXTERNAL_WEBHOOK_SECRETS has a value that cannot be used/,
      );
    });

    it('says that the secret is missing, and the remedy', () => {
      const load = () => loadConfig({ BILLING: 'external' });
      expect(load).toThrow(ConfigError);
      expect(load).toThrow(
        /^EXTERNAL_WEBHOOK_SECRETS is not set\. Set it to .*openssl.*, or set BILLING=sandbox/,
      );
    });

    it('has no test clocks unless they are asked for, and is not looked at while another bills', () => {
      expect(loadConfig(external).testMode).toBe(false);
      expect(loadConfig({ ...external, BILLING: 'sandbox' }).external).toBeUndefined();
    });
  });

  it('names every variable that is wrong, and never repeats its value', () => {
    const load = () => loadConfig({ PORT: 'http', DATABASE_URL: 'hunter2', TEST_MODE: 'maybe' });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(/DATABASE_URL has a value.*\nPORT has a value.*\nTEST_MODE has a value/);
    expect(load).not.toThrow(/hunter2/);
  });

  it('tells api and worker which server is missing', () => {
    expect(() => loadConnectedConfig({})).toThrow(/^DATABASE_URL is not set/);
    const some = { DATABASE_URL: 'postgres://a:b@127.0.0.1:5432/c' };
    expect(() => loadConnectedConfig(some)).toThrow(/^TEMPORAL_ADDRESS is not set/);
    const both = loadConnectedConfig({ ...some, TEMPORAL_ADDRESS: '127.0.0.1:7233' });
    expect(both.temporalAddress).toBe('127.0.0.1:7233');
  });
});
