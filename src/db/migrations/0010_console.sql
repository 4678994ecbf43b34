CREATE TABLE "console_sessions" (
	"digest" text PRIMARY KEY NOT NULL,
	"key_id" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "inbox_of_subscription" ON "inbox" USING btree ("subscription_id","id");