CREATE TABLE "grant_batch_items" (
	"batch_id" text NOT NULL,
	"subscription_id" text NOT NULL,
	"grant_id" text NOT NULL,
	"outcome" text DEFAULT 'pending' NOT NULL,
	"code" text,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "grant_batch_items_batch_id_subscription_id_pk" PRIMARY KEY("batch_id","subscription_id"),
	CONSTRAINT "grant_batch_items_outcome" CHECK (outcome in ('pending', 'granted', 'skipped')),
	CONSTRAINT "grant_batch_items_code" CHECK ((outcome = 'skipped') = (code is not null))
);
--> statement-breakpoint
CREATE TABLE "grant_batches" (
	"id" text PRIMARY KEY NOT NULL,
	"state" text DEFAULT 'running' NOT NULL,
	"filter" jsonb,
	"credits" bigint NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"reason" text NOT NULL,
	"total" integer NOT NULL,
	"granted" integer DEFAULT 0 NOT NULL,
	"skipped" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"signalled_at" timestamp (3) with time zone,
	CONSTRAINT "grant_batches_state" CHECK (state in ('running', 'paused', 'done')),
	CONSTRAINT "grant_batches_credits" CHECK (credits > 0 and credits <= 9007199254740991),
	CONSTRAINT "grant_batches_counts" CHECK (granted >= 0 and skipped >= 0 and granted + skipped <= total)
);
--> statement-breakpoint
ALTER TABLE "charges" ADD COLUMN "pack" text;--> statement-breakpoint
ALTER TABLE "charges" ADD COLUMN "renews" boolean;--> statement-breakpoint
ALTER TABLE "subscriptions" ADD COLUMN "trial" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "subscriptions" ADD COLUMN "notices" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
CREATE INDEX "grant_batch_items_by_outcome" ON "grant_batch_items" USING btree ("batch_id","outcome","subscription_id");--> statement-breakpoint
CREATE INDEX "grant_batches_running" ON "grant_batches" USING btree ("signalled_at") WHERE state = 'running';--> statement-breakpoint
CREATE UNIQUE INDEX "subscriptions_one_trial_per_customer" ON "subscriptions" USING btree ("customer_id") WHERE trial;
--> statement-breakpoint
-- What follows writes older rows as the new code writes them: catalogues with packs by id, and states, charges and messages
-- that name those packs. src/workflows/older.ts does the same to a workflow that began before.

-- A pack had no id. It is named by its credits.
create function pg_temp.pack_id(p_credits numeric) returns text language sql as $$ select 'pack_' || p_credits::bigint $$;
--> statement-breakpoint
create function pg_temp.line_now(l jsonb) returns jsonb language sql as $$
  select l || case
    when l->>'description' like 'pack of %' then
      jsonb_build_object('pack', pg_temp.pack_id(substring(l->>'description' from '[0-9]+')::numeric))
    when l->>'description' like '% plan' then jsonb_build_object('plan', split_part(l->>'description', ' ', 1),
      'interval', case split_part(l->>'description', ' ', 2) when 'annual' then 'year' else 'month' end)
    else '{}' end
$$;
--> statement-breakpoint
create function pg_temp.charge_now(c jsonb) returns jsonb language sql as $$
  select c || jsonb_build_object(
    'lines', (select jsonb_agg(pg_temp.line_now(l) order by nth) from jsonb_array_elements(c->'lines') with ordinality x(l, nth)),
    'buys', c->'buys' || jsonb_build_object('items', case
      when c->>'kind' in ('purchase', 'renewal') and (c->'buys'->>'packs')::int > 0 then jsonb_build_array(jsonb_build_object(
        'pack', pg_temp.pack_id((c->'buys'->>'packCredits')::numeric / (c->'buys'->>'packs')::int),
        'quantity', c->'buys'->'packs', 'credits', (c->'buys'->>'packCredits')::bigint / (c->'buys'->>'packs')::int,
        'renews', c->>'id' !~ '_t[0-9]+$', 'term', '{"days_after_renewal":90}'::jsonb))
      else '[]' end))
$$;
--> statement-breakpoint
-- The packs of a state by their id: the only one that the plan's interval had.
create function pg_temp.items_of(p_pack text, p_packs jsonb) returns jsonb language sql as $$
  select case when p_packs::text::int > 0 then jsonb_build_array(jsonb_build_object('pack', p_pack, 'quantity', p_packs)) else '[]' end
