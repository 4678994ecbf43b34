// The tests are tested: each mutant is one fault in the sources, and the test that it names must fail. A mutant that survives
// shows a rule that no test guards. `npm run mutants` tries them all (run.ts).

/** One fault, and the cheapest test that notices it. */
export interface Mutant {
  /** For `--only`. */
  name: string;
  /** The effect for a customer or an operator. */
  harm: string;
  /** The rule or invariant that it breaks; null where it has no number. */
  rule: string | null;
  file: string;
  /** Text that the file has exactly once. */
  find: string;
  replace: string;
  test: { project: 'core' | 'stack'; file: string; name: string };
}

/** A test without servers. */
const core = (file: string, name: string): Mutant['test'] => ({
  project: 'core',
  file: `test/${file}`,
  name,
});
/** A table of test/scenarios, by its title. */
const table = (title: string): Mutant['test'] => core('scenarios/core.test.ts', title);
/** A test on PostgreSQL and Temporal. */
const stack = (file: string, name: string): Mutant['test'] => ({
  project: 'stack',
  file: `test/${file}`,
  name,
});

const RULES: Mutant[] = [
  {
    name: 'burn-order',
    harm: 'Packs that die sooner are spent before the allowance.',
    rule: 'R-60',
    file: 'src/domain/burndown.ts',
    find: 'return group(a) - group(b) || a.expiresAt - b.expiresAt',
    replace: 'return a.expiresAt - b.expiresAt || group(a) - group(b)',
    test: core('domain/burndown.test.ts', 'the allowance first, even where a pack dies sooner'),
  },
  {
    name: 'expiry-inclusive',
    harm: 'Credits can be spent a millisecond longer, at the instant of their expiry.',
    rule: 'R-12',
    file: 'src/domain/burndown.ts',
    find: 'ends ?? NEVER) <= at',
    replace: 'ends ?? NEVER) < at',
    test: core('domain/burndown.test.ts', 'from effectiveAt on, no longer at expiresAt'),
  },
  {
    name: 'clamp-chained',
    harm: 'A subscription of the 31st renews on the 28th for ever after its first February.',
    rule: 'R-10',
    file: 'src/domain/calendar.ts',
    find: 'return zoned(anchor, timeZone).add(span).epochMilliseconds;',
    replace: `let last = zoned(anchor, timeZone);
  for (let n = 0; n < k; n += 1) last = last.add(unit === 'week' ? { days: 7 } : { months: 1 });
  return last.epochMilliseconds;`,
    test: core('domain/calendar.test.ts', '31 January: 28 February, 31 March, 30 April'),
  },
  {
    name: 'rounded-down',
    harm: 'A use of less than one credit is free.',
    rule: 'R-05',
    file: 'src/domain/catalog/rates.ts',
    find: '(product - rest) / per + (rest > 0 ? 1 : 0)',
    replace: '(product - rest) / per',
    test: core('domain/rates.test.ts', 'rounded up line by line, then added'),
  },
  {
    name: 'forfeiture-skipped',
    harm: 'Unused credits outlive the end of their subscription.',
    rule: 'R-50',
    file: 'src/domain/subscription.ts',
    find: "d.effects.push({ type: 'forfeit', at });",
    replace: '',
    test: table('at the end everything unused is forfeited: allowance, packs, adjustments'),
  },
  {
    name: 'dunning-day-late',
    harm: 'Each retry of a declined renewal comes a day late.',
    rule: 'R-41',
    file: 'src/domain/charge-outcomes.ts',
    find: 'addDays(charge.at, state.timeZone, day),',
    replace: 'addDays(charge.at, state.timeZone, day + 1),',
    test: table('a pending renewal that is declined goes on with the retries that are left'),
  },
  {
    name: 'retry-forgotten',
    harm: 'A declined renewal is never tried again, and never ends.',
    rule: 'R-41',
    file: 'src/domain/due.ts',
    find: "else consider(unpaid.retryAt[unpaid.retries], 'retry');",
    replace: '',
    test: table('declined at the renewal and at every retry: the end, seven days after'),
  },
  {
    name: 'outage-charged',
    harm: 'After an outage of months each missed renewal is charged.',
    rule: 'R-13',
    file: 'src/domain/due.ts',
    find: 'if (followingAt !== null && followingAt <= d.booked) return skipRenewal(d, following, followingAt, due);',
    replace: '',
    test: core('domain/late.test.ts', 'renewals found when the next was due are skipped and recorded'),
  },
  {
    name: 'cancel-charged',
    harm: 'A cancelled subscription renews and is charged.',
    rule: 'R-51',
    file: 'src/domain/due.ts',
    find: "if (d.state.scheduled?.kind === 'cancel' && d.state.scheduled.at <= due) return end(d, due, 'R-51');",
    replace: '',
    test: table('cancel at the renewal: until then all continues, annual refreshes included'),
  },
  {
    name: 'ceiling-passed',
    harm: 'Automatic top-ups cost more in a month than the ceiling that the customer set.',
    rule: 'R-39',
    file: 'src/domain/top-up.ts',
    find: 'if (spent + wish.packs * pack.price > wish.monthlyCeilingMinor)',
    replace: 'if (spent > wish.monthlyCeilingMinor)',
    test: table('the ceiling of a calendar month: what would pass it is skipped until the next'),
  },
];

