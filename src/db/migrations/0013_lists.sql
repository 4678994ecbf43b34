DROP INDEX "charges_by_time";--> statement-breakpoint
CREATE INDEX "charges_by_step" ON "charges" USING btree ("subscription_id","step","id");--> statement-breakpoint
CREATE INDEX "commands_by_key" ON "commands" USING btree ("key");--> statement-breakpoint
CREATE INDEX "entries_besides_spends" ON "entries" USING btree ("subscription_id","seq") WHERE kind not in ('debit', 'capture');--> statement-breakpoint
CREATE INDEX "entries_of_calendar" ON "entries" USING btree ("subscription_id","effective_at","seq") WHERE kind not in ('debit', 'hold', 'capture', 'reversal') and usage_id is null and hold_id is null;--> statement-breakpoint
CREATE INDEX "entries_given_back" ON "entries" USING btree ("subscription_id","effective_at","seq") WHERE kind not in ('debit', 'hold', 'capture', 'reversal') and not (usage_id is null and hold_id is null);--> statement-breakpoint
CREATE INDEX "events_of_type" ON "events" USING btree ("type","nth");--> statement-breakpoint
CREATE INDEX "events_of_subscription_and_type" ON "events" USING btree ("subscription_id","type","nth");--> statement-breakpoint
CREATE INDEX "grants_by_making" ON "grants" USING btree ("subscription_id","made");--> statement-breakpoint
CREATE INDEX "grants_open_by_making" ON "grants" USING btree ("subscription_id","made") WHERE open;--> statement-breakpoint
CREATE INDEX "usages_free" ON "usages" USING btree ("subscription_id","at") WHERE credits = 0;