import type { Child } from 'hono/jsx';
import { type Assets, page } from './page.tsx';

/** The data of the home page. */
export interface HomeView {
  /** Whether the studio is on. */
  demo: boolean;
}

/** The page /. */
export function homePage({ demo }: HomeView, assets: Assets): string {
  return page({
    title: 'Drawdown',
    assets,
    children: (
      <section class="card narrow">
        <h1>Subscription credits are served here</h1>
        <dl class="places">
          {demo && (
            <Place href="/demo" name="Demo studio">
              A product to run out of credits in, on a clock of its own.
            </Place>
          )}
          <Place href="/console" name="Console">
            Every subscription and what became of its credits. It asks for a key with the scope{' '}
            <code>operator</code>.
          </Place>
          <Place href="/openapi.json" name="API contract">
            The routes below <code>/v1</code>, as OpenAPI. Each request brings a key.
          </Place>
          <div>
            <dt>Wallet</dt>
            <dd>
              A customer’s own page. A link from <code>POST /v1/wallet_sessions</code> opens it, once.
            </dd>
          </div>
        </dl>
      </section>
    ),
  });
}

function Place({ href, name, children }: { href: string; name: string; children: Child }) {
  return (
    <div>
      <dt>
        <a href={href}>{name}</a>
      </dt>
      <dd>{children}</dd>
    </div>
  );
}
