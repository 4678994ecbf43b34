CREATE TABLE "deliveries" (
	"event_id" text NOT NULL,
	"endpoint_id" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"response_status" integer,
	"failure" text,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "deliveries_event_id_endpoint_id_pk" PRIMARY KEY("event_id","endpoint_id"),
	CONSTRAINT "deliveries_status" CHECK (status in ('pending', 'delivered', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "events" (
	"nth" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_nth_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"id" text NOT NULL,
	"subscription_id" text NOT NULL,
	"type" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"data" jsonb NOT NULL,
	"recorded_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"claimed_until" timestamp (3) with time zone,
	"relayed_at" timestamp (3) with time zone,
	CONSTRAINT "events_id" UNIQUE("id")
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
ALTER TABLE "grants" ADD COLUMN "notice_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "low_below" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "level" text DEFAULT 'enough' NOT NULL;--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "next_notice" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "deliveries_of_endpoint" ON "deliveries" USING btree ("endpoint_id","created_at");--> statement-breakpoint
CREATE INDEX "events_of_subscription" ON "events" USING btree ("subscription_id","nth");--> statement-breakpoint
CREATE INDEX "events_waiting" ON "events" USING btree ("nth") WHERE relayed_at is null;--> statement-breakpoint
CREATE INDEX "ledgers_notice" ON "ledgers" USING btree ("next_notice") WHERE next_notice is not null and test_clock is null;--> statement-breakpoint
ALTER TABLE "ledgers" ADD CONSTRAINT "ledgers_level" CHECK (level in ('enough', 'low', 'exhausted'));--> statement-breakpoint
-- Says what happened, in the statement that makes it happen. Ids sort by their making, roughly; `nth` orders them exactly.
create function tell(p_sub text, p_type text, p_at timestamptz, p_data jsonb) returns void language sql as $$
  insert into events (id, subscription_id, type, at, data)
  values ('evt_' || lpad(to_hex(ms(clock_timestamp())), 11, '0') || left(replace(gen_random_uuid()::text, '-', ''), 15), p_sub, p_type, p_at,
    jsonb_strip_nulls(p_data))
$$;
