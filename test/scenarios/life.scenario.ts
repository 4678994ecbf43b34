// Section E: the states, payments that come late or never, moving in.
export default `
R-40   a paid renewal: a new cycle, its allowance and its packs
at          do                       allowance  pack  charged  status  outcome
2026-04-17  subscribe creator month        200     0     2900  active  ok
2026-04-17  buy 2                          200   600     3000  active  ok
2026-05-17  look                           200  1200     5900  active  ok grants 4 renewal 2026-06-17

R-41 R-50   declined at the renewal and at every retry: the end, seven days after
at                        do                       allowance  pack  charged  status    outcome
2026-01-17                subscribe creator month        200     0     2900  active    ok
2026-01-20                buy 1                          200   300     1500  active    ok
2026-02-10                method sandbox_declined        200   300        0  active    ok
2026-02-17                look                             0   300        0  past_due  ok
2026-02-18                look                             0   300        0  past_due  ok
2026-02-20                use generate_look 10             0   290        0  past_due  ok
2026-02-22                look                             0   290        0  past_due  ok
2026-02-23T23:59:59.999Z  look                             0   290        0  past_due  ok
2026-02-24                look                             0     0        0  ended     ok ended 2026-02-24 add_on 0

R-41 R-45   a new payment method retries at once; the cycle's grants are dated at the boundary
at                 do                       allowance  pack  charged  status    outcome
2026-01-17         subscribe creator month        200     0     2900  active    ok
2026-01-20         buy 1                          200   300     1500  active    ok
2026-02-10         method sandbox_declined        200   300        0  active    ok
2026-02-17         look                             0   300        0  past_due  ok
2026-02-19T15:00Z  method sandbox_declined          0   300        0  past_due  ok
2026-02-21T15:00Z  method sandbox_ok              200   600     4400  active    ok allowance_from 2026-02-17 allowance_until 2026-03-19
2026-02-21T15:00Z  look                           200   600        0  active    ok pack_from 2026-02-17 pack_until 2026-06-15 renewal 2026-03-17 bill 4400
2026-03-17         look                           400   900     4400  active    ok

R-41 R-45   a method that is declined at once uses up no retry and is kept
at                 do                       allowance  charged  status    outcome
2026-01-17         subscribe creator month        200     2900  active    ok
2026-02-10         method sandbox_declined        200        0  active    ok
2026-02-17T10:00Z  method sandbox_declined          0        0  past_due  ok
2026-02-17T11:00Z  method sandbox_declined          0        0  past_due  ok
2026-02-17T12:00Z  method sandbox_declined          0        0  past_due  ok
2026-02-17T13:00Z  method sandbox_declined          0        0  past_due  ok
2026-02-23         look                             0        0  past_due  ok
2026-02-24         look                             0        0  ended     ok ended 2026-02-24

R-41   past due: unexpired credits stay usable, the allowance too where it still lives
at          do                       allowance  charged  status    outcome
2026-02-17  subscribe creator month        200     2900  active    ok allowance_until 2026-03-19
2026-02-18  method sandbox_declined        200        0  active    ok
2026-03-17  use generate_look 20           180        0  past_due  ok
2026-03-19  use generate_look 20             0        0  past_due  insufficient_credits packs none contact payment_past_due

R-41   past due with spending blocked, the page's literal reading  policy past_due_spending=block
at          do                       allowance  pack  charged  status    outcome
2026-02-17  subscribe creator month        200     0     2900  active    ok
2026-02-17  buy 1                          200   300     1500  active    ok
2026-02-18  method sandbox_declined        200   300        0  active    ok
2026-03-17  use generate_look 20           200   300        0  past_due  payment_past_due
2026-03-18  method sandbox_ok              400   600     4400  active    ok
2026-03-18  use generate_look 20           380   600        0  active    ok

R-42   a pending purchase changes nothing until it is settled, then counts from there
at                 do                            allowance  pack  charged  outcome
2026-04-17         subscribe creator month             200     0     2900  ok
2026-04-18         buy 1 method sandbox_pending        200     0        0  pending
2026-04-18         look                                200     0        0  ok add_on 0 bill 2900 charge pending
2026-04-18T15:00Z  settle paid                         200   300     1500  ok add_on 1 pack_from 2026-04-18T15:00Z pack_until 2026-08-15
2026-04-18T16:00Z  settle paid again                   200   300        0  ok add_on 1 grants 2
2026-04-18T16:00Z  settle declined again               200   300        0  ok add_on 1 charge paid refunded 0

R-42 R-35   a pending purchase that is declined changes nothing
at                 do                            allowance  pack  charged  outcome
2026-04-17         subscribe creator month             200     0     2900  ok
2026-04-18         buy 1 method sandbox_pending        200     0        0  pending
2026-04-18T15:00Z  settle declined                     200     0        0  ok add_on 0 charge declined

R-42 R-35   a purchase that was declined and is paid after all is refunded, once, and brings nothing
at                 do                             allowance  pack  outcome
2026-04-17         subscribe creator month              200     0  ok
2026-04-18         buy 1 method sandbox_pending         200     0  pending
2026-04-18T15:00Z  settle declined                      200     0  ok add_on 0 charge declined refunded 0
2026-04-18T16:00Z  settle paid again                    200     0  ok add_on 0 grants 1 charge refunded refunded 1500
2026-04-18T17:00Z  settle paid again                    200     0  ok add_on 0 grants 1 charge refunded refunded 1500
2026-04-19         buy 1 method sandbox_declined        200     0  payment_declined
2026-04-19T01:00Z  settle paid last                     200     0  ok add_on 0 grants 1 charge refunded refunded 3000

R-42   an upgrade that was declined and is paid after all is refunded, and changes nothing
at                 do                       allowance  outcome
2026-04-17         subscribe creator month        200  ok
2026-04-20         method sandbox_pending         200  ok
2026-04-20         change pro month               200  pending
2026-04-20T01:00Z  settle declined                200  ok charge declined
2026-04-20T02:00Z  settle paid again              200  ok refunded 9900 plan creator/month grants 1

R-42   a pending purchase is given up after 24 hours
at                        do                            allowance  pack  charged  outcome
2026-04-17                subscribe creator month             200     0     2900  ok
2026-04-18                buy 1 method sandbox_pending        200     0        0  pending
2026-04-18T23:59:59.999Z  look                                200     0        0  ok charge pending
2026-04-19                look                                200     0        0  ok charge given_up add_on 0

R-42   a purchase given up and paid after all is refunded, once, and brings nothing
at                 do                            allowance  pack  outcome
2026-04-17         subscribe creator month             200     0  ok
2026-04-18         buy 1 method sandbox_pending        200     0  pending
2026-04-19         look                                200     0  ok charge given_up add_on 0
2026-04-19T12:00Z  settle paid last                    200     0  ok refunded 1500 grants 1 add_on 0
2026-04-19T13:00Z  settle paid again                   200     0  ok refunded 1500 grants 1 add_on 0

R-42   an upgrade given up and paid after all is refunded, and changes nothing
at                 do                       allowance  outcome
2026-04-17         subscribe creator month        200  ok
2026-04-20         method sandbox_pending         200  ok
2026-04-20         change pro month               200  pending
2026-04-22         settle paid last               200  ok refunded 9900 plan creator/month grants 1

R-42 R-32   a pending purchase is not on a bill made meanwhile
at                 do                            allowance  pack  charged  outcome
2026-04-17         subscribe creator month             200     0     2900  ok
2026-05-16T12:00Z  buy 1 method sandbox_pending        200     0        0  pending
2026-05-17         look                                200     0     2900  ok add_on 0
2026-05-17T06:00Z  settle paid newest                  200   300     1500  ok add_on 1 pack_until 2026-09-15 bill 4400

R-42 R-38   a purchase settled when a cancel was scheduled meanwhile is refunded
at                 do                            allowance  pack  outcome
2026-04-17         subscribe creator month             200     0  ok
2026-04-18         buy 1 method sandbox_pending        200     0  pending
2026-04-18T01:00Z  cancel                              200     0  ok
2026-04-18T02:00Z  settle paid                         200     0  ok add_on 0 refunded 1500 grants 1

R-42 R-34   an annual pack settled after the change to monthly is refunded
at                 do                            allowance  pack  outcome
2026-04-17         subscribe creator year              200     0  ok
2026-04-18         change creator month                200     0  ok scheduled creator/month
2027-04-16T12:00Z  buy 1 method sandbox_pending          0     0  pending
2027-04-17T06:00Z  settle paid                         200     0  ok plan creator/month add_on 0 refunded 15000

R-42 R-52   a purchase settled after the end is refunded
at                 do                            allowance  pack  status  outcome
2026-04-17         subscribe creator month             200     0  active  ok
2026-04-18         buy 1 method sandbox_pending        200     0  active  pending
2026-04-18T01:00Z  cancel now                            0     0  ended   ok
2026-04-18T02:00Z  settle paid                           0     0  ended   ok refunded 1500 grants 1

R-42 R-53   a pending upgrade takes effect at its settlement; one at a time
at                 do                       allowance  charged  outcome
2026-04-17         subscribe creator month        200     2900  ok
2026-04-20         method sandbox_pending         200        0  ok
2026-04-20         change pro month               200        0  pending
2026-04-20         look                           200        0  ok plan creator/month anchor 2026-04-17 charge pending
2026-04-20T01:00Z  change business month          200        0  plan_not_eligible
2026-04-20T15:00Z  settle paid                   2200     9900  ok plan pro/month anchor 2026-04-20T15:00Z renewal 2026-05-20T15:00Z
2026-04-20T16:00Z  settle paid again             2200        0  ok anchor 2026-04-20T15:00Z grants 2

R-42   a pending upgrade is given up after 24 hours, and another may be tried
at          do                       allowance  charged  outcome
2026-04-17  subscribe creator month        200     2900  ok
2026-04-20  method sandbox_pending         200        0  ok
2026-04-20  change pro month               200        0  pending
2026-04-21  look                           200        0  ok plan creator/month charge given_up
2026-04-21  method sandbox_ok              200        0  ok
2026-04-21  change pro month              2200     9900  ok plan pro/month

R-42   a pending upgrade is not on the bill of a renewal meanwhile
at                 do                       allowance  charged  outcome
2026-04-17         subscribe creator month        200     2900  ok
2026-05-16T12:00Z  method sandbox_pending         200        0  ok
2026-05-16T12:00Z  change pro month               200        0  pending
2026-05-16T13:00Z  method sandbox_ok              200        0  ok
2026-05-17         look                           200     2900  ok plan creator/month
2026-05-17T06:00Z  settle paid                   2200     9900  ok plan pro/month anchor 2026-05-17T06:00Z renewal 2026-06-17T06:00Z

R-42 R-55   an upgrade settled when a cancel was scheduled meanwhile is refunded
at                 do                       allowance  outcome
2026-04-17         subscribe creator month        200  ok
2026-04-20         method sandbox_pending         200  ok
2026-04-20         change pro month               200  pending
2026-04-20T01:00Z  cancel                         200  ok
2026-04-20T02:00Z  settle paid                    200  ok plan creator/month refunded 9900 scheduled cancel

R-42 R-41   a renewal pending at its boundary is past due without retries, then paid
at                 do                       allowance  pack  charged  status    outcome
2026-01-17         subscribe creator month        200     0     2900  active    ok
2026-01-20         buy 1                          200   300     1500  active    ok
2026-02-10         method sandbox_pending         200   300        0  active    ok
2026-02-17         look                             0   300        0  past_due  ok charge pending
2026-02-22         look                             0   300        0  past_due  ok charge pending
2026-02-22T10:00Z  settle paid                    200   600     4400  active    ok allowance_from 2026-02-17 pack_until 2026-06-15
2026-02-22T11:00Z  settle paid again              200   600        0  active    ok grants 4
2026-02-24         look                           200   600        0  active    ok

R-42 R-41   a pending renewal that is declined goes on with the retries that are left
at                        do                       allowance  charged  status    outcome
2026-01-17                subscribe creator month        200     2900  active    ok
2026-02-10                method sandbox_pending         200        0  active    ok
2026-02-17                look                             0        0  past_due  ok charge pending
2026-02-19                settle declined                  0        0  past_due  ok charge declined
2026-02-19T23:59:59.999Z  look                             0        0  past_due  ok charge declined
2026-02-20                look                             0        0  past_due  ok charge pending
2026-02-21                settle paid                    200     2900  active    ok allowance_from 2026-02-17 charge paid

R-45 R-42   a good card while the renewal is pending: that attempt is cancelled, and the charge is paid at once
at          do                       allowance  pack  charged  status    outcome
2026-01-17  subscribe creator month        200     0     2900  active    ok
2026-01-18  buy 2                          200   600     3000  active    ok
2026-02-10  method sandbox_pending         200   600        0  active    ok
2026-02-17  look                             0   600        0  past_due  ok charge pending
2026-02-18  method sandbox_ok              200  1200     5900  active    ok charge paid allowance_from 2026-02-17
2026-02-24  look                           200  1200        0  active    ok

R-45 R-42   a bad card while the renewal is pending: declined, and the retries that are left go on
at          do                       allowance  charged  status    outcome
2026-01-17  subscribe creator month        200     2900  active    ok
2026-02-10  method sandbox_pending         200        0  active    ok
2026-02-17  look                             0        0  past_due  ok charge pending
2026-02-21  method sandbox_declined          0        0  past_due  ok charge declined
2026-02-22  look                             0        0  past_due  ok charge declined
2026-02-23  method sandbox_pending           0        0  past_due  pending charge pending
2026-02-23  method sandbox_pending           0        0  past_due  pending charge pending
2026-02-23  settle paid                    200     2900  active    ok charge paid allowance_from 2026-02-17

R-42 R-41 R-45   a new method whose payment is pending: no retry meanwhile; declined, the next is at its date
at                 do                       allowance  charged  status    outcome
2026-01-17         subscribe creator month        200     2900  active    ok
2026-02-10         method sandbox_declined        200        0  active    ok
2026-02-17         look                             0        0  past_due  ok charge declined
2026-02-17T10:00Z  method sandbox_pending           0        0  past_due  pending charge pending
2026-02-21         look                             0        0  past_due  ok charge pending
2026-02-21T10:00Z  settle declined                  0        0  past_due  ok charge declined
2026-02-22         look                             0        0  past_due  ok charge pending
2026-02-22T12:00Z  method sandbox_ok              200     2900  active    ok charge paid allowance_from 2026-02-17 grants 2
2026-03-17         look                           400     2900  active    ok

R-41 R-52   paid after the last retry was declined: it stays ended, and nothing is granted
at                 do                       allowance  pack  charged  status    outcome
2026-01-17         subscribe creator month        200     0     2900  active    ok
2026-01-20         buy 1                          200   300     1500  active    ok
2026-02-10         method sandbox_declined        200   300        0  active    ok
2026-02-23         look                             0   300        0  past_due  ok charge declined
2026-02-24         look                             0     0        0  ended     ok ended 2026-02-24
2026-02-24T01:00Z  settle paid last                 0     0        0  ended     ok charge declined refunded 0 grants 2 add_on 0
2026-02-24T02:00Z  settle paid again                0     0        0  ended     ok ended 2026-02-24 charge declined grants 2

R-42 R-50   a renewal still pending at the last retry's date is the end
at                        do                       allowance  charged  status    outcome
2026-01-17                subscribe creator month        200     2900  active    ok
2026-02-10                method sandbox_pending         200        0  active    ok
2026-02-23T23:59:59.999Z  look                             0        0  past_due  ok
2026-02-24                look                             0        0  ended     ok ended 2026-02-24 charge given_up
2026-02-24T01:00Z         settle paid last                 0        0  ended     ok grants 1

R-43   a declined first payment starts nothing
at          do                                               allowance  charged  status  outcome
2026-04-17  subscribe creator month method sandbox_declined          0        0  none    payment_declined
2026-04-18  subscribe creator month                                200     2900  active  ok anchor 2026-04-18

R-43   a pending first payment: no credits, anchored when it is paid
at                 do                                              allowance  charged  status      outcome
2026-04-17         subscribe creator month method sandbox_pending          0        0  incomplete  pending
2026-04-17         subscribe creator month                                 0        0  incomplete  customer_already_subscribed
2026-04-17         use generate_look 1                                     0        0  incomplete  subscription_not_active
2026-04-17         use video_translation_audio 60                          0        0  incomplete  subscription_not_active
2026-04-17         change pro month                                        0        0  incomplete  subscription_not_active
2026-04-17T15:00Z  settle paid                                           200     2900  active      ok anchor 2026-04-17T15:00Z renewal 2026-05-17T15:00Z
2026-04-17T16:00Z  settle paid again                                     200        0  active      ok grants 1

R-43   a pending first payment is given up after 24 hours
at                        do                                              allowance  status      outcome
2026-04-17                subscribe creator month method sandbox_pending          0  incomplete  pending
2026-04-17T23:59:59.999Z  look                                                    0  incomplete  ok charge pending
2026-04-18                look                                                    0  ended       ok charge given_up ended 2026-04-18
2026-04-18                subscribe creator month                               200  active      ok

R-43   a pending first payment that is declined, and a new start
at                 do                                              allowance  status      outcome
2026-04-17         subscribe creator month method sandbox_pending          0  incomplete  pending
2026-04-17T15:00Z  settle declined                                         0  ended       ok charge declined
2026-04-17T15:00Z  subscribe pro month                                  2000  active      ok

R-43 R-51   a cancel of an incomplete subscription gives it up
at                 do                                              allowance  charged  status      outcome
2026-04-17         subscribe creator month method sandbox_pending          0        0  incomplete  pending
2026-04-17T01:00Z  cancel                                                  0        0  ended       ok charge given_up
2026-04-17T02:00Z  settle paid last                                        0        0  ended       ok grants 0

R-44   a monthly plan moves in: nothing charged or granted before the next boundary
at          do                                         allowance  pack  adjustment  charged  outcome
2026-01-17  subscribe creator month anchor 2025-10-31          0     0           0        0  ok anchor 2025-10-31 renewal 2026-01-31 grants 0
2026-01-17  grant 120 until 2026-01-30                         0     0         120        0  ok
2026-01-18  buy 1                                              0   300         120     1500  ok expires 2026-05-01
2026-01-30  look                                               0   300           0        0  ok
2026-01-31  look                                             200   600           0     4400  ok
2026-02-28  look                                             400   900           0     4400  ok

R-44 R-20   an annual plan moves in: its paid term goes on refreshing
at          do                                        allowance  charged  outcome
2026-01-17  subscribe creator year anchor 2025-06-10          0        0  ok refresh 2026-02-10 renewal 2026-06-10
2026-02-10  look                                            200        0  ok
2026-05-10  look                                            200        0  ok grants 4
2026-06-10  look                                            200    28800  ok renewal 2027-06-10

R-45   while past due: what goes on and what is refused
at          do                         allowance  pack  adjustment  charged  status    outcome
2026-01-17  subscribe pro month             2000     0           0     9900  active    ok
2026-01-17  buy 2                           2000   600           0     3000  active    ok
2026-01-18  method sandbox_declined         2000   600           0        0  active    ok
2026-02-17  look                               0   600           0        0  past_due  ok
2026-02-18  buy 1 method sandbox_ok            0   600           0        0  past_due  payment_past_due
2026-02-18  add_on 0                           0   600           0        0  past_due  payment_past_due
2026-02-18  change creator month               0   600           0        0  past_due  payment_past_due
2026-02-18  preview business year              0   600           0        0  past_due  payment_past_due
2026-02-18  resume                             0   600           0        0  past_due  ok
2026-02-18  grant 50 until 2026-03-01          0   600          50        0  past_due  ok
2026-02-18  use generate_look 60               0   590           0        0  past_due  ok burned adjustment:50,pack:10
2026-02-19  method sandbox_ok               2000  1190           0    12900  active    ok
2026-02-19  add_on 0                        2000  1190           0        0  active    ok

R-45 R-50   a cancel while past due ends at once
at          do                       allowance  pack  status    outcome
2026-01-17  subscribe creator month        200     0  active    ok
2026-01-17  buy 1                          200   300  active    ok
2026-01-18  method sandbox_declined        200   300  active    ok
2026-02-18  look                             0   300  past_due  ok
2026-02-18  cancel                           0     0  ended     ok ended 2026-02-18 add_on 0
2026-02-18  method sandbox_ok                0     0  ended     subscription_not_active

R-45 R-54   a scheduled change is what the open renewal charges, dated at the boundary
at                 do                       allowance  charged  status    outcome
2026-01-17         subscribe pro month           2000     9900  active    ok
2026-01-18         change creator month          2000        0  active    ok scheduled creator/month scheduled_at 2026-02-17 bill 2900
2026-01-19         method sandbox_declined       2000        0  active    ok
2026-02-17         look                             0        0  past_due  ok plan pro/month
2026-02-20T09:00Z  method sandbox_ok              200     2900  active    ok plan creator/month allowance_from 2026-02-17 scheduled none renewal 2026-03-17
`;
