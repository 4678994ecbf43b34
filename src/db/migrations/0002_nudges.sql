ALTER TABLE "ledgers" ADD COLUMN "nudge_now" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "ledgers_nudge_now" ON "ledgers" USING btree ("subscription_id") WHERE nudge_now;