CREATE TABLE "seals" (
	"subscription_id" text PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL,
	"entries_head" text NOT NULL,
	"step" integer NOT NULL,
	"steps_head" text NOT NULL,
	"event" bigint NOT NULL,
	"events_head" text NOT NULL,
	"sealed_at" timestamp (3) with time zone NOT NULL
);
