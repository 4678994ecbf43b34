import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

// The pictures of docs/images are made by these tests from their own data, when asked: `DRAWDOWN_PICTURES=docs/images`.

const folder = process.env['DRAWDOWN_PICTURES'];

export async function picture(page: Page, name: string, { whole = true } = {}): Promise<void> {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: whole, animations: 'disabled' });
}
