// Section A: the price and credits of a plan, the cost of a feature, and the effects of an edited catalogue.
export default `
R-01 R-02 R-20   what each monthly plan costs and brings
at          do                        allowance  pack  charged  outcome
2026-03-01  subscribe creator month         200     0     2900  ok bill 2900
2026-03-01  cancel now                        0     0        0  ok status ended
2026-03-02  subscribe pro month            2000     0     9900  ok bill 9900
2026-03-02  cancel now                        0     0        0  ok
2026-03-03  subscribe business month       1000     0     7900  ok bill 7900

R-01 R-02 R-20   what each annual plan costs and brings
at          do                       allowance  pack  charged  outcome
2026-03-01  subscribe creator year         200     0    28800  ok renewal 2027-03-01
2026-03-01  cancel now                       0     0        0  ok
2026-03-02  subscribe pro year            2000     0    99000  ok renewal 2027-03-02
2026-03-02  cancel now                       0     0        0  ok
2026-03-03  subscribe business year       1000     0    78000  ok renewal 2027-03-03

R-03 R-30   one to a hundred packs of 300 on a monthly plan
at          do                       allowance   pack  charged  outcome
2026-03-01  subscribe creator month        200      0     2900  ok
2026-03-01  buy 1                          200    300     1500  ok add_on 1
2026-03-02  buy 3                          200   1200     4500  ok add_on 4
2026-03-02  buy 100                        200  31200   150000  ok add_on 104
2026-03-02  buy 101                        200  31200        0  invalid_request pointer /packs
2026-03-02  buy 0                          200  31200        0  invalid_request pointer /packs
2026-03-02  buy 1.5                        200  31200        0  invalid_request pointer /packs

R-03 R-30   packs of 3,600 on an annual plan, all at once
at          do                      allowance  pack  charged  outcome
2026-03-01  subscribe creator year        200     0    28800  ok
2026-03-01  buy 2                         200  7200    30000  ok add_on 2 pack_amount 7200
2026-04-01  look                          200  7200        0  ok

R-04   the rate card, line by line
at          do                                  allowance  outcome
2026-03-01  subscribe pro month                      2000  ok
2026-03-01  use avatar_iv 60                         1980  ok credits 20
2026-03-01  use add_motion 1                         1970  ok credits 10
2026-03-01  use upscale_video 1                      1960  ok credits 10
2026-03-01  use generate_look 3                      1957  ok credits 3
2026-03-01  use ai_model_training 1                  1937  ok credits 20
2026-03-01  use video_translation 60                 1932  ok credits 5
2026-03-01  use video_translation_precision 60       1922  ok credits 10
2026-03-01  use video_translation_audio 3600         1922  ok credits 0 burned nothing
2026-03-01  use image_asset 1                        1920  ok credits 2
2026-03-01  use video_asset 1                        1905  ok credits 15
2026-03-01  use video_agent 1 credits 40             1865  ok credits 40
2026-03-01  use video_agent 5 credits 40             1825  ok credits 40
2026-03-01  use motion_designer_asset 1              1822  ok credits 3

R-04   a video agent's credits are stated by the caller, and only its
at          do                                         allowance  outcome
2026-03-01  subscribe creator month                          200  ok
2026-03-01  use video_agent 1                                200  credits_required
2026-03-01  use video_agent 1 credits 0                      200  invalid_request pointer /items/0/credits
2026-03-01  use video_agent 1 credits 1.5                    200  invalid_request pointer /items/0/credits
2026-03-01  use add_motion 1 credits 1                       200  invalid_request pointer /items/0/credits
2026-03-01  use image_asset 1, add_motion 1 credits 9        200  invalid_request pointer /items/1/credits
2026-03-01  use teleport 1                                   200  unknown_feature
2026-03-01  use video_agent 1 credits 1                      199  ok

R-05   rounded up, per line, in integers
at          do                            allowance  outcome
2026-03-01  subscribe pro month                2000  ok
2026-03-01  use video_translation 61           1994  ok credits 6
2026-03-01  use avatar_iv 62.5                 1973  ok credits 21
2026-03-01  use avatar_iv 60                   1953  ok credits 20
2026-03-01  use avatar_iv 12.48                1948  ok credits 5
2026-03-01  use avatar_iv 0.001                1947  ok credits 1
2026-03-01  use video_translation 12           1946  ok credits 1
2026-03-01  use video_translation 12.001       1944  ok credits 2
2026-03-01  use avatar_iv 2                    1943  ok credits 1
2026-03-01  use avatar_iv 1, avatar_iv 1       1941  ok credits 2
2026-03-01  use avatar_iv 8.1                  1938  ok credits 3
2026-03-01  use avatar_iv 9.001                1934  ok credits 4

R-05   a quantity is positive, whole for items, at most three decimals for seconds
at          do                                     allowance  outcome
2026-03-01  subscribe creator month                      200  ok
2026-03-01  use generate_look 0                          200  invalid_request pointer /items/0/quantity
2026-03-01  use generate_look -1                         200  invalid_request pointer /items/0/quantity
2026-03-01  use generate_look 1.5                        200  invalid_request pointer /items/0/quantity
2026-03-01  use avatar_iv 12.4801                        200  invalid_request pointer /items/0/quantity
2026-03-01  use avatar_iv 0                              200  invalid_request pointer /items/0/quantity
2026-03-01  use avatar_iv 1000000001                     200  invalid_request pointer /items/0/quantity
2026-03-01  use generate_look 1, avatar_iv 0.0001        200  invalid_request pointer /items/1/quantity
2026-03-01  use avatar_iv 1000000000                     200  insufficient_credits needed 333333334

R-06   an integration costs what the feature costs
at          do                                   allowance  on     outcome
2026-03-01  subscribe creator month                    200  -      ok
2026-03-01  use avatar_iv 60 via hubspot               180  -      ok credits 20 via hubspot
2026-03-01  use avatar_iv 60 via clay                  160  -      ok credits 20 via clay
2026-03-01  use avatar_iv 60 via zapier                140  -      ok credits 20 via zapier
2026-03-01  use avatar_iv 60 via make                  120  -      ok credits 20 via make
2026-03-01  use avatar_iv 60 via n8n                   100  -      ok credits 20 via n8n
2026-03-01  use avatar_iv 60 via carrier_pigeon        100  stack  invalid_request pointer /via

R-07 R-08   an edit of the catalogue: rates at once, price and allowance from the next boundary   core
at          do                                     allowance  pack  charged  outcome
2026-01-31  subscribe creator month                      200     0     2900  ok
2026-02-01  buy 1                                        200   300     1500  ok
2026-02-10  catalogue creator/month price 3500           200   300        0  ok
2026-02-10  catalogue creator/month allowance 250        200   300        0  ok
2026-02-10  catalogue pack/month credits 400             200   300        0  ok
2026-02-10  catalogue avatar_iv credits 2                200   300        0  ok bill 5000
2026-02-10  use avatar_iv 60                             160   300        0  ok credits 40
2026-02-28  look                                         410   700     5000  ok allowance_amount 250 pack_amount 400

R-07   a test clock uses the newest catalogue; what was granted and charged before stays   core
at          do                                    allowance  charged  outcome
2026-01-17  subscribe creator year                      200    28800  ok
2026-01-20  catalogue creator/year allowance 300        200        0  ok grants 1
2026-01-20  catalogue creator/year price 40000          200        0  ok bill 40000
2026-02-17  look                                        300        0  ok allowance_amount 300
2027-01-17  look                                        300    40000  ok
`;
