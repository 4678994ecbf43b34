import type { Instant } from '../../domain/calendar.ts';
import { packsIn } from '../../domain/catalog/packs.ts';
import { page } from '../shell/page.tsx';
import { Key, Leave, Note, When, walletNav } from '../shell/parts.tsx';
import type { WalletFrame } from './standing.tsx';

/** The data of /wallet/cancel. */
interface CancelView extends WalletFrame {
  /** The end of the plan; null where it ends at once, because its renewal is unpaid. */
  at: Instant | null;
  /** credits that the end forfeits if no more are used. */
  atRisk: number;
  available: number;
}

/** The page /wallet/cancel: the loss that a cancel brings, before the request. */
export function cancelPage(view: CancelView): string {
  const { assets, look, words, format, now, state, at, atRisk, available, key } = view;
  const credits = words.credit[1];
  return page({
    title: 'Cancel the plan',
    assets,
    look,
    nav: walletNav(null),
    aside: <Leave />,
    children: (
      <section class="card narrow">
        <h1>Cancel the plan?</h1>
        {at === null ? (
          <p>Your last renewal is unpaid, so the plan ends at once.</p>
        ) : (
          <p>
            Your plan goes on until <When format={format} at={at} near={now} />, {format.daysFrom(at, now)}.
            Until then you can use your {credits}, and you can change your mind.
          </p>
        )}
        <Note tone="warn">
          <p>
            <strong>
              {atRisk > 0
                ? `${format.creditsOf(atRisk)} will be lost${at === null ? '' : ' then'}, unless you use them first.`
                : `No ${credits} will be lost.`}
            </strong>{' '}
            {atRisk > 0 && `With the end of the plan unused ${credits} expire and can’t be used.`}
          </p>
          {packsIn(state.addOn) > 0 && (
            <p>Your add-on of {words.packs(packsIn(state.addOn))} is cancelled as well.</p>
          )}
        </Note>
        <p class="quiet">{format.creditsOf(available)} are available now. Nothing more is charged.</p>
        <form method="post" action="/wallet/cancel" class="row">
          <Key value={key} />
          <a class="button" href="/wallet">
            Keep my plan
          </a>
          <button type="submit" class="danger">
            {at === null ? 'End the plan now' : 'Cancel the plan'}
          </button>
        </form>
      </section>
    ),
  });
}
