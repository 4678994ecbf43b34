import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freePort } from '../../src/embedded/ports.ts';
import { SECRETS } from '../support/external-events.ts';
import { OWN_CATALOG } from '../support/own-catalog.ts';
import { createDatabase } from '../support/stack.ts';
import { openStripeAccount, type StripeAccount } from '../support/stripe-account.ts';
import { npmStart, stopAll } from './npm-start.ts';
import { commandsIn, paste } from './paste.ts';

// The output of a start works as it stands, with every biller and every catalogue. start.test.ts pastes the output of a start
// with servers of its own.

const folder = mkdtempSync(join(tmpdir(), 'drawdown-printed-'));
let account: StripeAccount;
beforeAll(async () => {
  account = await openStripeAccount();
  writeFileSync(join(folder, 'catalog.json'), JSON.stringify(OWN_CATALOG));
});
afterAll(async () => {
  await stopAll();
  await account?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const byStripe = (secretKey: string) => ({
  BILLING: 'stripe',
  STRIPE_SECRET_KEY: secretKey,
  STRIPE_WEBHOOK_SECRETS: account.config.webhookSecrets.join(','),
  STRIPE_API_URL: account.config.apiUrl!,
});

/** Stopped by the end of the test: two starts at once are more than a small machine likes. */
async function started(name: string, env: Record<string, string>) {
  const start = npmStart([], {
    DATABASE_URL: await createDatabase(),
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_TASK_QUEUE: `printed-${randomBytes(6).toString('hex')}`,
    DRAWDOWN_DATA: join(folder, name),
    PORT: String(await freePort()),
    ...env,
  });
  await start.printed(/(Ctrl-C stops everything)/);
  return start;
}

const subscribes = (credits: number, left: number) =>
  new RegExp(
    `^sub_\\w+\\n(pending: .*\\npaid: .*\\n)?{"id":"use_\\w+","credits":${credits},.*\\n{"available":${left},.*\\n{"url":`,
  );

test.each<[string, () => Record<string, string>, RegExp, mode: string]>([
  ['the sandbox', () => ({ BILLING: 'sandbox' }), subscribes(30, 170), 'test'],
  ['an own catalogue', () => ({ DRAWDOWN_CATALOG: join(folder, 'catalog.json') }), subscribes(8, 52), 'test'],
  ['Stripe in test mode', () => byStripe(account.config.secretKey), subscribes(30, 170), 'test'],
  [
    'another system that bills',
    () => ({ BILLING: 'external', EXTERNAL_WEBHOOK_SECRETS: SECRETS.new }),
    subscribes(30, 170),
    'live',
  ],
  [
    'Stripe with a live key, which is only looked at',
    () => byStripe('sk_live_printed'),
    /^\{"version":.*\n\{"data":\[\]/,
    'live',
  ],
])(
  'with %s every printed command works and every printed address opens',
  async (name, env, answers, mode) => {
    const start = await started(name, env());
    const said = await paste(commandsIn(start.stdout));
    expect(said).toMatch(answers);
    expect(said).not.toContain('/problems/');
    expect(await start.printed(/^ {2}API key +(\S+)$/m)).toMatch(new RegExp(`^dd_${mode}_`));
    const pages = [...start.stdout.matchAll(/^ {2}(?:Start page|Demo studio|Console) +(\S+)$/gm)].map(
      ([, page]) => page!,
    );
    const [, link] = /"url":"([^"]+)"/.exec(said) ?? [];
    for (const page of link ? [...pages, link] : pages) {
      const answer = await fetch(page, { headers: { Accept: 'text/html' } });
      expect(answer.status, page).toBe(200);
      expect(await answer.text(), page).toContain('<h1');
    }
    await start.stop();
  },
);
