import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, expectSound, LOOKS, openBench, visit } from './bench.ts';
import { PROVISION_MS } from './chromium.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ withWorker: false });
}, PROVISION_MS);
afterAll(() => bench?.stop());

describe('the shell of a page', () => {
  test.each(LOOKS)('is sound at $width px, dark: $dark', async (look) => {
    const visitor = await visit(bench, look);
    await visitor.page.goto('/wallet/closed');
    expect(await visitor.page.locator('h1').textContent()).toBe('Your wallet is closed');
    await expectSound(visitor.page);
    expect(visitor.complaints).toEqual([]);
    await visitor.leave();
  });

  test('lets the keyboard skip to the content', async () => {
    const visitor = await visit(bench);
    await visitor.page.goto('/wallet/closed');
    await visitor.page.keyboard.press('Tab');
    await visitor.page.keyboard.press('Enter');
    expect(await visitor.page.evaluate('document.activeElement.id')).toBe('main');
    await visitor.leave();
  });
});