const BILLING: Mutant[] = [
  {
    name: 'stripe-unsigned',
    harm: 'Anybody can say that a charge was paid, as Stripe.',
    rule: null,
    file: 'src/billing/stripe-events.ts',
    find: 'await Stripe.webhooks.constructEventAsync(body, signature, secret, TOLERANCE_S)',
    replace: 'JSON.parse(new TextDecoder().decode(body))',
    test: core('billing/stripe-events.test.ts', 'another secret'),
  },
  {
    name: 'external-unsigned',
    harm: 'Anybody can say that a charge was paid, as the system that owns billing.',
    rule: null,
    file: 'src/billing/standard-webhooks.ts',
    find: 'if (text === null || !webhooks.some((webhook) => hasSigned(webhook, text, signed))) throw forged();',
    replace: 'if (text === null) throw forged();',
    test: core('billing/external-events.test.ts', 'another secret'),
  },
  {
    name: 'charge-without-key',
    harm: 'A request to Stripe that is sent again makes another payment.',
    rule: 'I5',
    file: 'src/billing/stripe.ts',
    find: '{ idempotencyKey: keyOf(key) },',
    replace: '{},',
    test: stack('billing/stripe.test.ts', 'a request to Stripe: amounts in minor units, off session'),
  },
  {
    name: 'refunded-twice',
    harm: 'A refund that is sent again after a day goes out twice.',
    rule: 'R-81',
    file: 'src/billing/stripe.ts',
    find: 'if (await isRefunded(intent, id)) return true;',
    replace: '',
    test: stack('billing/stripe.test.ts', 'each once for its id, also after Stripe forgot its keys'),
  },
];

const WEBHOOKS: Mutant[] = [
  {
    name: 'metadata-allowed',
    harm: 'A webhook endpoint reads the credentials of the cloud machine.',
    rule: null,
    file: 'src/webhooks/addresses.ts',
    find: ' || isMetadata(known)) return false;',
    replace: ') return false;',
    test: core('webhooks/addresses.test.ts', '168.63.129.16'),
  },
  {
    name: 'one-public-address',
    harm: 'A name with one public address leads an event to a private one.',
    rule: null,
    file: 'src/webhooks/addresses.ts',
    find: '!addresses.every(({ address }) => mayReceive(',
    replace: '!addresses.some(({ address }) => mayReceive(',
    test: core('webhooks/addresses.test.ts', 'a private one behind a public one'),
  },
];