$$;
--> statement-breakpoint
create function pg_temp.state_now(s jsonb, p_pack text) returns jsonb language sql as $$
  select jsonb_strip_nulls(jsonb_build_object('addOnSetAt', s->'packsSetAt')) || (s - 'packs' - 'packsSetAt')
    || jsonb_build_object('rulesVersion', 2, 'addOn', pg_temp.items_of(p_pack, s->'packs'),
      'waiting', (select coalesce(jsonb_agg(jsonb_build_object('charge', pg_temp.charge_now(w->'charge')) order by nth), '[]')
        from jsonb_array_elements(s->'waiting') with ordinality x(w, nth)))
    || case when jsonb_typeof(s->'unpaid') = 'object' then jsonb_build_object('unpaid',
        s->'unpaid' || jsonb_build_object('charge', pg_temp.charge_now(s->'unpaid'->'charge'))) else '{}' end
    || case when s ? 'withdrawn' then jsonb_build_object('withdrawn', s->'withdrawn' || jsonb_build_object(
        'packs', pg_temp.items_of(p_pack, s->'withdrawn'->'packs'), 'lowered', pg_temp.items_of(p_pack, s->'withdrawn'->'lowered')))
      else '{}' end
    || case when jsonb_typeof(s->'topUp'->'wish') = 'object' then jsonb_build_object('topUp', s->'topUp' || jsonb_build_object(
        'wish', s->'topUp'->'wish' || jsonb_build_object('pack', p_pack))) else '{}' end
$$;
--> statement-breakpoint
create function pg_temp.pack_of(p_interval text) returns text language sql as $$
  select coalesce((select pg_temp.pack_id((p->>'credits')::numeric)
    from (select content from catalogs order by in_force_from desc limit 1) newest, jsonb_array_elements(newest.content->'packs') p
    where p->>'interval' = p_interval limit 1), 'pack')
$$;
--> statement-breakpoint
update subscriptions set state = pg_temp.state_now(state, pg_temp.pack_of(interval)) where state->>'rulesVersion' = '1';
--> statement-breakpoint
update charges set
  lines = (select jsonb_agg(pg_temp.line_now(l) order by nth) from jsonb_array_elements(lines) with ordinality x(l, nth)),
  pack = case when kind = 'purchase' and packs > 0 then pg_temp.pack_id(credits::numeric / packs) end,
  renews = case when kind = 'purchase' then id !~ '_t[0-9]+$' end,
  -- An upgrade sells no packs; the add-on is paid at its next renewal (R-53).
  packs = case when kind in ('purchase', 'renewal') then packs else 0 end,
  credits = case when kind in ('purchase', 'renewal') then credits else 0 end;
--> statement-breakpoint
update inbox i set payload = i.payload || jsonb_build_object('packs',
  pg_temp.items_of(pg_temp.pack_of(s.interval), i.payload->'packs'))
from subscriptions s
where s.id = i.subscription_id and i.kind = 'packsWithdrawn' and jsonb_typeof(i.payload->'packs') = 'number';
--> statement-breakpoint
update catalogs set content = jsonb_build_object('version', content->'version', 'currency', content->'currency',
  'brand', '{"product":"HeyGen","credit":["Premium Credit","Premium Credits"],"pack":["Premium Credit Pack","Premium Credit Packs"],
    "logo_url":null,"accent":null,"home_url":null,"support_url":null}'::jsonb,
  'plans', (
    select jsonb_agg(jsonb_build_object('id', id, 'name', initcap(id), 'contract', is_contract, 'prices', prices, 'credits', credits,
      'trial', null, 'packs', null, 'contact', null) order by nth)
    from (
      select p->>'id' as id, min(nth) as nth, bool_and(p->'price_minor' = 'null') as is_contract, max((p->>'allowance')::bigint) as credits,
        coalesce(jsonb_object_agg(p->>'interval', p->'price_minor') filter (where p->'price_minor' <> 'null'), '{}') as prices
      from jsonb_array_elements(content->'plans') with ordinality x(p, nth) group by p->>'id') plans),
  'packs', (
    select coalesce(jsonb_agg(jsonb_build_object('id', pg_temp.pack_id((p->>'credits')::numeric), 'name', 'Premium Credit Pack',
      'on', jsonb_build_array(p->'interval'), 'credits', p->'credits', 'price', p->'price_minor', 'renews', true,
      'term', jsonb_build_object('days_after_renewal', content->'policies'->'packTermDays')) order by nth), '[]')
    from jsonb_array_elements(content->'packs') with ordinality x(p, nth)),
  'features', (
    select jsonb_agg(jsonb_build_object('id', r->'feature', 'name', initcap(replace(r->>'feature', '_', ' ')), 'unit',
      case r->>'unit' when 'second' then '{"one":"second","many":"seconds","natural":60,"decimals":3}'::jsonb
        else '{"one":"use","many":"uses","natural":1,"decimals":0}' end, 'credits', r->'credits', 'per', r->'per') order by nth)
    from jsonb_array_elements(content->'rates') with ordinality x(r, nth)),
  'policies', jsonb_build_object('allowance_term', content->'policies'->'allowanceTerm',
    'dunning_days', content->'policies'->'dunning', 'past_due_spending', content->'policies'->'pastDueSpending',
    'packs_per_purchase', content->'policies'->'packsPerPurchase', 'existing_prices', 'reprice'))
where content ? 'rates';
