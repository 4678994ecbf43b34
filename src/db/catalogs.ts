import { and, desc, eq, gt, ne, sql } from 'drizzle-orm';
import type { Interval } from '../domain/calendar.ts';
import { type Catalog, findPlan, isContract, packsOn } from '../domain/catalog/catalog.ts';
import type { State } from '../domain/state.ts';
import type { Database } from './client.ts';
import { catalogs, subscriptions } from './schema.ts';

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
 * R-08: puts a catalogue in force from its first start on. A version that was in force before changes nothing. Throws
 * `CatalogRefused` for other content under a known version (R-07), and for one that strands a live subscription: it lacks a plan
 * or pack in use, or has another currency (R-08b). The message names how many, and one of them.
 */
export async function publishCatalog(db: Database, catalog: Catalog): Promise<void> {
  const standing = await standingOf(db, catalog);
  if (standing === 'same') return;
  if (standing === 'other') throw new CatalogRefused(otherContent(catalog));
  const stranded = await strandedBy(db, catalog);
  if (stranded.length > 0)
    throw new CatalogRefused(
      `The catalogue ${catalog.version} would strand live subscriptions, and nothing was changed:\n${stranded.map((line) => `  ${line}`).join('\n')}`,
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

/** The sentence that refuses a version whose content changed. */
export const otherContent = ({ version }: Catalog): string =>
  `The catalogue version ${version} was in force with other content: give the edited catalogue a new version.`;

/** R-07: whether a version is new, was in force with the same content, or with other content. */
export async function standingOf(db: Database, catalog: Catalog): Promise<'new' | 'same' | 'other'> {
  const [known] = await db.select().from(catalogs).where(eq(catalogs.version, catalog.version));
  if (!known) return 'new';
  return canonical(known.content) === canonical(catalog) ? 'same' : 'other';
}

/** R-08, R-08b: the reasons for which a catalogue would strand live subscriptions, each in a line. */
export async function strandedBy(db: Database, catalog: Catalog): Promise<string[]> {
  return [...(await lacking(db, catalog)), ...(await paidOtherwise(db, catalog))];
}

const STATES_A_PAGE = 1_000;

/** The states of all live subscriptions, in pages by id. */
export async function* liveStates(db: Database): AsyncGenerator<State> {
  for (let after = ''; ; ) {
    const page = await db
      .select({ id: subscriptions.id, state: subscriptions.state })
      .from(subscriptions)
      .where(and(gt(subscriptions.id, after), ne(subscriptions.status, 'ended')))
      .orderBy(subscriptions.id)
      .limit(STATES_A_PAGE);
    for (const { state } of page) yield state;
    const last = page.at(-1);
    if (!last || page.length < STATES_A_PAGE) return;
    after = last.id;
  }
}

/** Live subscriptions that share a plan, or a pack that renews with it. */
type InUse = { plan: string; interval: Interval; pack: string | null; count: number; example: string };

/** The plans and packs of live subscriptions: also those they will change to, and those that a won dispute would return. */
const inUse = (db: Database) =>
  db.execute<InUse>(sql`
    with live as (
      select id, state, plan, interval from subscriptions where status <> 'ended'
    ), used as (
      select id, plan, interval, null as pack from live
      union all
      select id, state->'scheduled'->>'plan', state->'scheduled'->>'interval', null from live
      where state->'scheduled'->>'kind' = 'plan'
      union all
      select id, plan, interval, item->>'pack' from live,
        jsonb_array_elements(state->'addOn' || coalesce(state->'withdrawn'->'lowered', '[]')) item
    )
    select plan, interval, pack, count(*)::int as count, min(id) as example from used
    group by plan, interval, pack order by pack nulls first, plan, interval`);

const who = ({ count, example }: { count: number; example: string }): string =>
  count === 1 ? `${example} has it` : `${count} subscriptions have it, such as ${example}`;

/**
 * R-08: the plans and packs in use that a catalogue lacks, each in a line. R-36: a plan that becomes a contract would charge
 * nobody any more, and a contract that becomes a plan would charge without having been asked.
 */
async function lacking(db: Database, catalog: Catalog): Promise<string[]> {
  const before = await inForce(db);
  return (await inUse(db)).flatMap((used) => {
    const { plan, interval, pack } = used;
    if (pack === null && !findPlan(catalog, plan, interval))
      return [`no plan ${plan} by the ${interval}: ${who(used)} (R-08)`];
    if (pack === null) {
      const isNow = isContract(catalog, plan);
      if (!before || isContract(before, plan) === isNow) return [];
      return [
        `the plan ${plan} is ${isNow ? 'a contract now' : 'no contract any more'}: ${who(used)} (R-36)`,
      ];
    }
    return packsOn(catalog, plan, interval).some(({ id }) => id === pack)
      ? []
      : [`no pack ${pack} on the plan ${plan} by the ${interval}: ${who(used)} in the add-on (R-08)`];
  });
}

/** R-08b: the currencies in which live subscriptions were charged, other than that of a catalogue, each in a line. */
async function paidOtherwise(db: Database, { currency }: Catalog): Promise<string[]> {
  const rows = await db.execute<{ currency: string; count: number; example: string }>(sql`
    select c.currency, count(distinct s.id)::int as count, min(s.id) as example
    from subscriptions s join charges c on c.subscription_id = s.id
    where s.status <> 'ended' and c.currency <> ${currency}
    group by c.currency order by c.currency`);
  return rows.map((row) => {
    const live =
      row.count === 1 ? `${row.example} was` : `${row.count} subscriptions, such as ${row.example}, were`;
    return `the currency is ${currency}, and ${live} charged in ${row.currency} (R-08b)`;
  });
}

/** R-07: a catalogue that was or is in force; undefined for an unknown version. */
export async function catalogOf(db: Database, version: string): Promise<Catalog | undefined> {
  const [row] = await db.select().from(catalogs).where(eq(catalogs.version, version));
  return row?.content;
}

/** The versions that were ever in force, the newest first. */
export function listCatalogs(db: Database): Promise<{ version: string; inForceFrom: Date }[]> {
  return db
    .select({ version: catalogs.version, inForceFrom: catalogs.inForceFrom })
    .from(catalogs)
    .orderBy(desc(catalogs.inForceFrom), desc(catalogs.version));
}

/** The catalogue in force. Throws when there is none. */
async function newestCatalog(db: Database): Promise<Catalog> {
  const catalog = await inForce(db);
  if (!catalog) throw new Error('no catalogue is in force: start the API or the worker, which publish it');
  return catalog;
}

async function inForce(db: Database): Promise<Catalog | undefined> {
  const [row] = await db.select().from(catalogs).orderBy(desc(catalogs.inForceFrom)).limit(1);
  return row?.content;
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
