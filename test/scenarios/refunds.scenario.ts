// refunds of purchases and disputes, the credits they take back, and their effect on the add-on.
export default `
R-81   a refund takes back what is unused, in proportion to all that was refunded, rounded down
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok
2026-04-20  buy 2                          200   600     3000  ok add_on 2
2026-04-21  refund 1000                    200   400        0  ok revoked 200 unrecoverable 0 money 1000 left_on 2
2026-04-21  refund 7                       200   399        0  ok revoked 1 unrecoverable 0 money 7 left_on 2
2026-04-21  refund 1994                    200   399        0  invalid_request pointer /amount_minor
2026-04-22  refund                         200     0        0  ok revoked 399 unrecoverable 0 money 1993 left_on 0 refunded 3000
2026-04-22  refund                         200     0        0  invalid_request pointer /amount_minor
2026-04-22  look                           200     0        0  ok add_on 0 bill 2900
2026-05-17  look                           200     0     2900  ok

R-81   what was spent can't be taken: it is reported, and owed by what comes back
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok
2026-04-21  use generate_look 400            0   100  ok
2026-04-22  refund 750                       0     0  ok revoked 100 unrecoverable 50
2026-04-22  use generate_look 1              0     0  insufficient_credits available 0
2026-04-23  reverse                        200   150  ok restored 350 revoked_at_once 50
2026-04-23  refunded 750                   200   150  ok refunded 750
2026-04-24  refund                         200     0  ok revoked 150 unrecoverable 0

R-81 R-80   a spent pack is refunded, then its usage is reversed: nothing that was paid back can be spent
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok
2026-04-21  use generate_look 500            0     0  ok
2026-04-22  refund                           0     0  ok revoked 0 unrecoverable 300
2026-04-23  reverse                        200     0  ok restored 200 revoked_at_once 300
2026-04-23  use generate_look 201          200     0  insufficient_credits available 200

R-81 R-80   reversed part by part: what is owed goes first
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok
2026-04-21  use generate_look 500            0     0  ok
2026-04-22  refund 500                       0     0  ok revoked 0 unrecoverable 100
2026-04-23  reverse 60                       0     0  ok restored 0 revoked_at_once 60
2026-04-23  reverse 60                       0    20  ok restored 20 revoked_at_once 40
2026-04-23  reverse                        200   200  ok restored 380 revoked_at_once 0

R-81 R-71   of 150 that a release brings back 100 are owed: 50 can be spent
at          do                       allowance  pack  held  outcome
2026-04-17  subscribe creator month        200     0     0  ok
2026-04-20  buy 1                          200   300     0  ok
2026-04-20  hold generate_look 350           0   150   350  ok
2026-04-20  refund 1250                      0     0   350  ok revoked 150 unrecoverable 100
2026-04-20  release                        200    50     0  ok booked release:200,release:150,revocation:-100

R-81 R-71   a capture of part: the rest that comes back is owed
at          do                       allowance  pack  held  outcome
2026-04-17  subscribe creator month        200     0     0  ok
2026-04-20  buy 1                          200   300     0  ok
2026-04-20  hold generate_look 350           0   150   350  ok
2026-04-20  refund 1250                      0     0   350  ok revoked 150 unrecoverable 100
2026-04-20  capture 210                      0    40     0  ok captured 210

R-81 R-72   a hold's deadline: what comes back by itself is owed like all else
at                 do                               allowance  pack  held  outcome
2026-04-17         subscribe creator month                200     0     0  ok
2026-04-20         buy 1                                  200   300     0  ok
2026-04-20         hold generate_look 350 for 3600          0   150   350  ok
2026-04-20         refund 1250                              0     0   350  ok revoked 150 unrecoverable 100
2026-04-20T01:00Z  look                                   200    50     0  ok

R-81   a dispute that is won owes nothing any more
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok
2026-04-21  use generate_look 500            0     0  ok
2026-04-21  dispute a open 1500              0     0  ok
2026-04-22  reverse 100                      0     0  ok restored 0 revoked_at_once 100
2026-04-23  dispute a won 1500               0   100  ok
2026-04-23  reverse                        200   300  ok restored 400 revoked_at_once 0

R-81 R-70   what a hold sets aside is not unused: given back later, it goes to the refund
at          do                       allowance  pack  held  outcome
2026-04-17  subscribe creator month        200     0     0  ok
2026-04-20  buy 1                          200   300     0  ok
2026-04-20  hold generate_look 350           0   150   350  ok
2026-04-20  refund                           0     0   350  ok revoked 150 unrecoverable 150 left_on 0
2026-04-20  release                        200     0     0  ok
2026-04-20  refunded 1500                  200     0     0  ok refunded 1500

R-81   of two purchases only the one that is refunded gives
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok
2026-04-21  buy 2                          200   900  ok add_on 3
2026-04-21  use generate_look 400            0   700  ok
2026-04-22  refund oldest                    0   600  ok revoked 100 unrecoverable 200 left_on 2
2026-04-22  refund                           0     0  ok revoked 600 unrecoverable 0 left_on 0

R-81   what billing itself says is the sum so far: the highest counts, whenever it comes
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok
2026-04-21  refunded 1000                  200   100  ok refunded 1000
2026-04-21  refunded 500                   200   100  ok refunded 1000
2026-04-21  refunded 1000                  200   100  ok refunded 1000
2026-04-21  refund 200                     200    60  ok revoked 40
2026-04-21  refunded 1200                  200    60  ok refunded 1200 add_on 1
2026-04-21  refunded 9999                  200     0  ok refunded 1500 add_on 0

R-81   a dispute is a refund of its amount, and undone when it is won
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok
2026-04-21  dispute a open 750             200   150  ok refunded 750 add_on 1
2026-04-21  dispute a open 750             200   150  ok refunded 750
2026-06-01  dispute a won 750              200   600  ok refunded 0 pack_until 2026-09-15
2026-06-01  dispute a open 750             200   600  ok refunded 0

R-81   a dispute that is over before it was heard of
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok
2026-04-21  dispute a won 750              200   300  ok refunded 0
2026-04-21  dispute a open 750             200   300  ok refunded 0
2026-04-22  dispute b lost 750             200   150  ok refunded 750
2026-04-22  dispute b open 750             200   150  ok refunded 750

R-81 R-33   a dispute of the whole lowers the add-on; won, it is as it was
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 2                          200   600  ok add_on 2 bill 5900
2026-04-21  dispute a open 3000            200     0  ok add_on 0 bill 2900
2026-04-22  dispute a won 3000             200   600  ok add_on 2 bill 5900
2026-04-23  dispute b open 3000            200     0  ok add_on 0
2026-04-23  add_on 0                       200     0  ok add_on 0
2026-04-24  dispute b won 3000             200   600  ok add_on 0 bill 2900

R-81   refund and dispute together never pass the price
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok
2026-04-21  refund 1000                    200   100  ok revoked 200
2026-04-21  dispute a open 1500            200     0  ok refunded 1500 add_on 0
2026-04-21  refund 1                       200     0  invalid_request pointer /amount_minor
2026-04-22  dispute a won 1500             200   100  ok refunded 1000 add_on 1
2026-04-22  refund                         200     0  ok revoked 100 money 500 left_on 0

R-81 R-33   the add-on is lowered by what is left of it, never below 0
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 2                          200   600  ok add_on 2
2026-04-20  add_on 1                       200   600  ok add_on 1
2026-04-21  refund                         200     0  ok revoked 600 left_on 0

R-81   won after the grant's own expiry: what comes back expires at once
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok expires 2026-08-15
2026-04-20  add_on 0                       200   300  ok
2026-08-14  dispute a open 1500            200     0  ok
2026-08-15  dispute a won 1500             200     0  ok booked reversal:300,expiry:-300

R-81 R-52   after the end refunds go on, and nothing they give back can be spent
at          do                       allowance  pack  status  outcome
2026-04-17  subscribe creator month        200     0  active  ok
2026-04-20  buy 1                          200   300  active  ok
2026-04-21  dispute a open 750             200   150  active  ok
2026-04-22  cancel now                       0     0  ended   ok
2026-04-23  dispute a won 750                0     0  ended   ok booked reversal:150,forfeiture:-150
2026-04-23  refund                           0     0  ended   ok revoked 0 unrecoverable 300 left_on 0 refunded 1500

R-81 R-45   refunded while past due: the open renewal is what it was, the next has no pack
at          do                       allowance  pack  charged  status    outcome
2026-04-17  subscribe creator month        200     0     2900  active    ok
2026-04-20  buy 1                          200   300     1500  active    ok
2026-04-21  method sandbox_declined        200   300        0  active    ok
2026-05-17  look                             0   300        0  past_due  ok
2026-05-17  refund                           0     0        0  past_due  ok revoked 300 left_on 0
2026-05-17  method sandbox_ok              200   300     4400  active    ok add_on 0 bill 2900
`;
