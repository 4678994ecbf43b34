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
ALTER TABLE "charges" DROP CONSTRAINT "charges_status";--> statement-breakpoint
ALTER TABLE "charges" ADD COLUMN "owed_minor" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "charges" ADD COLUMN "owed_returned_minor" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "top_up_refunds" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "incidents_by_time" ON "incidents" USING btree ("last_at");--> statement-breakpoint
ALTER TABLE "charges" ADD CONSTRAINT "charges_owed" CHECK (owed_returned_minor >= 0 and owed_returned_minor <= owed_minor);--> statement-breakpoint
ALTER TABLE "charges" ADD CONSTRAINT "charges_status" CHECK (status in ('paid', 'pending', 'declined', 'given_up', 'refunded'));