import type { Page } from 'playwright-core';

// How people do things on a page.

/** Presses Tab until this has the focus; a place that the keyboard does not reach is waited for until the test fails. */
export async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach ${selector}`);
}

/** The same deeds by pointer and by keyboard. */
export const HANDS = {
  pointer: {
    press: (page: Page, selector: string) => page.click(selector),
    more: (page: Page) => page.click('button[data-step="1"]'),
    script: true,
  },
  keyboard: {
    async press(page: Page, selector: string) {
      await tabTo(page, selector);
      await page.keyboard.press('Enter');
    },
    async more(page: Page) {
      await tabTo(page, '#packs');
      await page.keyboard.press('ArrowUp');
    },
    script: true,
  },
  'pointer without script': {
    press: (page: Page, selector: string) => page.click(selector),
    more: (page: Page) => page.fill('#packs', '2'),
    script: false,
  },
};

export const textOf = async (page: Page, selector: string): Promise<string> =>
  (await page.innerText(selector)).replaceAll(/\s+/g, ' ');
