import { all, bodyOf, type Driver, type Json } from './driver.ts';

// The requests and reads that tests of holds and reversals share, through the API.

/** An hour after `T0`: the deadline of a hold that names none. */
export const IN_AN_HOUR = '2026-01-31T01:00:00.000Z';

export const looks = (quantity: number): Json => ({ items: [{ feature: 'generate_look', quantity }] });

export const hold = async (door: Driver, credits: number, more: Json = {}): Promise<Json> =>
  bodyOf(await door.post('holds', { ...looks(credits), ...more }), 201);

export const use = async (door: Driver, credits: number): Promise<Json> =>
  bodyOf(await door.spend(credits), 201);

export const balance = async (door: Driver): Promise<Json> => {
  const { available, held } = bodyOf(await door.get('balance'));
  return { available, held };
};

/** All but the first, which is the allowance. */
export const entriesOf = async (door: Driver): Promise<Json[]> =>
  (await all(door.stack, `${door.path('entries')}?order=asc`, 100)).slice(1);
