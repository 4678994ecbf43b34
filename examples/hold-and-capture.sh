#!/usr/bin/env bash
# A job of unknown cost: hold its largest cost, capture its real one; reverse a job that failed (R-70 to R-80).
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

say 'A monthly creator has 200 credits. A video agent may need 120 of them: held for half an hour.'
sub=$(call 201 POST subscriptions "{\"customer_id\":\"$RUN\",\"plan\":\"creator\",\"interval\":\"month\",
  \"test_clock\":{\"now\":\"2026-04-17T00:00:00Z\"}}" | pick a.id)
job='{"items":[{"feature":"video_agent","quantity":1,"credits":120}],"expires_in_seconds":1800,"reference":"job-1"}'
held=$(call 201 POST "subscriptions/$sub/holds" "$job" 'job-1')
pick '`  ${a.status}: ${a.credits} until ${a.deadline}\n  left: ${a.balance.available}`' <<<"$held"
hold=$(pick a.id <<<"$held")

say 'Meanwhile somebody wants six video assets, 90 credits. The held credits are not theirs.'
assets='{"items":[{"feature":"video_asset","quantity":6}],"reference":"job-2"}'
refusal=$(call 402 POST "subscriptions/$sub/usage" "$assets" 'job-2')
pick '`  ${a.code}: ${a.detail} ${a.held} are held.`' <<<"$refusal"
expect 'the shortfall' "$(pick a.shortfall <<<"$refusal")" 10

say 'The job is done and took 75. The rest is free again, and the other request goes through.'
captured=$(call 200 POST "subscriptions/$sub/holds/$hold/capture" '{"credits":75}' 'job-1-done')
pick '`  captured ${a.captured}, released ${a.released}\n  left: ${a.balance.available}`' <<<"$captured"
used=$(call 201 POST "subscriptions/$sub/usage" "$assets" 'job-2')
pick '`  spent ${a.credits}\n  left: ${a.balance.available}`' <<<"$used"

say 'Once more the same capture: the same answer. Releasing it now is too late.'
expect 'the replay' "$(call 200 POST "subscriptions/$sub/holds/$hold/capture" '{"credits":75}' 'job-1-done')" "$captured"
call 409 POST "subscriptions/$sub/holds/$hold/release" | pick '`  ${a.code}`'

say 'Two of the six assets failed: their 30 credits go back where they came from.'
call 200 POST "subscriptions/$sub/usage/$(pick a.id <<<"$used")/reverse" '{"credits":30,"reason":"two of six failed"}' 'job-2-failed' |
  pick '`  restored ${a.restored}`'

say 'The rest, and the entries behind it:'
call 200 GET "subscriptions/$sub/entries?order=asc" |
  pick 'a.data.map((e) => `  ${e.kind.padEnd(8)}${String(e.credits).padStart(6)}${String(e.balance_after).padStart(6)}`).join("\n")'
balance=$(call 200 GET "subscriptions/$sub/balance")
expect 'available' "$(pick a.available <<<"$balance")" 65
expect 'held' "$(pick a.held <<<"$balance")" 0
