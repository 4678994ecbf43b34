import { Driver, type Json } from '../api/driver.ts';
import type { Bench, Visitor } from './bench.ts';

// Subscriptions as people have them, for the pages to show.

/** Someone who subscribed on the last of the year, bought a pack and has used some of everything. It is February 10th. */
export async function creatorInFebruary(bench: Bench): Promise<Driver> {
  const driver = await Driver.open(bench.stack, { test_clock: { now: '2026-12-31T09:30:00.000Z' } });
  await use(driver, 'avatar_iv', 150);
  await driver.advance('2027-01-12T10:00:00.000Z');
  await driver.buy(1);
  await use(driver, 'add_motion', 4);
  await use(driver, 'image_asset', 6);
  await driver.advance('2027-01-22T15:00:00.000Z');
  await use(driver, 'video_asset', 6);
  await driver.advance('2027-02-04T08:00:00.000Z');
  await use(driver, 'generate_look', 3);
  await use(driver, 'video_translation', 260);
  await driver.advance('2027-02-10T11:20:00.000Z');
  await driver.post('holds', { items: [{ feature: 'avatar_iv', quantity: 60 }], expires_in_seconds: 3_600 });
  return driver;
}

export async function use(driver: Driver, feature: string, quantity: number): Promise<void> {
  const answer = await driver.post('usage', { items: [{ feature, quantity }] });
  if (answer.status !== 201) throw new Error(answer.text);
}

/** The one-time link of a subscription's wallet, as a path of this bench. */
export async function linkOf({ stack }: Bench, id: string): Promise<string> {
  const answer = await stack.request('POST', '/v1/wallet_sessions', { body: { subscription_id: id } });
  if (answer.status !== 201) throw new Error(answer.text);
  const url = new URL(String((answer.body as Json)['url']));
  return url.pathname + url.search;
}

/** Opens the wallet the way a customer does. */
export async function enter(bench: Bench, { page }: Visitor, id: string): Promise<void> {
  await page.goto(await linkOf(bench, id));
  await page.waitForURL('**/wallet');
}
