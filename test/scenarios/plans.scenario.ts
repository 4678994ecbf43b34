// Any product's plans and packs: weekly, quarterly and free ones, trials, several packs (catalogs.ts: shop).
export default `
R-09   a plan by any id, at each interval that it has a price for, and no other  catalogue shop
at          do                                   allowance  pack  charged  on     outcome
2026-03-01  subscribe gold month                         0     0        0  stack  invalid_request pointer /plan
2026-03-01  subscribe max week                           0     0        0  stack  invalid_request pointer /plan
2026-03-01  subscribe deal month                         0     0        0  stack  invalid_request pointer /allowance
2026-03-01  subscribe max month allowance 5              0     0        0  stack  invalid_request pointer /allowance
2026-03-01  subscribe gold month                         0     0        0  core   plan_not_eligible
2026-03-01  subscribe max week                           0     0        0  core   plan_not_eligible
2026-03-01  subscribe deal quarter allowance 70         70     0        0  -      ok plan deal/quarter bill none renewal 2026-06-01
2026-03-01  buy 1                                       70     0        0  -      contact_account_manager
2026-03-02  change max month                            70     0        0  -      plan_not_eligible
2026-04-01  look                                        70     0        0  -      ok
2026-06-01  look                                        70     0        0  -      ok renewal 2026-09-01

R-16   a weekly plan renews every seventh day, at the same wall-clock time  catalogue shop
at                    do                                      allowance  charged  outcome
2026-03-16T12:00:00Z  subscribe lite week zone Europe/Berlin        100      300  ok renewal 2026-03-23T12:00:00Z bill 300
2026-03-23T12:00:00Z  look                                          200      300  ok
2026-03-30T11:00:00Z  look                                          300      300  ok renewal 2026-04-06T11:00:00Z
2026-04-06T11:00:00Z  look                                          400      300  ok allowance_until 2026-05-06T11:00:00Z

R-16 R-20   a quarterly plan is paid each third month and brings credits every month  catalogue shop
at          do                               allowance  charged  outcome
2026-01-31  subscribe plus quarter trial no        400     4900  ok renewal 2026-04-30 bill 4900
2026-02-28  look                                   800        0  ok
2026-03-31  look                                   400        0  ok
2026-04-30  look                                   400     4900  ok renewal 2026-07-31
2026-05-31  look                                   400        0  ok

R-16 R-41   on a weekly plan only the retries before the next renewal are made  catalogue shop
at          do                       allowance  status    charged  outcome
2026-03-02  subscribe lite week            100  active        300  ok
2026-03-03  method sandbox_declined        100  active          0  ok
2026-03-09  look                           100  past_due        0  ok
2026-03-12  look                           100  past_due        0  ok
2026-03-13  method sandbox_ok              200  active        300  ok renewal 2026-03-16
2026-03-13  method sandbox_declined        200  active          0  ok
2026-03-16  look                           200  past_due        0  ok
2026-03-21  look                             0  ended           0  ok ended 2026-03-21

R-16 R-55   to a longer interval is up, to a shorter one down  catalogue shop
at          do                             allowance  charged  outcome
2026-03-01  subscribe plus month trial no        400     1900  ok
2026-03-02  preview plus quarter                 400        0  ok effective now price 4900
2026-03-02  preview plus week                    400        0  ok effective renewal
2026-03-02  preview max quarter                  400        0  ok effective now price 12900
2026-03-02  change plus quarter                  800     4900  ok renewal 2026-06-02
2026-03-03  preview max month                    800        0  ok effective renewal
2026-03-03  preview plus year                    800        0  ok effective now price 19000

R-16 R-54   from months to weeks a new series begins at the renewal  catalogue shop
at          do                    allowance  pack  charged  outcome
2026-01-31  subscribe lite month        100     0      900  ok
2026-02-01  buy 2 pack small            100   200      600  ok items small:2
2026-02-03  change lite week            100   200        0  ok scheduled lite/week scheduled_at 2026-02-28
2026-02-28  look                        200   400      900  ok plan lite/week anchor 2026-02-28 renewal 2026-03-07 bill 900
2026-03-07  look                        200   600      900  ok renewal 2026-03-14
2026-03-08  change lite month           300   600      900  ok plan lite/month anchor 2026-03-08 renewal 2026-04-08

R-17   a free plan is never charged, and renews by itself without a payment method  catalogue shop
at          do                   allowance  status  charged  outcome
2026-03-02  subscribe free week         50  active        0  ok bill none renewal 2026-03-09
2026-03-05  use image 30                20  active        0  ok
2026-03-09  look                        70  active        0  ok
2026-04-06  look                       250  active        0  ok charge none
2026-04-07  change plus month          250  active        0  payment_method_required
2026-04-07  method sandbox_ok          250  active        0  ok
2026-04-07  change plus month          650  active     1900  ok plan plus/month renewal 2026-05-07

R-17   packs are sold on a free plan only where it names them, and renew nowhere  catalogue shop
at          do                                  allowance  pack  charged  outcome
2026-03-02  subscribe bare month                       10     0        0  ok
2026-03-02  buy 1 method sandbox_ok                    10     0        0  pack_not_offered
2026-03-02  cancel now                                  0     0        0  ok
2026-03-02  subscribe free month                       50     0        0  ok
2026-03-02  buy 1                                      50     0        0  payment_method_required
2026-03-02  buy 1 method sandbox_ok                    50   200      500  ok items none
2026-03-02  buy 1 pack small method sandbox_ok         50   200        0  pack_not_offered
2026-04-02  look                                       50   200        0  ok

R-17 R-54   a change to a free plan comes with the renewal, and takes the add-on with it  catalogue shop
at          do                             allowance  pack  charged  outcome
2026-03-01  subscribe plus month trial no        400     0     1900  ok
2026-03-02  buy 1 pack small                     400   100      300  ok bill 2200
2026-03-03  change free month                    400   100        0  ok scheduled free/month bill none
2026-04-01  look                                  50   100        0  ok plan free/month items none bill none
2026-05-01  look                                  50   100        0  ok
2026-05-02  change plus year                     450   100    19000  ok plan plus/year

R-17 R-20   a free plan by the quarter that begins amid one brings credits every month  catalogue shop
at          do                     allowance  charged  outcome
2026-01-05  subscribe lite month         100      900  ok
2026-01-06  change free quarter          100        0  ok scheduled free/quarter
2026-02-05  look                          50        0  ok plan free/quarter refresh 2026-03-05
2026-03-07  look                          50        0  ok
2026-04-06  look                          50        0  ok
2026-05-06  look                          50        0  ok

R-23   a trial needs no payment method; its end is the anchor and the first charge  catalogue shop
at          do                    allowance  status    charged  outcome
2026-01-24  subscribe plus month        150  trialing        0  ok trial 2026-01-31 renewal none bill none
2026-01-25  use image 20                130  trialing        0  ok
2026-01-25  buy 1 pack small            130  trialing        0  subscription_trialing
2026-01-26  method sandbox_ok           130  trialing        0  ok
2026-01-31  look                        400  active       1900  ok anchor 2026-01-31 renewal 2026-02-28
2026-02-28  look                        800  active       1900  ok renewal 2026-03-31

R-23   a customer has one trial, for ever  catalogue shop
at          do                              allowance  status    charged  outcome
2026-03-01  subscribe max month trial yes           0  none            0  invalid_request pointer /trial
2026-03-01  subscribe plus month                  150  trialing        0  ok
2026-03-02  cancel now                              0  ended           0  ok
2026-03-02  subscribe plus month trial yes          0  ended           0  trial_used
2026-03-02  subscribe plus month                  400  active       1900  ok trial none

R-23 R-50   without a payment method the end of the trial ends the subscription  catalogue shop
at          do                    allowance  status    charged  outcome
2026-03-01  subscribe plus month        150  trialing        0  ok
2026-03-08  look                          0  ended           0  ok ended 2026-03-08 charge none

R-23 R-17   a trial that goes on as a free plan needs no payment method  catalogue shop
at          do                    allowance  status    charged  outcome
2026-03-01  subscribe plus month        150  trialing        0  ok bill none
2026-03-02  change free month           150  trialing        0  ok scheduled free/month bill none
2026-03-08  look                         50  active          0  ok plan free/month anchor 2026-03-08 charge none
2026-04-08  look                         50  active          0  ok

R-23 R-41   a declined charge at the end of the trial is a declined renewal  catalogue shop
at          do                                            allowance  status    charged  outcome
2026-03-01  subscribe plus month method sandbox_declined        150  trialing        0  ok
2026-03-08  look                                                  0  past_due        0  ok
2026-03-10  method sandbox_ok                                   400  active       1900  ok anchor 2026-03-08 allowance_from 2026-03-08 renewal 2026-04-08

R-23 R-51   a cancel in the trial ends it at its end, and can be undone  catalogue shop
at          do                                      allowance  status    charged  outcome
2026-03-01  subscribe plus month method sandbox_ok        150  trialing        0  ok
2026-03-02  cancel                                        150  trialing        0  ok scheduled cancel scheduled_at 2026-03-08 at_risk 0
2026-03-03  activate                                      150  trialing        0  cancellation_scheduled
2026-03-03  resume                                        150  trialing        0  ok scheduled none
2026-03-04  cancel                                        150  trialing        0  ok
2026-03-08  look                                            0  ended           0  ok charge none

R-23   activated before its end: charged now, a new series, and the trial's credits keep their date  catalogue shop
at          do                       allowance  status    charged  outcome
2026-03-01  subscribe plus month           150  trialing        0  ok
2026-03-02  activate                       150  trialing        0  payment_method_required
2026-03-02  method sandbox_declined        150  trialing        0  ok
2026-03-02  activate                       150  trialing        0  payment_declined
2026-03-03  method sandbox_ok              150  trialing        0  ok
2026-03-03  activate                       550  active       1900  ok anchor 2026-03-03 renewal 2026-04-03
2026-03-03  activate                       550  active          0  plan_not_eligible
2026-03-08  look                           400  active          0  ok

R-23 R-53   a change to a dearer plan in the trial is an upgrade, to a cheaper one waits for its end  catalogue shop
at          do                                      allowance  status    charged  outcome
2026-03-01  subscribe plus month method sandbox_ok        150  trialing        0  ok
2026-03-02  change lite month                             150  trialing        0  ok scheduled lite/month bill 900
2026-03-03  change max month                             1150  active       4900  ok anchor 2026-03-03 scheduled none
2026-03-08  look                                         1000  active          0  ok

R-30a R-31a   a pack that is bought once does not renew, and ends after its own days  catalogue shop
at          do                             allowance  pack  charged  outcome
2026-03-01  subscribe plus month trial no        400     0     1900  ok
2026-03-10  buy 2 pack boost                     400   400     1000  ok items none expires 2026-05-09 bill 1900
2026-04-01  look                                 400   400     1900  ok
2026-05-09  look                                 400     0     1900  ok

R-31a R-50   a pack may live as long as the subscription  catalogue shop
at          do                             allowance  pack  charged  outcome
2026-03-01  subscribe plus month trial no        400     0     1900  ok
2026-03-10  buy 1 pack lasting                   400   500     2000  ok expires none
2026-03-10  add_on 0                             400   500        0  ok
2027-03-04  look                                 400   500    22800  ok
2027-03-05  cancel                               400   500        0  ok at_risk 500
2027-04-01  look                                   0     0        0  ok ended 2027-04-01

R-32a   several packs: a request names one, a renewal bills and grants each by itself  catalogue shop
at          do                             allowance  pack  charged  outcome
2026-03-01  subscribe plus month trial no        400     0     1900  ok
2026-03-02  buy 1                                400     0        0  invalid_request pointer /pack
2026-03-02  buy 1 pack huge                      400     0        0  invalid_request pointer /pack
2026-03-02  buy 2 pack small                     400   200      600  ok items small:2
2026-03-03  buy 1 pack big                       400  1200     2500  ok items small:2,big:1 bill 5000
2026-03-04  add_on 1                             400  1200        0  invalid_request pointer /items
2026-03-04  add_on small:1,big:2                 400  1200        0  invalid_request pointer /items/1/quantity
2026-03-04  add_on small:1,big:1                 400  1200        0  ok items small:1,big:1 bill 4700
2026-04-01  look                                 400  2300     4700  ok grants 6
2026-04-02  add_on small:1                       400  2300        0  ok items small:1
2026-04-02  change plus week                     400  2300        0  ok
2026-05-01  look                                 400  2400     1000  ok plan plus/week items small:1

R-32a R-61   the offer is the cheapest purchase that covers the shortfall  catalogue shop
at          do                             allowance  outcome
2026-03-01  subscribe plus month trial no        400  ok
2026-03-01  quote image 480                      400  ok pack small packs 1 price 300
2026-03-01  quote image 590                      400  ok pack boost packs 1 price 500
2026-03-01  quote image 1000                     400  ok pack boost packs 3 price 1500
2026-03-01  quote image 1250                     400  ok pack big packs 1 price 2500
2026-03-01  use image 101000                     400  insufficient_credits packs none contact pack_limit

R-32a R-81   a refund of one pack lowers the add-on by that pack alone  catalogue shop
at          do                             allowance  pack  outcome
2026-03-01  subscribe plus month trial no        400     0  ok
2026-03-02  buy 1 pack small                     400   100  ok
2026-03-03  buy 1 pack big                       400  1100  ok
2026-03-04  buy 1 pack boost                     400  1300  ok items small:1,big:1
2026-03-05  refunded 500                         400  1100  ok
2026-03-05  look                                 400  1100  ok items small:1,big:1
2026-03-06  refunded oldest 300                  400  1000  ok
2026-03-06  look                                 400  1000  ok items big:1

R-39a   packs of a top-up never join the add-on; of several packs the wish names one  catalogue shop
at          do                                         allowance  pack  charged  outcome
2026-03-01  subscribe plus month trial no                    400     0     1900  ok
2026-03-01  top_up 1 below 50 ceiling 1000                   400     0        0  invalid_request pointer /pack
2026-03-01  top_up 1 below 50 ceiling 1000 pack small        400     0        0  ok
2026-03-02  use image 360                                     40   100      300  ok items none
2026-04-01  look                                             400   100     1900  ok items none

R-08a   a kept price lasts until the plan changes  catalogue kept  core
at          do                               allowance  charged  outcome
2026-03-01  subscribe plus month trial no          400     1900  ok
2026-03-02  catalogue plus/month price 2500        400        0  ok
2026-03-02  catalogue plus credits 600             400        0  ok bill 1900
2026-04-01  look                                   400     1900  ok bill 1900
2026-04-02  change max month                      1400     4900  ok
2026-04-03  catalogue max/month price 5900        1400        0  ok bill 4900
2026-04-03  change plus month                     1400        0  ok bill 2500
2026-05-02  look                                   600     2500  ok bill 2500

R-08a   an operator lets one pay the price in force  catalogue kept  core
at          do                               allowance  charged  outcome
2026-03-01  subscribe plus month trial no          400     1900  ok
2026-03-02  catalogue plus/month price 2500        400        0  ok bill 1900
2026-03-03  reprice                                400        0  ok bill 2500
2026-04-01  look                                   400     2500  ok
2026-04-02  catalogue plus/month price 2900        400        0  ok bill 2500

R-08a R-08   without it the price in force is charged  catalogue shop  core
at          do                               allowance  charged  outcome
2026-03-01  subscribe plus month trial no          400     1900  ok
2026-03-02  catalogue plus/month price 2500        400        0  ok bill 2500
2026-04-01  look                                   400     2500  ok

R-39 R-17   a top-up needs a payment method, and waits for one  catalogue shop
at          do                                     allowance  pack  charged  outcome
2026-03-02  subscribe free week                           50     0        0  ok
2026-03-02  top_up 1 below 40 ceiling 1000                50     0        0  payment_method_required
2026-03-02  method sandbox_ok                             50     0        0  ok
2026-03-02  top_up 1 below 40 ceiling 1000                50     0        0  ok
2026-03-03  use image 30                                  20   200      500  ok items none

R-34 R-81   a won dispute brings no pack to a plan that does not sell it  catalogue shop
at          do                              allowance  pack  outcome
2026-03-01  subscribe plus month trial no         400     0  ok
2026-03-02  buy 1 pack big                        400  1000  ok items big:1
2026-03-03  dispute d1 open 2500                  400     0  ok
2026-03-04  change lite month                     400     0  ok scheduled lite/month items none
2026-04-01  look                                  100     0  ok plan lite/month
2026-04-02  dispute d1 won 2500                   100  1000  ok
2026-04-02  look                                  100  1000  ok items none
`;
