#!/usr/bin/env bash
# A renewal is declined, tried again, and saved by another payment method; its credits are dated at the boundary (R-41).
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

say 'A monthly creator from 17 January, whose card stops working on 10 February.'
sub=$(call 201 POST subscriptions "{\"customer_id\":\"$RUN\",\"plan\":\"creator\",\"interval\":\"month\",
  \"test_clock\":{\"now\":\"2026-01-17T00:00:00Z\"}}" | pick a.id)
call 200 POST "subscriptions/$sub/advance" '{"to":"2026-02-10T00:00:00Z"}' >/dev/null
call 200 PUT "subscriptions/$sub/payment_method" '{"payment_method":"sandbox_declined"}' | pick '`  ${a.status}`'

say 'On 21 February the renewal of the 17th is unpaid.'
call 200 POST "subscriptions/$sub/advance" '{"to":"2026-02-21T00:00:00Z"}' >/dev/null
expect 'status' "$(call 200 GET "subscriptions/$sub" | pick a.status)" past_due
call 200 GET "subscriptions/$sub/charges?limit=1" |
  pick 'a.data[0].attempts.map((t) => `  ${day(t.at)}  ${t.outcome}`).join("\n")'
call 409 POST "subscriptions/$sub/purchases" '{"packs":1}' | pick '`  buying a pack: ${a.code}`'

say 'Another payment method: the open charge is tried at once.'
expect 'status' "$(call 200 PUT "subscriptions/$sub/payment_method" '{"payment_method":"sandbox_ok"}' | pick a.status)" active
grant=$(call 200 GET "subscriptions/$sub/grants?limit=1")
pick '`  active; ${a.data[0].amount} credits from ${day(a.data[0].effective_at)} until ${day(a.data[0].expires_at)}`' <<<"$grant"
expect 'dated at the boundary' "$(pick 'day(a.data[0].effective_at)' <<<"$grant")" 2026-02-17
