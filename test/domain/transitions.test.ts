import { expect, test } from 'vitest';
import { iso } from '../../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import type { Command } from '../../src/domain/commands.ts';
import { command, type Life, startLife } from '../../src/domain/timeline.ts';

// each scheduled and each undone change is on record once, with its content.

function pro(): Life {
  const start = {
    id: 'sub_turns',
    customerId: 'customer',
    plan: 'pro' as const,
    interval: 'month' as const,
    timeZone: 'UTC',
    paymentMethod: 'sandbox_ok',
    allowance: null,
    anchorAt: null,
    testClock: true,
  };
  return startLife(start, Date.parse('2026-01-17T00:00Z'), DEFAULT_CATALOG);
}

const CANCEL: Command = { type: 'cancel', at: 'renewal' };
const RESUME: Command = { type: 'resume' };
const change = (plan: 'creator' | 'business', interval: 'month' | 'year' = 'month'): Command => ({
  type: 'change_plan',
  chargeId: 'chg_up',
  plan,
  interval,
});

/** `change_scheduled creator/month on 2026-02-17` of all but how it started. */
function reported(life: Life): string[] {
  return life.book.notes.slice(1).map((note) => {
    const of = 'change' in note ? note.change : undefined;
    if (!of) return note.kind;
    const what = of.kind === 'cancel' ? 'cancel' : `${of.plan}/${of.interval}`;
    return `${note.kind} ${what} on ${iso(of.at).slice(0, 10)}`;
  });
}

const ON = 'on 2026-02-17';

test.each<[string, Command[], string[]]>([
  ['a cancel', [CANCEL], [`cancel_scheduled cancel ${ON}`]],
  ['a second cancel tells nothing', [CANCEL, CANCEL], [`cancel_scheduled cancel ${ON}`]],
  [
    'a cancel at once after one',
    [CANCEL, { type: 'cancel', at: 'now' }],
    [`cancel_scheduled cancel ${ON}`, 'ended'],
  ],
  ['a downgrade', [change('creator')], [`change_scheduled creator/month ${ON}`]],
  [
    'the same again tells nothing',
    [change('creator'), change('creator')],
    [`change_scheduled creator/month ${ON}`],
  ],
  [
    'another replaces it',
    [change('creator'), change('business')],
    [`change_scheduled creator/month ${ON}`, `change_scheduled business/month ${ON}`],
  ],
  [
    'a cancel replaces a change',
    [change('creator'), CANCEL],
    [`change_scheduled creator/month ${ON}`, `cancel_scheduled cancel ${ON}`],
  ],
  [
    'a resume, of what there was',
    [CANCEL, RESUME, change('creator'), RESUME],
    [
      `cancel_scheduled cancel ${ON}`,
      `resumed cancel ${ON}`,
      `change_scheduled creator/month ${ON}`,
      `resumed creator/month ${ON}`,
    ],
  ],
  [
    'a resume of nothing tells nothing',
    [RESUME, CANCEL, RESUME, RESUME],
    [`cancel_scheduled cancel ${ON}`, `resumed cancel ${ON}`],
  ],
  [
    'an upgrade clears what was scheduled: the change that is in force says so',
    [change('creator'), change('business', 'year')],
    [`change_scheduled creator/month ${ON}`, 'changed'],
  ],
])('%s', (_, commands, expected) => {
  const life = pro();
  for (const wanted of commands) command(life, wanted);
  expect(reported(life)).toEqual(expected);
});
