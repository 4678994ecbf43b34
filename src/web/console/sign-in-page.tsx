import { type Assets, page } from '../shell/page.tsx';

/** The data of the sign-in page. */
interface SignInView {
  /** The page that the operator asked for. */
  to: string;
  hasFailed: boolean;
}

/** The page /console/sign-in. Its text is the same for every wrong key. */
export function signInPage({ to, hasFailed }: SignInView, assets: Assets): string {
  return page({
    title: 'Sign in · Drawdown console',
    assets,
    brand: 'Drawdown console',
    children: (
      <section class="card narrow">
        <h1>Sign in</h1>
        <p class="quiet">
          With an API key that has the scope <code>operator</code>. It is asked for again after eight hours,
          or as soon as it is revoked.
        </p>
        {hasFailed && (
          <p class="note bad" role="alert" id="failed">
            This key does not open the console.
          </p>
        )}
        <form class="stack" method="post" action="/console/sign-in">
          <input type="hidden" name="to" value={to} />
          <div class="field">
            <label for="key">Operator key</label>
            <input
              id="key"
              name="key"
              type="password"
              required
              autocomplete="off"
              spellcheck={false}
              autofocus
              aria-describedby={hasFailed ? 'failed' : undefined}
            />
          </div>
          <div class="row">
            <button type="submit">Sign in</button>
          </div>
        </form>
      </section>
    ),
  });
}
