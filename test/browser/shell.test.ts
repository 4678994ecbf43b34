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
    await visitor.page.goto('/wallet/nothing-here');
    expect(await visitor.page.locator('h1').textContent()).toBe('Not found');
    await expectSound(visitor.page);
    // The page itself is a 404, which the console tells of; the sheet, the script and the policy bring no other line.
    expect(visitor.complaints).toEqual([expect.stringContaining('404')]);
    await visitor.leave();
  });

  test('lets the keyboard skip to the content', async () => {
    const visitor = await visit(bench);
    await visitor.page.goto('/wallet/nothing-here');
    await visitor.page.keyboard.press('Tab');
    await visitor.page.keyboard.press('Enter');
    expect(await visitor.page.evaluate('document.activeElement.id')).toBe('main');
    await visitor.leave();
  });
});
