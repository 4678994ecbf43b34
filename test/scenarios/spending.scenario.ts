// Section G and R-82: the order, all or nothing, the refusal that helps, repeats.
export default `
R-60 R-61   worked example 3: creator with a pack spends down to a refusal
at          do                               allowance  pack  outcome
2026-04-17  subscribe creator month                200     0  ok
2026-04-17  buy 1                                  200   300  ok
2026-04-18  use avatar_iv 90, add_motion 10         70   300  ok credits 130 burned allowance:130
2026-04-18  use video_asset 20                       0    70  ok burned allowance:70,pack:230
2026-04-18  use video_asset 5                        0    70  insufficient_credits needed 75 available 70 shortfall 5 packs 1 price 1500

R-60   the allowance first, even where a pack dies sooner
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-17  buy 1                          200   300  ok expires 2026-08-15
2026-04-18  add_on 0                       200   300  ok
2026-08-14  use generate_look 150           50   300  ok burned allowance:150
2026-08-14  use generate_look 100            0   250  ok burned allowance:50,pack:50
2026-08-15  look                             0     0  ok

R-60   packs and adjustments together: the first to die, then the first to live, then the first made
at          do                          allowance  pack  adjustment  outcome
2026-04-17  subscribe creator month           200     0           0  ok
2026-04-17  use generate_look 200               0     0           0  ok
2026-04-17  buy 1                               0   300           0  ok expires 2026-08-15
2026-04-17  grant 100 until 2026-06-01          0   300         100  ok
2026-04-17  grant 100 until 2026-12-31          0   300         200  ok
2026-04-17  grant 100 until 2026-08-15          0   300         300  ok
2026-04-18  buy 1                               0   600         300  ok expires 2026-08-15
2026-04-18  use generate_look 50                0   600         250  ok burned adjustment:50
2026-04-18  use generate_look 350               0   300         200  ok burned adjustment:50,pack:300
2026-04-18  use generate_look 150               0   250         100  ok burned adjustment:100,pack:50
2026-04-18  use generate_look 300               0     0          50  ok burned pack:250,adjustment:50

R-60   of two allowances the older first
at          do                       allowance  outcome
2026-02-17  subscribe creator month        200  ok
2026-03-18  use generate_look 150          250  ok burned allowance:150
2026-03-18  use generate_look 60           190  ok burned allowance:50,allowance:10
2026-03-19  look                           190  ok

R-61   all or nothing, however many lines
at          do                                                     allowance  outcome
2026-04-17  subscribe creator month                                      200  ok
2026-04-17  use generate_look 150, add_motion 4, generate_look 11        200  insufficient_credits needed 201 available 200 shortfall 1
2026-04-17  use generate_look 150, teleport 1                            200  unknown_feature
2026-04-17  use generate_look 150, add_motion 4, generate_look 10          0  ok credits 200
2026-04-17  use generate_look 1                                            0  insufficient_credits shortfall 1 next 2026-05-17 brings 200 packs 1 price 1500

R-61   the packs that would cover it, up to a hundred
at          do                               allowance  outcome
2026-04-17  subscribe creator month                200  ok
2026-04-17  use video_agent 1 credits 500          200  insufficient_credits shortfall 300 packs 1 price 1500 offer_until 2026-08-15
2026-04-17  use video_agent 1 credits 501          200  insufficient_credits shortfall 301 packs 2 price 3000
2026-04-17  use video_agent 1 credits 30200        200  insufficient_credits shortfall 30000 packs 100 price 150000
2026-04-17  use video_agent 1 credits 30201        200  insufficient_credits shortfall 30001 packs none contact pack_limit
2026-04-17  quote video_agent 1 credits 501        200  ok credits 501 available 200 packs 2 price 3000
2026-04-17  quote avatar_iv 61                     200  ok credits 21 available 200

R-61   the offer on an annual plan is an annual pack
at          do                              allowance  pack  outcome
2026-04-17  subscribe creator year                200     0  ok
2026-04-17  use video_agent 1 credits 3900        200     0  insufficient_credits shortfall 3700 packs 2 price 30000 next 2026-05-17 brings 200 offer_until 2027-07-16
2026-04-17  buy 2                                 200  7200  ok
2026-04-17  use video_agent 1 credits 3900          0  3500  ok

R-61 R-54   the next refresh brings what a scheduled downgrade will bring
at          do                      allowance  outcome
2026-04-17  subscribe pro month          2000  ok
2026-04-18  use generate_look 2001       2000  insufficient_credits next 2026-05-17 brings 2000
2026-04-18  change creator month         2000  ok
2026-04-18  use generate_look 2001       2000  insufficient_credits next 2026-05-17 brings 200

R-62   a feature that costs nothing needs a live subscription, not a balance
at          do                                allowance  status    outcome
2026-04-17  subscribe creator month                 200  active    ok
2026-04-17  use generate_look 200                     0  active    ok
2026-04-17  use video_translation_audio 3600          0  active    ok credits 0 burned nothing
2026-04-17  method sandbox_declined                   0  active    ok
2026-05-17  use video_translation_audio 3600          0  past_due  ok credits 0
2026-05-18  cancel now                                0  ended     ok
2026-05-18  use video_translation_audio 3600          0  ended     subscription_not_active

R-63   never negative, whole numbers only, up to 2^53-1
at          do                                                           allowance        adjustment  outcome
2026-04-17  subscribe enterprise month allowance 1                               1                 0  ok
2026-04-17  grant 9000000000000000 until 2027-01-01                              1  9000000000000000  ok
2026-04-17  grant 7000000000000 until 2027-01-01                                 1  9000000000000000  invalid_request pointer /credits
2026-04-17  use video_agent 1 credits 9000000000000002                           1  9000000000000000  insufficient_credits shortfall 1
2026-04-17  use video_agent 1 credits 9007199254740991, generate_look 1          1  9000000000000000  invalid_request pointer /items
2026-04-17  use video_agent 1 credits 9007199254740992                           1  9000000000000000  invalid_request pointer /items/0/credits
2026-04-17  use video_agent 1 credits 9000000000000001                           0                 0  ok burned allowance:1,adjustment:9000000000000000
2026-04-17  use generate_look 1                                                  0                 0  insufficient_credits available 0

R-64   one request, one entry a grant it took from
at          do                                   allowance  pack  adjustment  outcome
2026-02-17  subscribe creator month                    200     0           0  ok
2026-03-17  look                                       400     0           0  ok
2026-03-17  buy 1                                      400   300           0  ok
2026-03-17  grant 10 until 2026-03-20                  400   300          10  ok
2026-03-18  use generate_look 411, add_motion 1          0   289           0  ok credits 421 burned allowance:200,allowance:200,adjustment:10,pack:11

R-65   the same key and body: one effect, the same answer  stack
at          do                          allowance  pack  charged  outcome
2026-04-17  subscribe creator month           200     0     2900  ok
2026-04-17  use generate_look 10              190     0        0  ok
2026-04-17  again                             190     0        0  ok replayed yes same yes
2026-04-17  again use generate_look 11        190     0        0  idempotency_key_reused
2026-04-17  buy 1                             190   300     1500  ok
2026-04-17  again                             190   300        0  ok replayed yes same yes
2026-04-17  again buy 2                       190   300        0  idempotency_key_reused
2026-05-16  again buy 1                       190   300        0  ok
2026-06-17  again use generate_look 10        200   900     8800  ok

R-65   after a refusal the same key runs: buy a pack, repeat the request  stack
at          do                           allowance  pack  charged  outcome
2026-04-17  subscribe creator month            200     0     2900  ok
2026-04-17  use generate_look 250              200     0        0  insufficient_credits shortfall 50
2026-04-17  buy 1                              200   300     1500  ok
2026-04-17  again use generate_look 250          0   250        0  ok
2026-04-17  again                                0   250        0  ok replayed yes same yes
2026-04-17  again use generate_look 251          0   250        0  idempotency_key_reused

R-65   a start is repeated with its key: one subscription, one charge  stack
at          do                         allowance  charged  outcome
2026-04-17  subscribe creator month          200     2900  ok
2026-04-17  again                            200        0  ok replayed yes same yes
2026-04-17  again subscribe pro month        200        0  idempotency_key_reused

R-65   wrong members are named, and change nothing  stack
at          do                                                                              allowance  outcome
2026-04-17  subscribe creator month                                                               200  ok
2026-04-17  send POST usage {"items":[]}                                                          200  invalid_request pointer /items
2026-04-17  send POST usage {"items":[{"feature":"generate_look","quantity":"1"}]}                200  invalid_request pointer /items/0/quantity
2026-04-17  send POST usage {"items":[{"feature":"generate_look","quantity":1}],"extra":1}        200  invalid_request pointer /extra
2026-04-17  send POST cancel {"at":"tomorrow"}                                                    200  invalid_request pointer /at

R-82 R-36   an operator revokes what is unused of an adjustment
at          do                                        allowance  adjustment  outcome
2026-04-17  subscribe enterprise month allowance 100        100           0  ok
2026-04-17  grant 500 until 2027-01-01                      100         500  ok
2026-04-18  use generate_look 300                             0         300  ok
2026-04-18  revoke                                            0           0  ok revoked 300
2026-04-18  use generate_look 1                               0           0  insufficient_credits available 0
2026-05-17  look                                            100           0  ok

R-82   goodwill credits: granted, expired, revoked
at          do                                allowance  adjustment  outcome
2026-04-17  subscribe creator month                 200           0  ok
2026-04-17  grant 100 until 2026-04-20              200         100  ok adjustment_until 2026-04-20
2026-04-17  grant 70 until 2026-04-16               200         100  invalid_request pointer /expires_at
2026-04-20  look                                    200           0  ok
2026-04-20  grant 70 until 2026-05-01T12:00Z        200          70  ok
2026-04-21  revoke                                  200           0  ok revoked 70

R-83 R-60   an adjustment without an end burns last, and lives through the cycles
at          do                         allowance  pack  adjustment  outcome
2026-04-17  subscribe creator month          200     0           0  ok
2026-04-17  grant 40                         200     0          40  ok adjustment_until none
2026-04-17  buy 1                            200   300          40  ok pack_until 2026-08-15
2026-04-17  grant 30 until 2026-04-20        200   300          70  ok adjustment_until 2026-04-20
2026-04-18  use generate_look 210              0   300          60  ok burned allowance:200,adjustment:10
2026-04-19  use generate_look 330              0     0          30  ok burned adjustment:20,pack:300,adjustment:10
2026-05-17  look                             200   300          30  ok adjustment_until 2026-04-20
2027-05-17  use generate_look 1              199  1500          30  ok burned allowance:1

R-83 R-50   it is dated once an end is scheduled, undated again by a resume, and forfeited at the end
at                        do                       allowance  adjustment  status  outcome
2026-04-17                subscribe creator month        200           0  active  ok
2026-04-17                grant 40                       200          40  active  ok expires none
2026-04-20                cancel                         200          40  active  ok expires 2026-05-17 at_risk 40
2026-04-21                resume                         200          40  active  ok expires none
2026-05-20                cancel                         200          40  active  ok adjustment_until 2026-06-17
2026-06-16T23:59:59.999Z  look                             0          40  active  ok
2026-06-17                look                             0           0  ended   ok adjustment_until 2026-06-17

R-83 R-82   it is revoked like any other
at          do                       allowance  adjustment  outcome
2026-04-17  subscribe creator month        200           0  ok
2026-04-17  grant 40                       200          40  ok
2026-04-18  use generate_look 210            0          30  ok burned allowance:200,adjustment:10
2026-04-18  revoke                           0           0  ok revoked 30

R-83 R-73   a hold of it outlives the end, and its credits are forfeited when they return
at          do                            allowance  adjustment  held  status  outcome
2026-04-17  subscribe creator month             200           0     0  active  ok
2026-04-17  grant 40                            200          40     0  active  ok
2026-04-17  hold generate_look 220                0          20   220  active  ok
2026-04-17  cancel now                            0           0   220  ended   ok
2026-04-17  release                               0           0     0  ended   ok booked release:200,forfeiture:-200,release:20,forfeiture:-20
`;