const LEDGER: Mutant[] = [
  {
    name: 'sql-burn-order',
    harm: 'The ledger spends packs that die sooner before the allowance.',
    rule: 'R-60',
    file: 'src/db/functions/burn-down.sql',
    find: "order by kind <> 'allowance', expires_at, effective_at, made",
    replace: 'order by expires_at, effective_at, made',
    test: stack('db/spending.test.ts', 'it burns through grants in order, and each tells the debits'),
  },
  {
    name: 'sql-expiry-inclusive',
    harm: 'While its expiry is not booked, a grant can be spent at the instant of its expiry.',
    rule: 'R-12',
    file: 'src/db/functions/burn-down.sql',
    find: 'p_at < expires_at then remaining else 0 end as usable',
    replace: 'p_at <= expires_at then remaining else 0 end as usable',
    test: stack('db/ledger.test.ts', 'no longer at expiresAt, though nobody booked the expiry'),
  },
  {
    name: 'end-inclusive',
    harm: 'Credits can be spent at the instant of a scheduled end.',
    rule: 'R-12',
    file: 'src/db/functions/spend.sql',
    find: "ledger.ends_at <= clock.now then 'subscription_not_active'",
    replace: "ledger.ends_at < clock.now then 'subscription_not_active'",
    test: stack('db/ledger.test.ts', 'nothing can be spent at a scheduled end or after'),
  },
  {
    name: 'hold-uncounted',
    harm: 'Held credits look available.',
    rule: 'R-70',
    file: 'src/db/functions/spend.sql',
    find: 'ledger.available := ledger.available - request.credits;',
    replace: "if request.op <> 'hold' then ledger.available := ledger.available - request.credits; end if;",
    test: stack('db/spending.test.ts', 'it burns through grants in order, and each tells the debits'),
  },
  {
    name: 'cause-not-unique',
    harm: 'The allowance of one cycle is granted twice.',
    rule: 'I4',
    file: 'src/db/migrations/0000_baseline.sql',
    find: 'CONSTRAINT "grants_one_per_cause" UNIQUE("subscription_id","cause"),',
    replace: '',
    test: stack('db/ledger.test.ts', 'the same cause under another id grants nothing'),
  },
  {
    name: 'trigger-off',
    harm: 'Entries of the past can be changed and deleted.',
    rule: 'I11',
    file: 'src/db/functions/guards.sql',
    find: 'create trigger entries_append_only before update or delete on entries for each row execute function entries_are_append_only();',
    replace: 'null;',
    test: stack('db/ledger.test.ts', 'entries are append-only for the owner too'),
  },
  {
    name: 'step-unlocked',
    harm: 'Two workers book the same step, and its credits are granted by both.',
    rule: 'I4',
    file: 'src/db/functions/step.sql',
    find: 'select * into l from ledgers where subscription_id = p_sub for no key update;',
    replace: 'select * into l from ledgers where subscription_id = p_sub;',
    test: stack('db/ledger.test.ts', 'ten copies in flight are booked once'),
  },
  {
    name: 'reply-not-stored',
    harm: 'A capture that is sent again gets another answer than the first.',
    rule: 'R-65',
    file: 'src/db/functions/return-credits.sql',
    find: 'made_replies := made_replies || row(request.sub, request.digest, request.body, null, answer::json)::replies;',
    replace: 'null;',
    test: stack(
      'db/spending.test.ts',
      'of a usage, of a hold, and of each thing that is settled is a key of its own',
    ),
  },
  {
    name: 'digest-without-subscription',
    harm: "A customer's spend is answered with another customer's.",
    rule: 'R-65',
    file: 'src/db/spend-batches.ts',
    find: 'subscriptionId}\\n',
    replace: "''}",
    test: stack('db/ledger.test.ts', 'one key in two subscriptions is two requests'),
  },
  {
    name: 'stale-price',
    harm: 'A spend is booked at the price of a catalogue that is no longer in force.',
    rule: 'R-08',
    file: 'src/db/functions/spend.sql',
    find: "when request.catalog <> newest.version then 'stale'",
    replace: '',
    test: stack('db/ledger.test.ts', 'priced with a catalogue that is not in force is stale'),
  },
  {
    name: 'refund-takes-again',
    harm: 'A second, higher report of a refund takes the credits of the first again.',
    rule: 'R-81',
    file: 'src/db/functions/refund.sql',
    find: 'least(greatest(due_back(c) - c.revoked_credits, 0), g.remaining)',
    replace: 'least(due_back(c), g.remaining)',
    test: stack('db/refunds.test.ts', 'a higher report takes the difference alone'),
  },
  {
    name: 'abandoned-takes-effect',
    harm: 'A command that was answered 503 takes effect later.',
    rule: 'I7',
    file: 'src/db/functions/step.sql',
    find: "and status in ('pending', 'taken');",
    replace: ';',
    test: stack('db/ledger.test.ts', 'abandoned before it was taken: no effect can follow'),
  },
];

const RELAY: Mutant[] = [
  {
    name: 'no-skip-locked',
    harm: 'One row that is locked holds up the deliveries of all relays.',
    rule: 'I14',
    file: 'src/db/deliveries.ts',
    find: 'for update of d skip locked',
    replace: 'for update of d',
    test: stack('db/deliveries.test.ts', 'that another relay has locked holds up no other'),
  },
  {
    name: 'claim-for-ever',
    harm: 'Events that a relay took before it died are never delivered.',
    rule: 'I14',
    file: 'src/db/deliveries.ts',
    find: '(d.claimed_until is null or d.claimed_until < clock_timestamp())',
    replace: 'd.claimed_until is null',
    test: stack('db/deliveries.test.ts', 'is claimed by one relay, and goes to the next when that one dies'),
  },
];

