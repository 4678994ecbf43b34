CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"secret_hash" text NOT NULL,
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
	"currency" text NOT NULL,
	"lines" jsonb NOT NULL,
	"attempts" jsonb NOT NULL,
	"catalog_version" text NOT NULL,
	"step" integer NOT NULL,
	"purchase_id" text,
	"packs" integer NOT NULL,
	"credits" bigint NOT NULL,
	CONSTRAINT "charges_subscription_id_id_pk" PRIMARY KEY("subscription_id","id"),
	CONSTRAINT "charges_status" CHECK (status in ('paid', 'pending', 'declined', 'given_up')),
	CONSTRAINT "charges_refunded" CHECK (refunded_minor >= 0 and refunded_minor <= amount_minor)
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
	CONSTRAINT "entries_subscription_id_seq_pk" PRIMARY KEY("subscription_id","seq"),
	CONSTRAINT "entries_credits" CHECK (credits <> 0),
	CONSTRAINT "entries_balance" CHECK (balance_after >= 0 and balance_after <= 9007199254740991),
	CONSTRAINT "entries_kind" CHECK (kind in ('grant', 'debit', 'hold', 'capture', 'release', 'expiry', 'forfeiture', 'reversal', 'revocation'))
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
	CONSTRAINT "grants_subscription_id_id_pk" PRIMARY KEY("subscription_id","id"),
	CONSTRAINT "grants_one_per_cause" UNIQUE("subscription_id","cause"),
	CONSTRAINT "grants_kind" CHECK (kind in ('allowance', 'pack', 'adjustment')),
	CONSTRAINT "grants_amount" CHECK (amount > 0 and amount <= 9007199254740991),
	CONSTRAINT "grants_remaining" CHECK (remaining >= 0 and held >= 0 and remaining + held <= amount),
	CONSTRAINT "grants_open_while_unused" CHECK (open = (remaining + held > 0)),
	CONSTRAINT "grants_term" CHECK (effective_at < expires_at)
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
CREATE TABLE "ledgers" (
	"subscription_id" text PRIMARY KEY NOT NULL,
	"seq" bigint DEFAULT 0 NOT NULL,
	"balance" bigint DEFAULT 0 NOT NULL,
	"status" text NOT NULL,
	"ends_at" timestamp (3) with time zone,
	"blocked" boolean DEFAULT false NOT NULL,
	"test_clock" timestamp (3) with time zone,
	"step" integer DEFAULT 0 NOT NULL,
	"untold" boolean DEFAULT false NOT NULL,
	"told_at" timestamp (3) with time zone,
	"touched_at" timestamp (3) with time zone
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
	"credits" bigint NOT NULL,
	"lines" jsonb NOT NULL,
	"via" text,
	"reference" text,
	"metadata" jsonb NOT NULL,
	"catalog_version" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"key" text NOT NULL,
	"body_hash" text NOT NULL,
	"answer" json NOT NULL,
	CONSTRAINT "usages_subscription_id_id_pk" PRIMARY KEY("subscription_id","id"),
	CONSTRAINT "usages_one_per_key" UNIQUE("subscription_id","key"),
	CONSTRAINT "usages_credits" CHECK (credits >= 0)
);
--> statement-breakpoint
ALTER TABLE "entries" ADD CONSTRAINT "entries_subscription_id_grant_id_grants_subscription_id_id_fk" FOREIGN KEY ("subscription_id","grant_id") REFERENCES "public"."grants"("subscription_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "charges_by_time" ON "charges" USING btree ("subscription_id","at","step");--> statement-breakpoint
CREATE INDEX "grants_open" ON "grants" USING btree ("subscription_id","expires_at") WHERE open;--> statement-breakpoint
CREATE INDEX "inbox_waiting" ON "inbox" USING btree ("id") WHERE relayed_at is null;--> statement-breakpoint
CREATE INDEX "ledgers_untold" ON "ledgers" USING btree ("subscription_id") WHERE untold;--> statement-breakpoint
CREATE UNIQUE INDEX "subscriptions_one_per_customer" ON "subscriptions" USING btree ("customer_id") WHERE status <> 'ended';--> statement-breakpoint
CREATE INDEX "subscriptions_by_customer" ON "subscriptions" USING btree ("customer_id","id");--> statement-breakpoint
CREATE INDEX "subscriptions_by_status" ON "subscriptions" USING btree ("status","id");