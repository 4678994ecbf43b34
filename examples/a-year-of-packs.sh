#!/usr/bin/env bash
# A year in the life of an annual creator with one pack, under a test clock (worked example 1 of docs/rules.md).
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

say 'An annual creator starts on 17 January 2026 and buys a pack.'
sub=$(call 201 POST subscriptions "{\"customer_id\":\"$RUN\",\"plan\":\"creator\",\"interval\":\"year\",
  \"test_clock\":{\"now\":\"2026-01-17T00:00:00Z\"}}" | pick a.id)
call 201 POST "subscriptions/$sub/purchases" '{"packs":1}' |
  pick '`  ${a.credits} credits for ${money(a.charge.amount)}, until ${day(a.grant.expires_at)}`'
expect 'available' "$(call 200 GET "subscriptions/$sub/balance" | pick a.available)" 3800

say 'The clock moves to the renewal, 17 January 2027. These events came by themselves:'
call 200 POST "subscriptions/$sub/advance" '{"to":"2027-01-17T00:00:00Z"}' |
  pick 'a.fired.map((f) => `  ${day(f.at)}  ${f.kind.padEnd(8)}${String(f.credits ?? "").padStart(6)}`).join("\n")'

say 'The charges:'
charges=$(call 200 GET "subscriptions/$sub/charges?order=asc")
pick 'a.data.map((c) => `  ${day(c.at)}  ${c.kind.padEnd(9)} ${money(c.amount).padStart(11)}  ${c.status}`).join("\n")' <<<"$charges"
expect 'the renewal' "$(pick 'money(a.data.at(-1).amount)' <<<"$charges")" 'USD 438.00'

say 'Two packs are open now, one to 17 April 2027 and one to 16 April 2028, and a month of allowance:'
balance=$(call 200 GET "subscriptions/$sub/balance")
pick 'a.expiring.map((e) => `  until ${day(e.at)}  ${String(e.credits).padStart(6)}`).join("\n")' <<<"$balance"
expect 'available' "$(pick a.available <<<"$balance")" 7400

say 'The next four things that will happen:'
call 200 GET "subscriptions/$sub/schedule?limit=4" |
  pick 'a.data.map((s) => `  ${day(s.at)}  ${s.kind.padEnd(8)}${String(s.credits ?? "").padStart(6)}  ${s.rule}`).join("\n")'
