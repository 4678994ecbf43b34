import { type Case, comes, type HowMuch, type Order, type Twice, type When } from './orders.ts';

// One subscription, and six events of it while its clock stands still, in each of their 720 orders:
//
//   renewal paid       billing: an instant of its own, before the clock's
//   purchase paid      billing: likewise; of a pack whose payment was pending when its renewal came due
//   refund, dispute    billing: of that pack's charge; each holds the whole state of its object
//   add-on lowered     a caller, whose answer comes at once from the state known by then
//   cancel at renewal  the system that owns billing, or a caller; likewise
//
// The instants are the same in every order; only the order of arrival differs. The ledger must not depend on it, with these
// exceptions, which causality forces:
//
//  * A refund or a dispute of a purchase that is not paid yet waits for the payment: its place has no effect, so such
//    orders are no group of their own.
//  * A payment counts from its own instant. An earlier purchase is taken, though news of a cancel, a lowered add-on or
//    an unpaid renewal came before the news of its payment.
//  * An answer to a caller stays valid. While the renewal is not known to be paid, lowering the add-on is refused, and has not
//    happened. A caller who repeats it with the same key after the payment is served.
//  * An end is never undone. A cancel that arrives while the renewal is open ends at once: events before it took
//    effect, events after it change only the record of money. So the events before the end matter there.
//  * At one instant the first to arrive is first. A caller who sets the add-on after a refund has lowered it means the
//    rest of it, and a later refund lowers the new number.

export interface Group {
  when: When;
  howMuch: HowMuch;
  name: string;
  has(order: Order, twice: Twice): boolean;
  /** Once all six came twice; the clock stands where it stood. */
  reported: string;
  /** Weeks later; absent where nothing changes any more. */
  end?: string;
}

const isCancelled = (order: Order): boolean => comes(order, 'cancel at renewal', 'renewal paid');
const isRefused = (order: Order, twice: Twice): boolean =>
  twice === 'at once' && comes(order, 'add-on lowered', 'renewal paid');

/** Ended while the renewal was open: whether the purchase was known to be paid, and which refunds of it were known. */
const ended = (order: Order, purchase: boolean, refund: boolean, dispute: boolean): boolean => {
  const before = (event: Order[number]) => comes(order, event, 'cancel at renewal');
  if (!isCancelled(order) || before('purchase paid') !== purchase) return false;
  return !purchase || (before('refund') === refund && before('dispute') === dispute);
};

/** The last to speak of the add-on is the caller. */
const isSetLast = (order: Order): boolean =>
  (['purchase paid', 'refund', 'dispute'] as const).every((event) => comes(order, event, 'add-on lowered'));

const RENEWED = `
  ended 03-17, add-on 0
  purchase 02-16T21:00 15.00 paid 9.00 back
  purchase 02-16T21:00 30.00 paid
  renewal 02-17 59.00 paid
  allowance 200 02-17 to 03-19: grant 02-17 200, forfeiture 03-17 -200; 0 left
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, revocation 02-17T06:00 -180, forfeiture 03-17 -120; 0 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600, forfeiture 03-17 -600; 0 left
  pack 600 02-17 to 06-15: grant 02-17 600, forfeiture 03-17 -600; 0 left`;

const WHOLLY_BACK = `
  ended 02-17, add-on 0
  purchase 02-16T21:00 15.00 paid 15.00 back
  purchase 02-16T21:00 30.00 paid
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, revocation 02-16T23:00 -300; 0 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600, forfeiture 02-17 -600; 0 left`;

