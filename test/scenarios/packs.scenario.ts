// Section D: packs, the add-on, and who can't buy.
export default `
R-30 R-32   creator 2,900 and one pack 1,500: the next renewal is 4,400
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok bill 2900
2026-04-20  buy 1                          200   300     1500  ok add_on 1 bill 4400
2026-05-17  look                           200   600     4400  ok pack_from 2026-05-17 pack_until 2026-09-15
2026-06-17  look                           200   900     4400  ok

R-30   packs bought twice in a cycle are two grants and one add-on
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok grants 1
2026-04-20  buy 1                          200   300     1500  ok add_on 1 grants 2
2026-04-21  buy 2                          200   900     3000  ok add_on 3 grants 3
2026-05-17  look                           200  1800     7400  ok grants 5 pack_amount 900

R-31   the expiry is fixed when the grant is made, whatever becomes of the plan
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-20  buy 1                          200   300  ok expires 2026-08-15
2026-04-20  add_on 0                       200   300  ok
2026-04-25  change pro year               2200   300  ok renewal 2027-04-25 pack_until 2026-08-15
2026-08-14  look                          2000   300  ok
2026-08-15  look                          2000     0  ok

R-31   on an annual plan the next renewal is the yearly one
at          do                      allowance  pack  outcome
2026-04-17  subscribe creator year        200     0  ok
2027-04-16  buy 1                           0  3600  ok expires 2027-07-16
2027-04-17  look                          200  7200  ok pack_until 2028-07-16

R-31   bought a millisecond before the renewal, and at it
at                        do                       allowance  pack  charged  outcome
2026-04-17                subscribe creator month        200     0     2900  ok
2026-05-16T23:59:59.999Z  buy 1                          200   300     1500  ok expires 2026-08-15
2026-05-16T23:59:59.999Z  add_on 0                       200   300        0  ok
2026-05-17                buy 1                          200   600     4400  ok expires 2026-09-15 add_on 1

R-33   removed before the renewal: not charged, not delivered, and what was delivered stays
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok
2026-04-20  buy 3                          200   900     4500  ok bill 7400
2026-04-21  add_on 1                       200   900        0  ok add_on 1 bill 4400
2026-04-21  add_on 1                       200   900        0  ok add_on 1
2026-05-17  look                           200  1200     4400  ok
2026-05-18  add_on 0                       200  1200        0  ok bill 2900
2026-06-17  look                           200  1200     2900  ok
2026-08-15  look                           200   300     2900  ok

R-33   an add-on is lowered here and raised by buying
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok
2026-04-17  add_on 1                       200     0        0  invalid_request pointer /packs
2026-04-17  buy 1                          200   300     1500  ok
2026-04-17  add_on 2                       200   300        0  invalid_request pointer /packs
2026-04-17  add_on -1                      200   300        0  invalid_request pointer /packs
2026-04-17  add_on 0                       200   300        0  ok add_on 0
2026-04-17  add_on 0                       200   300        0  ok add_on 0

R-34   annual plans take annual packs, monthly plans monthly ones
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok
2026-04-17  buy 1 interval year            200     0        0  pack_not_offered
2026-04-17  buy 1 interval month           200   300     1500  ok
2026-04-18  change creator year            400   300    28800  ok add_on 0
2026-04-18  buy 1 interval month           400   300        0  pack_not_offered
2026-04-18  buy 1 interval year            400  3900    15000  ok

R-35   a declined payment grants nothing and changes nothing
at          do                             allowance  pack  charged  outcome
2026-04-17  subscribe creator month              200     0     2900  ok
2026-04-18  buy 1 method sandbox_declined        200     0        0  payment_declined
2026-04-18  look                                 200     0        0  ok add_on 0 bill 2900 status active
2026-04-18  buy 1                                200   300     1500  ok add_on 1
2026-04-19  method sandbox_declined              200   300        0  ok
2026-04-19  change pro month                     200   300        0  payment_declined
2026-04-19  look                                 200   300        0  ok plan creator/month status active

R-35 R-65   a declined purchase, repeated with its key after the method was changed
at          do                       allowance  pack  charged  on     outcome
2026-04-17  subscribe creator month        200     0     2900  -      ok
2026-04-18  method sandbox_declined        200     0        0  -      ok
2026-04-18  buy 1                          200     0        0  -      payment_declined
2026-04-18  method sandbox_ok              200     0        0  -      ok
2026-04-18  again buy 1                    200   300     1500  stack  ok
2026-04-18  again                          200   300        0  stack  ok replayed yes same yes

R-37   packs need a live, paid subscription
at          do                                          allowance  pack  status      outcome
2026-04-17  subscribe creator month                           200     0  active      ok
2026-04-17  cancel now                                          0     0  ended       ok
2026-04-17  buy 1                                               0     0  ended       subscription_not_active
2026-04-18  subscribe pro month method sandbox_pending          0     0  incomplete  pending
2026-04-18  buy 1                                               0     0  incomplete  subscription_not_active
2026-04-18  settle paid                                      2000     0  active      ok
2026-04-18  method sandbox_declined                          2000     0  active      ok
2026-05-18  buy 1                                               0     0  past_due    payment_past_due

R-38   while a cancel is scheduled packs can't be bought; undoing it comes first
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok
2026-04-18  cancel                         200     0        0  ok scheduled cancel scheduled_at 2026-05-17
2026-04-18  buy 1                          200     0        0  cancellation_scheduled
2026-04-18  use generate_look 201          200     0        0  insufficient_credits packs none contact cancellation_scheduled next none
2026-04-18  resume                         200     0        0  ok scheduled none
2026-04-18  buy 1                          200   300     1500  ok
`;
