ALTER TABLE "ledgers" ADD COLUMN "nudge_now" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "wakes_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "ledgers_nudge_now" ON "ledgers" USING btree ("subscription_id") WHERE nudge_now;--> statement-breakpoint
-- The expiry of a grant is an instant of its own now: the last of its notices.
UPDATE "grants" g SET "notice_at" = least(g."expires_at", l."ends_at") FROM "ledgers" l
WHERE l."subscription_id" = g."subscription_id" AND g."open" AND g."taken" IS NULL AND g."notice_at" IS NULL;--> statement-breakpoint
UPDATE "ledgers" l SET "next_notice" = least(l."next_notice", g."notice_at")
FROM (SELECT "subscription_id", min("notice_at") AS "notice_at" FROM "grants" GROUP BY "subscription_id") g
WHERE g."subscription_id" = l."subscription_id";
