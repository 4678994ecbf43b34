/** Of these words, and so of numbers and dates where the page names no language of its own. */
export const LANGUAGE = 'en';

/** The texts of the paywall. `{…}` is filled in; the locale's plural rules choose between one and other. */
export const WORDS = {
  title: 'You are out of Premium Credits',
  needs: 'This needs {needed} and you have {available}.',
  held: 'Another {held} are held for jobs that are running.',
  credits: { one: '{n} credit', other: '{n} credits' },
  packs: 'Packs',
  less: 'One pack less',
  more: 'One pack more',
  totalForGood:
    '{credits} for {price}, yours as long as your subscription. Packs renew with your plan until you remove them.',
  total: '{credits} for {price}, yours until {until}. Packs renew with your plan until you remove them.',
  buy: 'Buy Now',
  wallet: 'Open your wallet',
  wait: 'Or wait: {credits} on {at}.',
  next: '{credits} come on {at}.',
  later: 'Not now',
  retry: 'Try again',
  close: 'Close',
  ready: 'Your credits are there',
  almost: 'Almost there',
  bought: '{credits} were added: you can go on.',
  pending: 'Your payment is on its way. The credits arrive once it is paid.',
  unpaid: 'Not paid yet. Try again in a moment.',
  walletOpen: 'Your wallet is open in another tab. Come back when you have bought.',
  failed: 'That did not work. Try again in a moment: nothing is done twice.',
  declined: 'The payment was declined. Nothing was charged.',
  // Why no packs can be bought: the problem's `contact`.
  contact_account_manager: 'Your plan buys credits through its account manager: please get in touch.',
  subscription_trialing: 'Packs can be bought as soon as your trial is over.',
  cancellation_scheduled: 'Your subscription is being cancelled. Undo that first, then packs can be bought.',
  payment_past_due: 'Your last renewal is unpaid. Once it is paid, packs can be bought.',
  subscription_not_active: 'Your subscription is not active. Start one to get credits.',
  pack_not_offered: 'There are no packs for your plan.',
  pack_limit: 'That is more than can be bought at once. Please contact us.',
};

export type Words = typeof WORDS;