export const GROUPS: readonly Group[] = [
  {
    when: 'before the renewal',
    howMuch: 'in part',
    name: 'every order',
    has: () => true,
    reported: `
  active until 02-17, add-on 1
  purchase 02-16T21:00 15.00 paid 9.00 back
  purchase 02-16T21:00 30.00 paid
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, revocation 02-16T23:00 -180; 120 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600; 600 left`,
    end: `
  ended 02-17, add-on 0
  purchase 02-16T21:00 15.00 paid 9.00 back
  purchase 02-16T21:00 30.00 paid
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, revocation 02-16T23:00 -180, forfeiture 02-17 -120; 0 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600, forfeiture 02-17 -600; 0 left`,
  },
  {
    when: 'before the renewal',
    howMuch: 'in whole',
    name: 'the add-on is set, then lowered by the refund',
    has: (order) => !isSetLast(order),
    reported: `
  active until 02-17, add-on 0
  purchase 02-16T21:00 15.00 paid 15.00 back
  purchase 02-16T21:00 30.00 paid
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, revocation 02-16T23:00 -300; 0 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600; 600 left`,
    end: WHOLLY_BACK,
  },
  {
    when: 'before the renewal',
    howMuch: 'in whole',
    name: 'the add-on is lowered by the refund, then set',
    has: isSetLast,
    reported: `
  active until 02-17, add-on 1
  purchase 02-16T21:00 15.00 paid 15.00 back
  purchase 02-16T21:00 30.00 paid
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, revocation 02-16T23:00 -300; 0 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600; 600 left`,
    end: WHOLLY_BACK,
  },
  {
    when: 'after the renewal',
    howMuch: 'in part',
    name: 'the renewal is heard of before the cancel',
    has: (order, twice) => !isCancelled(order) && !isRefused(order, twice),
    reported: `
  active until 03-17, add-on 1
  purchase 02-16T21:00 15.00 paid 9.00 back
  purchase 02-16T21:00 30.00 paid
  renewal 02-17 59.00 paid
  allowance 200 02-17 to 03-19: grant 02-17 200; 200 left
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, revocation 02-17T06:00 -180; 120 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600; 600 left
  pack 600 02-17 to 06-15: grant 02-17 600; 600 left`,
    end: RENEWED,
  },
  {
    when: 'after the renewal',
    howMuch: 'in part',
    name: 'likewise, but lowering the add-on was refused while past due, and not asked for again',
    has: (order, twice) => !isCancelled(order) && isRefused(order, twice),
    reported: `
  active until 03-17, add-on 3
  purchase 02-16T21:00 15.00 paid 9.00 back
  purchase 02-16T21:00 30.00 paid
  renewal 02-17 59.00 paid
  allowance 200 02-17 to 03-19: grant 02-17 200; 200 left
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, revocation 02-17T06:00 -180; 120 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600; 600 left
  pack 600 02-17 to 06-15: grant 02-17 600; 600 left`,
    end: RENEWED,
  },
  {
    when: 'after the renewal',
    howMuch: 'in part',
    name: 'it ends with the renewal open, and the purchase pending: paid, it is given back',
    has: (order) => ended(order, false, false, false),
    reported: `
  ended 02-17T06:00, add-on 0
  purchase 02-16T21:00 15.00 refunded 15.00 back
  purchase 02-16T21:00 30.00 paid
  renewal 02-17 59.00 given_up
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600, forfeiture 02-17T06:00 -600; 0 left`,
  },
  {
    when: 'after the renewal',
    howMuch: 'in part',
    name: 'it ends with the renewal open, and the purchase paid',
    has: (order) => ended(order, true, false, false),
    reported: `
  ended 02-17T06:00, add-on 0
  purchase 02-16T21:00 15.00 paid 9.00 back
  purchase 02-16T21:00 30.00 paid
  renewal 02-17 59.00 given_up
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, forfeiture 02-17T06:00 -300; 0 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600, forfeiture 02-17T06:00 -600; 0 left`,
  },
  {
    when: 'after the renewal',
    howMuch: 'in part',
    name: 'it ends with the renewal open, and the purchase paid and refunded',
    has: (order) => ended(order, true, true, false),
    reported: `
  ended 02-17T06:00, add-on 0
  purchase 02-16T21:00 15.00 paid 9.00 back
  purchase 02-16T21:00 30.00 paid
  renewal 02-17 59.00 given_up
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, forfeiture 02-17T06:00 -200, revocation 02-17T06:00 -100; 0 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600, forfeiture 02-17T06:00 -600; 0 left`,
  },
  {
    when: 'after the renewal',
    howMuch: 'in part',
    name: 'it ends with the renewal open, and the purchase paid and disputed',
    has: (order) => ended(order, true, false, true),
    reported: `
  ended 02-17T06:00, add-on 0
  purchase 02-16T21:00 15.00 paid 9.00 back
  purchase 02-16T21:00 30.00 paid
  renewal 02-17 59.00 given_up
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, forfeiture 02-17T06:00 -220, revocation 02-17T06:00 -80; 0 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600, forfeiture 02-17T06:00 -600; 0 left`,
  },
  {
    when: 'after the renewal',
    howMuch: 'in part',
    name: 'it ends with the renewal open, and the purchase paid, refunded and disputed',
    has: (order) => ended(order, true, true, true),
    reported: `
  ended 02-17T06:00, add-on 0
  purchase 02-16T21:00 15.00 paid 9.00 back
  purchase 02-16T21:00 30.00 paid
  renewal 02-17 59.00 given_up
  pack 300 02-16T22:30 to 05-18: grant 02-16T22:30 300, forfeiture 02-17T06:00 -120, revocation 02-17T06:00 -180; 0 left
  pack 600 02-16T21:00 to 05-18: grant 02-16T21:00 600, forfeiture 02-17T06:00 -600; 0 left`,
  },
];

const textOf = (table: string): string => table.replaceAll(/^ +/gm, '').trim();

export interface Ledger {
  group: string;
  reported: string;
  end: string;
}

/** The one group an order is in, with its tables as plain text. */
export function expected(order: Order, { when, howMuch, twice }: Case): Ledger {
  const [group, ...more] = GROUPS.filter(
    (each) => each.when === when && each.howMuch === howMuch && each.has(order, twice),
  );
  if (!group || more.length > 0) throw new Error(`not in one group: ${order.join(', ')}`);
  return { group: group.name, reported: textOf(group.reported), end: textOf(group.end ?? group.reported) };
}
