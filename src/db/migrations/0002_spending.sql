CREATE TABLE "holds" (
	"subscription_id" text NOT NULL,
	"id" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"deadline" timestamp (3) with time zone NOT NULL,
	"credits" bigint NOT NULL,
	"status" text NOT NULL,
	"captured" bigint DEFAULT 0 NOT NULL,
	"usage_id" text,
	"settled_at" timestamp (3) with time zone,
	"via" text,
	"reference" text,
	"metadata" json NOT NULL,
	"answer" json NOT NULL,
	"settlement" json,
	"live" boolean NOT NULL,
	CONSTRAINT "holds_subscription_id_id_pk" PRIMARY KEY("subscription_id","id"),
	CONSTRAINT "holds_credits" CHECK (credits > 0 and captured >= 0 and captured <= credits),
	CONSTRAINT "holds_deadline" CHECK (at < deadline),
	CONSTRAINT "holds_status" CHECK (status in ('held', 'captured', 'released')),
	CONSTRAINT "holds_settled" CHECK ((status = 'held') = (settled_at is null))
);
--> statement-breakpoint
CREATE INDEX "holds_open" ON "holds" USING btree ("subscription_id","deadline") WHERE status = 'held';--> statement-breakpoint
CREATE INDEX "holds_overdue" ON "holds" USING btree ("deadline") WHERE status = 'held' and live;--> statement-breakpoint
CREATE TABLE "replies" (
	"subscription_id" text NOT NULL,
	"digest" uuid NOT NULL,
	"body_hash" uuid NOT NULL,
	"object_id" text,
	"answer" json,
	CONSTRAINT "replies_subscription_id_digest_pk" PRIMARY KEY("subscription_id","digest")
);
--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "asked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "next_deadline" timestamp (3) with time zone;--> statement-breakpoint
-- Room on the page for the next version of a row: a spend then touches no index of these two.
ALTER TABLE "ledgers" SET (fillfactor = 60);--> statement-breakpoint
ALTER TABLE "grants" SET (fillfactor = 70);--> statement-breakpoint
-- Entries name their grants without a foreign key, whose check would cost each of them a read and a row lock: grants are
-- never taken away instead, and verification looks for entries without one.
CREATE FUNCTION grants_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  raise exception 'grants are never deleted: entries name them (I11)';
end $$;--> statement-breakpoint
CREATE TRIGGER "grants_kept" BEFORE DELETE ON "grants" FOR EACH ROW EXECUTE FUNCTION grants_are_kept();--> statement-breakpoint
CREATE TRIGGER "grants_no_truncate" BEFORE TRUNCATE ON "grants" FOR EACH STATEMENT EXECUTE FUNCTION grants_are_kept();--> statement-breakpoint
-- R-65: the keys that succeeded before this migration keep their answers. The digest is the first half of SHA-256 of
-- operation and key, as src/db/spend-batches.ts makes it; the body's hash was the whole of SHA-256 in base64url.
INSERT INTO "replies" (subscription_id, digest, body_hash, object_id)
SELECT subscription_id,
  encode(substring(sha256(convert_to('usage' || chr(10) || key, 'UTF8')) for 16), 'hex')::uuid,
  encode(substring(decode(translate(body_hash, '-_', '+/') || '=', 'base64') for 16), 'hex')::uuid,
  id
FROM "usages" WHERE body_hash ~ '^[A-Za-z0-9_-]{43}$';--> statement-breakpoint
ALTER TABLE "usages" DROP CONSTRAINT "usages_one_per_key";--> statement-breakpoint
ALTER TABLE "usages" ALTER COLUMN "metadata" SET DATA TYPE json;--> statement-breakpoint
ALTER TABLE "usages" ADD COLUMN "reversed" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usages" ADD COLUMN "hold_id" text;--> statement-breakpoint
ALTER TABLE "usages" DROP COLUMN "lines";--> statement-breakpoint
ALTER TABLE "usages" DROP COLUMN "catalog_version";--> statement-breakpoint
ALTER TABLE "usages" DROP COLUMN "key";--> statement-breakpoint
ALTER TABLE "usages" DROP COLUMN "body_hash";--> statement-breakpoint
ALTER TABLE "usages" ADD CONSTRAINT "usages_reversed" CHECK (reversed >= 0 and reversed <= credits);--> statement-breakpoint
ALTER TABLE "entries" RENAME TO "entries_of_before";--> statement-breakpoint
CREATE TABLE "entries" (
	"subscription_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"kind" text NOT NULL,
	"credits" bigint NOT NULL,
	"grant_id" text NOT NULL,
	"balance_after" bigint NOT NULL,
	"effective_at" timestamp (3) with time zone NOT NULL,
	"recorded_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"usage_id" text,
	"hold_id" text,
	CONSTRAINT "entries_subscription_id_seq_recorded_at_pk" PRIMARY KEY("subscription_id","seq","recorded_at"),
	CONSTRAINT "entries_credits" CHECK (credits <> 0),
	CONSTRAINT "entries_balance" CHECK (balance_after >= 0 and balance_after <= 9007199254740991),
	CONSTRAINT "entries_kind" CHECK (kind in ('grant', 'debit', 'hold', 'capture', 'release', 'expiry', 'forfeiture', 'reversal', 'revocation'))
) PARTITION BY RANGE ("recorded_at");--> statement-breakpoint
-- Cloned to every month.
CREATE TRIGGER "entries_append_only" BEFORE UPDATE OR DELETE ON "entries"
  FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();--> statement-breakpoint
CREATE TRIGGER "entries_no_truncate" BEFORE TRUNCATE ON "entries"
  FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();--> statement-breakpoint
-- Makes the months of entries from one instant to another that are not there, in UTC; answers how many it made. Attached,
-- not made in place: a spend goes on meanwhile. Several may ask at once.
CREATE FUNCTION keep_months(p_from timestamptz, p_to timestamptz) RETURNS int LANGUAGE plpgsql AS $$
declare
  v_month timestamp;
  v_name text;
  made int := 0;
begin
  perform pg_advisory_xact_lock(hashtext('keep_months'));
  for v_month in
    select generate_series(date_trunc('month', p_from at time zone 'UTC'), p_to at time zone 'UTC', interval '1 month')
  loop
    v_name := 'entries_' || to_char(v_month, 'YYYY_MM');
    continue when to_regclass(v_name) is not null;
    execute format('create table %I (like entries including defaults including constraints)', v_name);
    execute format('create trigger entries_no_truncate before truncate on %I for each statement execute function entries_are_append_only()', v_name);
    execute format('alter table entries attach partition %I for values from (%L) to (%L)', v_name,
      v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC');
    made := made + 1;
  end loop;
  return made;
end $$;--> statement-breakpoint
SELECT keep_months(coalesce((SELECT min(recorded_at) FROM entries_of_before), now()), now() + interval '6 months');--> statement-breakpoint
INSERT INTO "entries" SELECT subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, recorded_at, usage_id, hold_id
FROM "entries_of_before";--> statement-breakpoint
DROP TABLE "entries_of_before";
