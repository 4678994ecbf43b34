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