const WORKFLOWS: Mutant[] = [
  {
    name: 'hand-over-forgets',
    harm: 'A payment that came ahead of its renewal is lost when the workflow continues as new.',
    rule: 'R-42',
    file: 'src/workflows/subscription.ts',
    find: 'signals: queue.left()',
    replace: 'signals: []',
    test: stack('billing/external-life.test.ts', 'also when a year of them is settled ahead'),
  },
  {
    name: 'ends-with-holds',
    harm: 'The workflow of an ended subscription leaves credits that are still held.',
    rule: 'R-73',
    file: 'src/workflows/subscription.ts',
    find: 'grants.every(({ held }) => held === 0)',
    replace: 'grants.length >= 0',
    test: stack('workflows/holds.test.ts', 'with an open hold the workflow outlives the end'),
  },
  {
    name: 'no-replay',
    harm: 'Running subscriptions stop at the release that changes the commands of their workflow.',
    rule: null,
    file: 'src/workflows/subscription.ts',
    find: 'const BOUNDARIES_A_RUN = 12;',
    replace: 'const BOUNDARIES_A_RUN = 11;',
    test: stack('workflows/replay.test.ts', 'the golden histories replay with the workflow as it is'),
  },
];

const ACTIVITIES: Mutant[] = [
  {
    name: 'paid-twice',
    harm: 'A customer who changes the card pays the renewal with both.',
    rule: 'R-45',
    file: 'src/activities/index.ts',
    find: "if (cancelled === 'paid') return { charge: before, outcome: 'paid', isKept: false };",
    replace: '',
    test: stack(
      'billing/stripe-life.test.ts',
      'an attempt that turned out paid counts, and no other is made',
    ),
  },
];

const ACCESS: Mutant[] = [
  {
    name: 'scope-dropped',
    harm: 'A key that may only read also buys and cancels.',
    rule: 'I12',
    file: 'src/api/route.ts',
    find: "if (definition.scope) requireScope(c.get('scopes'), definition.scope);",
    replace: '',
    test: stack('api/keys.test.ts', 'needs the scope'),
  },
  {
    name: 'foreign-session',
    harm: "A used link to a customer's wallet counts for a visitor of another wallet.",
    rule: 'I12',
    file: 'src/web/wallet/routes.ts',
    find: 'if (!isOpen && known?.subscriptionId !== subscriptionId) return closed(c);',
    replace: 'if (!isOpen && !known) return closed(c);',
    test: stack('api/wallet-sessions.test.ts', 'that was used opens nothing for a visitor of another wallet'),
  },
  {
    name: 'csrf-dropped',
    harm: 'Another site buys packs and cancels in the name of a visitor.',
    rule: null,
    file: 'src/web/shell/pages.ts',
    find: 'pages.use(sameOrigin(deps), async (_, next) => {',
    replace: 'pages.use(async (_, next) => {',
    test: stack('api/wallet-forms.test.ts', 'another site'),
  },
  {
    name: 'revoked-key',
    harm: 'A key that was revoked works on.',
    rule: 'I12',
    file: 'src/db/keys.ts',
    find: 'and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)));',
    replace: 'eq(apiKeys.id, id));',
    test: stack('api/making-keys.test.ts', 'a revoked key is refused everywhere when a second is over'),
  },
];

const CLIENT: Mutant[] = [
  {
    name: 'repeat-under-new-key',
    harm: 'A spend whose answer was lost is made twice.',
    rule: 'R-65',
    file: 'client/src/request.ts',
    find: 'const outcome = await attemptOnce(',
    replace: `if (key !== null && attempt > 1) headers.set('idempotency-key', newKey());
      const outcome = await attemptOnce(`,
    test: stack('client/repeats.test.ts', 'whose answer is cut off'),
  },
  {
    name: 'redirect-followed',
    harm: 'The client sends its request to the place that a redirect names.',
    rule: 'I15',
    file: 'client/src/request.ts',
    find: "redirect: 'error'",
    replace: "redirect: 'follow'",
    test: stack('client/repeats.test.ts', 'elsewhere: a key follows no redirection'),
  },
];

/** All mutants, by the part of the sources. */
export const AREAS: Record<string, readonly Mutant[]> = {
  rules: RULES,
  billing: BILLING,
  webhooks: WEBHOOKS,
  ledger: LEDGER,
  relay: RELAY,
  workflows: WORKFLOWS,
  activities: ACTIVITIES,
  access: ACCESS,
  client: CLIENT,
};

/** The same as one list; those without servers first. */
export const MUTANTS: readonly Mutant[] = Object.values(AREAS)
  .flat()
  .sort((a, b) => a.test.project.localeCompare(b.test.project));
