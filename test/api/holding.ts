import { all, bodyOf, type Driver, type Json } from './driver.ts';

// The requests and reads that tests of holds and reversals share, through the API.

/** An hour after `T0`: the deadline of a hold that names none. */
export const IN_AN_HOUR = '2026-01-31T01:00:00.000Z';

export const looks = (quantity: number): Json => ({ items: [{ feature: 'generate_look', quantity }] });

export const hold = async (driver: Driver, credits: number, more: Json = {}): Promise<Json> =>
  bodyOf(await driver.post('holds', { ...looks(credits), ...more }), 201);

export const use = async (driver: Driver, credits: number): Promise<Json> =>
  bodyOf(await driver.spend(credits), 201);

export const balance = async (driver: Driver): Promise<Json> => {
  const { available, held } = bodyOf(await driver.get('balance'));
  return { available, held };
};

/** All but the first, which is the allowance. */
export const entriesOf = async (driver: Driver): Promise<Json[]> =>
  (await all(driver.stack, `${driver.path('entries')}?order=asc`, 100)).slice(1);
