CREATE TABLE "stripe_customers" (
	"customer_id" text PRIMARY KEY NOT NULL,
	"stripe_id" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "stripe_payments" (
	"subscription_id" text NOT NULL,
	"charge_id" text NOT NULL,
	"attempt" integer NOT NULL,
	"stripe_id" text NOT NULL,
	CONSTRAINT "stripe_payments_subscription_id_charge_id_attempt_pk" PRIMARY KEY("subscription_id","charge_id","attempt")
);
