/** Of these words, and so of numbers and dates where the page names no language of its own. */
export const LANGUAGE = 'en';

/**
 * The texts of the paywall. `{…}` is filled in; the locale's plural rules choose between one and other. `{name}`, `{unit}`,
 * `{units}`, `{pack}` and `{packs}` are the catalogue's words, which the problem brings.
 */
export const WORDS = {
  title: 'You are out of {name}',
  needs: 'This needs {needed} and you have {available}.',
  held: 'Another {held} are held for jobs that are running.',
  credits: { one: '{n} {unit}', other: '{n} {units}' },
  packs: '{packs}',
  less: 'One {pack} less',
  more: 'One {pack} more',
  total: '{credits} for {price}, yours until {until}.',
  lasting: '{credits} for {price}, yours as long as you subscribe.',
  renews: '{packs} renew with your plan until you remove them.',
  buy: 'Buy Now',
  wallet: 'Open your wallet',
  wait: 'Or wait: {credits} on {at}.',
  next: '{credits} come on {at}.',
  later: 'Not now',
  retry: 'Try again',
  close: 'Close',
  ready: 'Your {units} are there',
  almost: 'Almost there',
  bought: '{credits} were added.',
  pending: 'Your payment is on its way.',
  unpaid: 'Not paid yet.',
  walletOpen: 'Buy in the other tab, and come back.',
  failed: 'That did not work. Try again: nothing is done twice.',
  declined: 'The payment was declined. Nothing was charged.',
  // Why no packs can be bought: the problem's `contact`.
  contact_account_manager: 'Your plan buys {units} through its account manager.',
  cancellation_scheduled: 'Your subscription is being cancelled. Undo that first, then buy {packs}.',
  payment_past_due: 'Your last renewal is unpaid. Once it is paid, you can buy {packs}.',
  subscription_not_active: 'Your subscription is not active.',
  subscription_trialing: 'Your trial is not over. Begin your plan first.',
  pack_not_offered: 'There are no {packs} for your plan.',
  pack_limit: 'That is more than can be bought at once.',
};

export type Words = typeof WORDS;
