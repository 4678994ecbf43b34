-- The tables as drizzle-kit makes them of src/db/schema.ts. Written by hand: the partitions of `entries`, and the end of this file.
CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"secret_hash" text NOT NULL,
	"name" text,
	"scopes" text[] NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"revoked_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "catalogs" (
	"version" text PRIMARY KEY NOT NULL,
	"content" jsonb NOT NULL,
	"in_force_from" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "charges" (
	"subscription_id" text NOT NULL,
	"id" text NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"status" text NOT NULL,
	"amount_minor" bigint NOT NULL,
	"refunded_minor" bigint DEFAULT 0 NOT NULL,
	"returned_minor" bigint DEFAULT 0 NOT NULL,
	"owed_minor" bigint DEFAULT 0 NOT NULL,
	"owed_returned_minor" bigint DEFAULT 0 NOT NULL,
	"revoked_credits" bigint DEFAULT 0 NOT NULL,
	"currency" text NOT NULL,
	"lines" jsonb NOT NULL,
	"attempts" jsonb NOT NULL,
	"catalog_version" text NOT NULL,
	"step" integer NOT NULL,
	"purchase_id" text,
	"packs" integer NOT NULL,
	"credits" bigint NOT NULL,
	CONSTRAINT "charges_subscription_id_id_pk" PRIMARY KEY("subscription_id","id"),
	CONSTRAINT "charges_status" CHECK (status in ('paid', 'pending', 'declined', 'given_up', 'refunded')),
	CONSTRAINT "charges_refunded" CHECK (refunded_minor >= 0 and refunded_minor <= amount_minor),
	CONSTRAINT "charges_returned" CHECK (returned_minor >= 0 and returned_minor <= amount_minor),
	CONSTRAINT "charges_revoked" CHECK (revoked_credits >= 0 and revoked_credits <= credits),
	CONSTRAINT "charges_owed" CHECK (owed_returned_minor >= 0 and owed_returned_minor <= owed_minor)
);
--> statement-breakpoint
CREATE TABLE "commands" (
	"scope" text NOT NULL,
	"operation" text NOT NULL,
	"key" text NOT NULL,
	"body_hash" text NOT NULL,
	"status" text NOT NULL,
	"attempt" integer NOT NULL,
	"subscription_id" text NOT NULL,
	"object_id" text NOT NULL,
	"step" integer,
	"from_seq" bigint,
	"from_at" timestamp (3) with time zone,
	"refusal" jsonb,
	"answer" text,
	"http_status" integer,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "commands_scope_operation_key_pk" PRIMARY KEY("scope","operation","key"),
	CONSTRAINT "commands_status" CHECK (status in ('pending', 'taken', 'done', 'refused', 'abandoned'))
);
--> statement-breakpoint
CREATE TABLE "console_sessions" (
	"digest" text PRIMARY KEY NOT NULL,
	"key_id" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"event_id" text NOT NULL,
	"endpoint_id" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"run" integer DEFAULT 0 NOT NULL,
	"response_status" integer,
	"failure" text,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"claimed_until" timestamp (3) with time zone,
	"started_at" timestamp (3) with time zone,
	CONSTRAINT "deliveries_event_id_endpoint_id_pk" PRIMARY KEY("event_id","endpoint_id"),
	CONSTRAINT "deliveries_status" CHECK (status in ('pending', 'delivered', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "disputes" (
	"subscription_id" text NOT NULL,
	"id" text NOT NULL,
	"charge_id" text NOT NULL,
	"amount_minor" bigint NOT NULL,
	"status" text NOT NULL,
	CONSTRAINT "disputes_subscription_id_id_pk" PRIMARY KEY("subscription_id","id"),
	CONSTRAINT "disputes_status" CHECK (status in ('open', 'won', 'lost'))
);
--> statement-breakpoint
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
) PARTITION BY RANGE ("recorded_at");
--> statement-breakpoint
CREATE TABLE "events" (
	"nth" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_nth_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"id" text NOT NULL,
	"subscription_id" text NOT NULL,
	"type" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"data" jsonb NOT NULL,
	"recorded_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"relayed_at" timestamp (3) with time zone,
	CONSTRAINT "events_id" UNIQUE("id")
);
--> statement-breakpoint
CREATE TABLE "failures" (
	"kind" text NOT NULL,
	"key" text NOT NULL,
	"subscription_id" text NOT NULL,
	"attempts" integer NOT NULL,
	"reason" text NOT NULL,
	"since" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"next_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "failures_kind_key_pk" PRIMARY KEY("kind","key")
);
--> statement-breakpoint
CREATE TABLE "grants" (
	"subscription_id" text NOT NULL,
	"id" text NOT NULL,
	"kind" text NOT NULL,
	"amount" bigint NOT NULL,
	"remaining" bigint NOT NULL,
	"held" bigint DEFAULT 0 NOT NULL,
	"effective_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"made" bigint NOT NULL,
	"cause" text NOT NULL,
	"charge_id" text,
	"reason" text,
	"taken" text,
	"open" boolean DEFAULT true NOT NULL,
	"notice_at" timestamp (3) with time zone,
	CONSTRAINT "grants_subscription_id_id_pk" PRIMARY KEY("subscription_id","id"),
	CONSTRAINT "grants_one_per_cause" UNIQUE("subscription_id","cause"),
	CONSTRAINT "grants_kind" CHECK (kind in ('allowance', 'pack', 'adjustment')),
	CONSTRAINT "grants_amount" CHECK (amount > 0 and amount <= 9007199254740991),
	CONSTRAINT "grants_remaining" CHECK (remaining >= 0 and held >= 0 and remaining + held <= amount),
	CONSTRAINT "grants_open_while_unused" CHECK (open = (remaining + held > 0)),
	CONSTRAINT "grants_term" CHECK (effective_at < expires_at)
);
--> statement-breakpoint
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
CREATE TABLE "inbox" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "inbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"provider" text NOT NULL,
	"event_id" text NOT NULL,
	"subscription_id" text NOT NULL,
	"kind" text NOT NULL,
	"payload" jsonb NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"claimed_until" timestamp (3) with time zone,
	"relayed_at" timestamp (3) with time zone,
	"outcome" text,
	CONSTRAINT "inbox_once" UNIQUE("provider","event_id")
);
--> statement-breakpoint
CREATE TABLE "incidents" (
	"subscription_id" text NOT NULL,
	"step" integer NOT NULL,
	"what" text NOT NULL,
	"code" text NOT NULL,
	"detail" text NOT NULL,
	"charge_id" text,
	"outcome" text,
	"tries" integer DEFAULT 1 NOT NULL,
	"first_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"last_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "incidents_subscription_id_step_what_code_pk" PRIMARY KEY("subscription_id","step","what","code")
);
--> statement-breakpoint
CREATE TABLE "ledgers" (
	"subscription_id" text PRIMARY KEY NOT NULL,
	"seq" bigint DEFAULT 0 NOT NULL,
	"balance" bigint DEFAULT 0 NOT NULL,
	"status" text NOT NULL,
	"ends_at" timestamp (3) with time zone,
	"blocked" boolean DEFAULT false NOT NULL,
	"test_clock" timestamp (3) with time zone,
	"step" integer DEFAULT 0 NOT NULL,
	"workflow_behind" boolean DEFAULT false NOT NULL,
	"told_at" timestamp (3) with time zone,
	"touched_at" timestamp (3) with time zone,
	"asked_at" timestamp (3) with time zone,
	"next_deadline" timestamp (3) with time zone,
	"withdrawals" integer DEFAULT 0 NOT NULL,
	"top_up_refunds" integer DEFAULT 0 NOT NULL,
	"low_below" bigint DEFAULT 1 NOT NULL,
	"level" text DEFAULT 'enough' NOT NULL,
	"next_notice" timestamp (3) with time zone,
	CONSTRAINT "ledgers_level" CHECK (level in ('enough', 'low', 'exhausted'))
);
--> statement-breakpoint
CREATE TABLE "notes" (
	"subscription_id" text NOT NULL,
	"step" integer NOT NULL,
	"line" integer NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"kind" text NOT NULL,
	"rule" text NOT NULL,
	"detail" text NOT NULL,
	CONSTRAINT "notes_subscription_id_step_line_pk" PRIMARY KEY("subscription_id","step","line")
);
--> statement-breakpoint
CREATE TABLE "refunds" (
	"subscription_id" text NOT NULL,
	"id" text NOT NULL,
	"charge_id" text NOT NULL,
	"body_hash" text NOT NULL,
	"amount_minor" bigint NOT NULL,
	"to_minor" bigint NOT NULL,
	"revoked_before" bigint NOT NULL,
	"reason" text NOT NULL,
	"asked_at" timestamp (3) with time zone NOT NULL,
	"answer" jsonb,
	CONSTRAINT "refunds_subscription_id_id_pk" PRIMARY KEY("subscription_id","id"),
	CONSTRAINT "refunds_amount" CHECK (amount_minor > 0 and amount_minor <= to_minor)
);
--> statement-breakpoint
CREATE TABLE "replies" (
	"subscription_id" text NOT NULL,
	"digest" uuid PRIMARY KEY NOT NULL,
	"body_hash" uuid NOT NULL,
	"object_id" text,
	"answer" json
);
--> statement-breakpoint
CREATE TABLE "secrets" (
	"name" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "stripe_customers" (
	"customer_id" text PRIMARY KEY NOT NULL,
	"stripe_id" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "stripe_payments" (
	"subscription_id" text NOT NULL,
	"charge_id" text NOT NULL,
	"attempt" integer NOT NULL,
	"stripe_id" text NOT NULL,
	CONSTRAINT "stripe_payments_subscription_id_charge_id_attempt_pk" PRIMARY KEY("subscription_id","charge_id","attempt")
);
--> statement-breakpoint
CREATE TABLE "subscriptions" (
	"id" text PRIMARY KEY NOT NULL,
	"customer_id" text NOT NULL,
	"plan" text NOT NULL,
	"interval" text NOT NULL,
	"status" text NOT NULL,
	"state" jsonb NOT NULL,
	"metadata" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "usages" (
	"subscription_id" text NOT NULL,
	"id" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"credits" bigint NOT NULL,
	"reversed" bigint DEFAULT 0 NOT NULL,
	"hold_id" text,
	"via" text,
	"reference" text,
	"metadata" json NOT NULL,
	"answer" json NOT NULL,
	CONSTRAINT "usages_subscription_id_id_pk" PRIMARY KEY("subscription_id","id"),
	CONSTRAINT "usages_credits" CHECK (credits >= 0),
	CONSTRAINT "usages_reversed" CHECK (reversed >= 0 and reversed <= credits)
);
--> statement-breakpoint
CREATE TABLE "wallet_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"ticket_hash" text NOT NULL,
	"subscription_id" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "wallet_sessions_ticket_hash_unique" UNIQUE("ticket_hash")
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"id" text PRIMARY KEY NOT NULL,
	"url" text NOT NULL,
	"description" text,
	"types" text[],
	"secret" text NOT NULL,
	"previous_secret" text,
	"previous_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"disabled_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE INDEX "charges_by_step" ON "charges" USING btree ("subscription_id","step","id");--> statement-breakpoint
CREATE INDEX "commands_by_key" ON "commands" USING btree ("key");--> statement-breakpoint
CREATE INDEX "deliveries_waiting" ON "deliveries" USING btree ("run","created_at","event_id") WHERE started_at is null;--> statement-breakpoint
CREATE INDEX "deliveries_of_endpoint" ON "deliveries" USING btree ("endpoint_id","created_at");--> statement-breakpoint
CREATE INDEX "disputes_by_charge" ON "disputes" USING btree ("subscription_id","charge_id");--> statement-breakpoint
CREATE INDEX "entries_besides_spends" ON "entries" USING btree ("subscription_id","kind","seq") WHERE kind not in ('debit', 'capture');--> statement-breakpoint
CREATE INDEX "entries_of_calendar" ON "entries" USING btree ("subscription_id","effective_at","seq") WHERE kind not in ('debit', 'hold', 'capture', 'reversal') and usage_id is null and hold_id is null;--> statement-breakpoint
CREATE INDEX "entries_given_back" ON "entries" USING btree ("subscription_id","effective_at","seq") WHERE kind not in ('debit', 'hold', 'capture', 'reversal') and not (usage_id is null and hold_id is null);--> statement-breakpoint
CREATE INDEX "events_of_subscription" ON "events" USING btree ("subscription_id","nth");--> statement-breakpoint
CREATE INDEX "events_of_type" ON "events" USING btree ("type","nth");--> statement-breakpoint
CREATE INDEX "events_of_subscription_and_type" ON "events" USING btree ("subscription_id","type","nth");--> statement-breakpoint
CREATE INDEX "events_waiting" ON "events" USING btree ("nth") WHERE relayed_at is null;--> statement-breakpoint
CREATE INDEX "grants_open" ON "grants" USING btree ("subscription_id","expires_at") WHERE open;--> statement-breakpoint
CREATE INDEX "grants_by_making" ON "grants" USING btree ("subscription_id","made");--> statement-breakpoint
CREATE INDEX "grants_open_by_making" ON "grants" USING btree ("subscription_id","made") WHERE open;--> statement-breakpoint
CREATE INDEX "holds_open" ON "holds" USING btree ("subscription_id","deadline") WHERE status = 'held';--> statement-breakpoint
CREATE INDEX "holds_overdue" ON "holds" USING btree ("deadline") WHERE status = 'held' and live;--> statement-breakpoint
CREATE INDEX "inbox_waiting" ON "inbox" USING btree ("id") WHERE relayed_at is null;--> statement-breakpoint
CREATE INDEX "inbox_of_subscription" ON "inbox" USING btree ("subscription_id","id");--> statement-breakpoint
CREATE INDEX "incidents_by_time" ON "incidents" USING btree ("last_at");--> statement-breakpoint
CREATE INDEX "ledgers_workflow_behind" ON "ledgers" USING btree ("subscription_id") WHERE workflow_behind;--> statement-breakpoint
CREATE INDEX "ledgers_notice" ON "ledgers" USING btree ("next_notice") WHERE next_notice is not null and test_clock is null;--> statement-breakpoint
CREATE UNIQUE INDEX "refunds_one_asked" ON "refunds" USING btree ("subscription_id","charge_id") WHERE answer is null;--> statement-breakpoint
CREATE INDEX "stripe_payments_by_id" ON "stripe_payments" USING btree ("stripe_id");--> statement-breakpoint
CREATE UNIQUE INDEX "subscriptions_one_per_customer" ON "subscriptions" USING btree ("customer_id") WHERE status <> 'ended';--> statement-breakpoint
CREATE INDEX "subscriptions_by_customer" ON "subscriptions" USING btree ("customer_id","id");--> statement-breakpoint
CREATE INDEX "subscriptions_by_status" ON "subscriptions" USING btree ("status","id");--> statement-breakpoint
CREATE INDEX "usages_free" ON "usages" USING btree ("subscription_id","at") WHERE credits = 0;--> statement-breakpoint
CREATE INDEX "wallet_sessions_over" ON "wallet_sessions" USING btree ("expires_at");--> statement-breakpoint
-- Room on the page for the next version of a row: a spend then touches no index of these two.
ALTER TABLE "ledgers" SET (fillfactor = 60);--> statement-breakpoint
ALTER TABLE "grants" SET (fillfactor = 70);--> statement-breakpoint
INSERT INTO "secrets" ("name", "value")
VALUES ('wallet_tickets', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
