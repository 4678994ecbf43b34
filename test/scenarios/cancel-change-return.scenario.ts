// Section F: the end, changes of plan, coming back.
export default `
R-50   at the end everything unused is forfeited: allowance, packs, adjustments
at          do                         allowance  pack  adjustment  charged  status  outcome
2026-04-17  subscribe creator month          200     0           0     2900  active  ok
2026-04-17  buy 2                            200   600           0     3000  active  ok
2026-04-17  grant 50 until 2027-04-17        200   600          50        0  active  ok
2026-04-20  cancel now                         0     0           0        0  ended   ok ended 2026-04-20 add_on 0
2026-05-17  look                               0     0           0        0  ended   ok renewal none refresh none
2027-04-17  look                               0     0           0        0  ended   ok

R-50 R-51   cancel at the renewal: until then all continues, annual refreshes included
at                        do                      allowance  pack  charged  status  outcome
2026-01-17                subscribe creator year        200     0    28800  active  ok
2026-01-17                buy 1                         200  3600    15000  active  ok
2026-01-20                cancel                        200  3600        0  active  ok scheduled_at 2027-01-17 at_risk 3600 renewal none
2026-02-17                look                          200  3600        0  active  ok refresh 2026-03-17
2026-12-17                use generate_look 20          180  3600        0  active  ok refresh none
2027-01-15T23:59:59.999Z  look                          180  3600        0  active  ok
2027-01-16                look                            0  3600        0  active  ok
2027-01-17                look                            0     0        0  ended   ok ended 2027-01-17

R-51   undone before it takes effect; resuming with nothing scheduled is harmless
at                        do                       allowance  charged  status  outcome
2026-04-17                subscribe creator month        200     2900  active  ok
2026-04-18                resume                         200        0  active  ok scheduled none
2026-04-20                cancel                         200        0  active  ok scheduled cancel
2026-05-16T23:59:59.999Z  resume                         200        0  active  ok scheduled none
2026-05-17                look                           200     2900  active  ok

R-51   cancelling again answers as before; at once replaces at the renewal
at          do                       allowance  status  outcome
2026-04-17  subscribe creator month        200  active  ok
2026-04-20  cancel                         200  active  ok scheduled cancel scheduled_at 2026-05-17
2026-04-21  cancel                         200  active  ok scheduled cancel scheduled_at 2026-05-17
2026-04-22  cancel now                       0  ended   ok scheduled none ended 2026-04-22

R-51   a later scheduled change replaces an earlier one
at          do                     allowance  charged  status  outcome
2026-04-17  subscribe pro month         2000     9900  active  ok
2026-04-18  change creator month        2000        0  active  ok scheduled creator/month
2026-04-19  change business month       2000        0  active  ok scheduled business/month bill 7900
2026-04-20  cancel                      2000        0  active  ok scheduled cancel
2026-04-21  resume                      2000        0  active  ok scheduled none bill 9900
2026-05-17  look                        2000     9900  active  ok plan pro/month

R-51 R-53   an upgrade clears a scheduled downgrade
at          do                        allowance  charged  outcome
2026-04-17  subscribe business month       1000     7900  ok
2026-04-18  change creator month           1000        0  ok scheduled creator/month
2026-04-20  change pro month               3000     9900  ok scheduled none plan pro/month renewal 2026-05-20
2026-05-20  look                           2000     9900  ok plan pro/month

R-52   ended stays ended: everything but reading and advancing is refused
at          do                              allowance  pack  adjustment  charged  status  outcome
2026-04-17  subscribe creator month               200     0           0     2900  active  ok
2026-04-17  cancel now                              0     0           0        0  ended   ok
2026-04-18  use generate_look 1                     0     0           0        0  ended   subscription_not_active
2026-04-18  use video_translation_audio 60          0     0           0        0  ended   subscription_not_active
2026-04-18  buy 1                                   0     0           0        0  ended   subscription_not_active
2026-04-18  add_on 0                                0     0           0        0  ended   subscription_not_active
2026-04-18  change pro month                        0     0           0        0  ended   subscription_not_active
2026-04-18  preview pro month                       0     0           0        0  ended   subscription_not_active
2026-04-18  cancel                                  0     0           0        0  ended   subscription_not_active
2026-04-18  cancel now                              0     0           0        0  ended   subscription_not_active
2026-04-18  resume                                  0     0           0        0  ended   subscription_not_active
2026-04-18  method sandbox_ok                       0     0           0        0  ended   subscription_not_active
2026-04-18  grant 100 until 2027-01-01              0     0           0        0  ended   subscription_not_active
2028-04-17  look                                    0     0           0        0  ended   ok ended 2026-04-17 grants 1

R-52 R-50   the customer starts anew: nothing forfeited comes back
at          do                       allowance  pack  charged  status  outcome
2026-04-17  subscribe creator month        200     0     2900  active  ok
2026-04-17  subscribe creator month        200     0        0  active  customer_already_subscribed
2026-04-18  buy 2                          200   600     3000  active  ok
2026-04-20  cancel now                       0     0        0  ended   ok
2026-04-21  subscribe creator month        200     0     2900  active  ok anchor 2026-04-21 add_on 0
2026-05-21  look                           200     0     2900  active  ok

R-52 R-42   a late signal for the old subscription leaves the new one alone
at          do                       allowance  pack  charged  status  outcome
2026-01-17  subscribe creator month        200     0     2900  active  ok
2026-02-10  method sandbox_pending         200     0        0  active  ok
2026-02-18  cancel                           0     0        0  ended   ok
2026-02-19  subscribe pro month           2000     0     9900  active  ok
2026-02-19  settle paid former            2000     0        0  active  ok plan pro/month grants 1
2026-02-20  settle declined former        2000     0        0  active  ok plan pro/month grants 1

R-53   upgrade to a dearer plan: at once, in full, a new anchor, old grants live on
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok
2026-04-20  buy 1                          200   300     1500  ok
2026-05-01  change pro month              2200   300     9900  ok plan pro/month anchor 2026-05-01 renewal 2026-06-01 add_on 1 bill 11400
2026-05-01  use generate_look 250         1950   300        0  ok burned allowance:200,allowance:50
2026-05-17  look                          1950   300        0  ok
2026-05-31  look                             0   300        0  ok
2026-06-01  look                          2000   600    11400  ok pack_until 2026-09-29

R-53 R-34   month to year: the yearly price, a new anchor, the add-on removed, its credits stay
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok
2026-04-20  buy 2                          200   600     3000  ok expires 2026-08-15
2026-05-01  change creator year            400   600    28800  ok add_on 0 anchor 2026-05-01 refresh 2026-06-01 renewal 2027-05-01 bill 28800
2026-06-01  look                           200   600        0  ok
2026-08-15  look                           200     0        0  ok
2027-05-01  look                           200     0    28800  ok

R-53 R-55   month to year is up, whatever the plan
at          do                    allowance  charged  outcome
2026-04-17  subscribe pro month        2000     9900  ok
2026-04-18  preview creator year       2000        0  ok effective now price 28800 brings 200
2026-04-18  change creator year        2200    28800  ok plan creator/year

R-54   downgrade: at the next renewal, the anchor stays, the add-on goes on
at          do                    allowance  pack  charged  outcome
2026-04-17  subscribe pro month        2000     0     9900  ok
2026-04-18  buy 1                      2000   300     1500  ok
2026-04-19  change creator month       2000   300        0  ok plan pro/month scheduled creator/month scheduled_at 2026-05-17 bill 4400
2026-05-17  look                        200   600     4400  ok plan creator/month anchor 2026-04-17 renewal 2026-06-17 scheduled none add_on 1

R-54 R-34   year to month: at the yearly renewal, the annual add-on removed, paid credits stay
at          do                    allowance  pack  charged  outcome
2026-01-17  subscribe pro year         2000     0    99000  ok
2026-01-17  buy 1                      2000  3600    15000  ok expires 2027-04-17
2026-06-01  change creator month       2000  3600        0  ok scheduled creator/month scheduled_at 2027-01-17 bill 2900
2026-06-17  look                       2000  3600        0  ok
2027-01-17  look                        200  3600     2900  ok plan creator/month add_on 0 renewal 2027-02-17
2027-02-17  look                        200  3600     2900  ok
2027-04-17  look                        200     0     5800  ok

R-54   a scheduled downgrade is undone
at          do                    allowance  charged  outcome
2026-04-17  subscribe pro month        2000     9900  ok
2026-04-18  change creator month       2000        0  ok scheduled creator/month
2026-05-16  resume                     2000        0  ok scheduled none bill 9900
2026-05-17  look                       2000     9900  ok plan pro/month

R-55   the order of plans is their price within one interval
at          do                       allowance  charged  outcome
2026-04-17  subscribe creator month        200     2900  ok
2026-04-17  preview business month         200        0  ok effective now price 7900 brings 1000
2026-04-17  change business month         1200     7900  ok plan business/month
2026-04-17  preview pro month             1200        0  ok effective now price 9900 brings 2000
2026-04-17  change pro month              3200     9900  ok plan pro/month
2026-04-17  preview business month        3200        0  ok effective renewal price 0 brings 0
2026-04-17  change business month         3200        0  ok scheduled business/month

R-55   a year's plan to a dearer year's plan is up, to a month's is down
at          do                      allowance  charged  outcome
2026-04-17  subscribe creator year        200    28800  ok
2026-04-18  preview pro month             200        0  ok effective renewal
2026-04-18  change pro month              200        0  ok scheduled pro/month scheduled_at 2027-04-17
2026-04-19  change business year         1200    78000  ok plan business/year scheduled none renewal 2027-04-19

R-55   what a change is refused for, and its preview alike
at          do                                        allowance  charged  outcome
2026-04-17  subscribe creator month                         200     2900  ok
2026-04-17  change creator month                            200        0  plan_not_eligible
2026-04-17  preview creator month                           200        0  plan_not_eligible
2026-04-17  change enterprise month                         200        0  plan_not_eligible
2026-04-17  preview enterprise year                         200        0  plan_not_eligible
2026-04-18  cancel                                          200        0  ok
2026-04-18  change pro month                                200        0  cancellation_scheduled
2026-04-18  preview pro month                               200        0  cancellation_scheduled
2026-04-18  cancel now                                        0        0  ok
2026-04-19  subscribe enterprise month allowance 500        500        0  ok
2026-04-19  change pro month                                500        0  plan_not_eligible
2026-04-19  preview creator year                            500        0  plan_not_eligible

R-55   a preview changes nothing
at          do                       allowance  charged  outcome
2026-04-17  subscribe creator month        200     2900  ok
2026-04-18  preview pro month              200        0  ok effective now price 9900 brings 2000 anchor 2026-04-17
2026-04-18  preview pro year               200        0  ok effective now price 99000 brings 2000 plan creator/month
2026-04-18  look                           200        0  ok scheduled none bill 2900 grants 1
2026-05-17  look                           200     2900  ok plan creator/month

R-56   downgrade then upgrade: every allowance was paid for
at          do                    allowance  charged  outcome
2026-04-17  subscribe pro month        2000     9900  ok
2026-04-17  change creator month       2000        0  ok scheduled creator/month
2026-04-17  change pro month           2000        0  plan_not_eligible
2026-04-17  resume                     2000        0  ok
2026-04-17  change creator month       2000        0  ok
2026-05-17  look                        200     2900  ok plan creator/month grants 2
2026-05-17  change pro month           2200     9900  ok plan pro/month grants 3
2026-05-17  change creator month       2200        0  ok grants 3

R-56   upgrades in a row: each full price brings one allowance
at          do                       allowance  charged  outcome
2026-04-17  subscribe creator month        200     2900  ok grants 1
2026-04-17  change business month         1200     7900  ok grants 2
2026-04-17  change pro month              3200     9900  ok grants 3
2026-04-17  change pro year               5200    99000  ok grants 4
2026-05-17  look                          2000        0  ok grants 5

R-56 R-50   cancel and start again: the new allowance is paid for, the old one is gone
at          do                       allowance  pack  charged  outcome
2026-04-17  subscribe creator month        200     0     2900  ok
2026-04-17  buy 1                          200   300     1500  ok
2026-04-17  cancel now                       0     0        0  ok
2026-04-17  subscribe creator month        200     0     2900  ok
2026-04-17  add_on 1                       200     0        0  invalid_request pointer /packs
`;
