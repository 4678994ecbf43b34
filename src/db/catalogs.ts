import { desc, eq, sql } from 'drizzle-orm';
import type { Catalog } from '../domain/catalog.ts';
import type { Database } from './client.ts';
import { catalogs } from './schema.ts';

/** Thrown for a catalogue that must not come into force; the message has the reason. */
class CatalogRefused extends Error {
  override readonly name = 'CatalogRefused';
}

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, member) =>
    member && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );

/**
 * puts a catalogue in force from its first start on. A version that was in force before changes nothing. Throws
 * `CatalogRefused` for other content under a known version, and for a catalogue that lacks a plan with live
 * subscriptions.
 */
export async function publishCatalog(db: Database, catalog: Catalog): Promise<void> {
  const [known] = await db.select().from(catalogs).where(eq(catalogs.version, catalog.version));
  if (known) {
    if (canonical(known.content) === canonical(catalog)) return;
    throw new CatalogRefused(
      `The catalogue version ${catalog.version} was in force with other content: give the edited catalogue a new version.`,
    );
  }
  const lacking = await neededBut(db, catalog);
  if (lacking.length > 0)
    throw new CatalogRefused(
      `Live subscriptions need what this catalogue lacks: ${lacking.join(', ')} (R-08).`,
    );
  await db
    .insert(catalogs)
    .values({
      version: catalog.version,
      content: catalog,
      inForceFrom: sql`instant(ms(clock_timestamp()))` as never,
    })
    .onConflictDoNothing();
}

/** The plans and packs that a catalogue lacks: live subscriptions have them, or will change to them or renew with them. */
async function neededBut(db: Database, catalog: Catalog): Promise<string[]> {
  const needed = await db.execute<{ what: string; plan: string; interval: string }>(sql`
    select distinct 'plan' as what, plan, interval from subscriptions where status <> 'ended'
    union
    select 'plan', state->'scheduled'->>'plan', state->'scheduled'->>'interval' from subscriptions
    where status <> 'ended' and state->'scheduled'->>'kind' = 'plan'
    union
    select 'pack', '', interval from subscriptions where status <> 'ended' and (state->>'packs')::int > 0
    order by what desc, plan, interval`);
  const isThere = ({ what, plan, interval }: (typeof needed)[number]) =>
    what === 'pack'
      ? catalog.packs.some((pack) => pack.interval === interval)
      : catalog.plans.some((offered) => offered.id === plan && offered.interval === interval);
  return needed
    .filter((one) => !isThere(one))
    .map(({ what, plan, interval }) =>
      what === 'pack' ? `the pack of the ${interval}` : `${plan}/${interval}`,
    );
}

/** The catalogue in force. Throws when there is none. */
async function newestCatalog(db: Database): Promise<Catalog> {
  const [row] = await db.select().from(catalogs).orderBy(desc(catalogs.inForceFrom)).limit(1);
  if (!row) throw new Error('no catalogue is in force: start the API or the worker, which publish it');
  return row.content;
}

/** A cache of the newest catalogue for a second. `forget` empties it, after a spend found the catalogue stale. */
export function createCatalogCache(db: Database): { current(): Promise<Catalog>; forget(): void } {
  let cached: { catalog: Promise<Catalog>; until: number } | null = null;
  return {
    current() {
      if (cached === null || cached.until < Date.now()) {
        cached = { catalog: newestCatalog(db), until: Date.now() + 1_000 };
        cached.catalog.catch(() => {
          cached = null;
        });
      }
      return cached.catalog;
    },
    forget() {
      cached = null;
    },
  };
}
