#!/usr/bin/env bash
# Out of credits: the refusal names the offer that would help. Buy it, and send the same request with the same key again.
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

say 'A monthly creator has 200 credits and wants 20 video assets, 15 credits each.'
sub=$(call 201 POST subscriptions "{\"customer_id\":\"$RUN\",\"plan\":\"creator\",\"interval\":\"month\",
  \"test_clock\":{\"now\":\"2026-04-17T00:00:00Z\"}}" | pick a.id)
job='{"items":[{"feature":"video_asset","quantity":20}],"reference":"job-1"}'
refusal=$(call 402 POST "subscriptions/$sub/usage" "$job" 'job-1')
pick '`  ${a.code}: ${a.detail}\n  ${a.next_refresh.credits} come on ${day(a.next_refresh.at)}`' <<<"$refusal"
pick '`  offer: ${a.offer.packs} pack, ${a.offer.credits} credits, ${money(a.offer.price)}, until ${day(a.offer.expires_at)}`' <<<"$refusal"
expect 'nothing was taken' "$(call 200 GET "subscriptions/$sub/balance" | pick a.available)" 200

say 'Buy the offered packs.'
packs=$(pick a.offer.packs <<<"$refusal")
call 201 POST "subscriptions/$sub/purchases" "{\"packs\":$packs}" | pick '`  ${a.status}: ${a.credits} credits`'

say 'The same request, the same key.'
used=$(call 201 POST "subscriptions/$sub/usage" "$job" 'job-1')
pick 'a.debits.map((d) => `  ${d.credits} from the ${d.kind}`).join("\n") + `\n  left: ${a.balance.available}`' <<<"$used"
expect 'left' "$(pick a.balance.available <<<"$used")" 200

say 'Once more: the same answer, and nothing is spent twice.'
expect 'the replay' "$(call 201 POST "subscriptions/$sub/usage" "$job" 'job-1')" "$used"
expect 'still left' "$(call 200 GET "subscriptions/$sub/balance" | pick a.available)" 200
echo '  200 credits left'
