DROP INDEX "entries_besides_spends";--> statement-breakpoint
CREATE INDEX "entries_besides_spends" ON "entries" USING btree ("subscription_id","kind","seq") WHERE kind not in ('debit', 'capture');