// Sections H and I: holds, reversals, and a revocation beside them. `booked` names the entries since the row before.
export default `
R-70 R-60 R-12   a hold sets credits aside in burn order: nobody else can spend them
at                 do                       allowance  pack  held  outcome
2026-04-17         subscribe creator month        200     0     0  ok
2026-04-17         buy 1                          200   300     0  ok
2026-04-17         hold generate_look 250           0   250   250  ok credits 250 burned allowance:200,pack:50 deadline 2026-04-17T01:00Z booked hold:-200,hold:-50
2026-04-17         use generate_look 251            0   250   250  insufficient_credits needed 251 available 250 held 250 shortfall 1 packs 1 price 1500 next 2026-05-17 brings 200
2026-04-17         quote generate_look 251          0   250   250  ok credits 251 available 250 packs 1
2026-04-17         use generate_look 250            0     0   250  ok burned pack:250
2026-04-17T00:30Z  capture                          0     0     0  ok captured 250 released 0 booked release:200,capture:-200,release:50,capture:-50

R-70 R-61   a hold is all or nothing, however many lines, and refused as a use is
at          do                                           allowance  held  outcome
2026-04-17  subscribe creator month                            200     0  ok
2026-04-17  hold generate_look 150, add_motion 6               200     0  insufficient_credits needed 210 available 200 held 0 shortfall 10 packs 1 price 1500
2026-04-17  hold generate_look 150, teleport 1                 200     0  unknown_feature
2026-04-17  hold video_agent 1                                 200     0  credits_required
2026-04-17  hold generate_look 1.5                             200     0  invalid_request pointer /items/0/quantity
2026-04-17  hold video_agent 1 credits 60, avatar_iv 61        119    81  ok credits 81 burned allowance:81
2026-04-17  hold generate_look 120 via zapier                  119    81  insufficient_credits available 119 held 81 shortfall 1
2026-04-17  hold generate_look 119 via zapier                    0   200  ok via zapier

R-70   an hour unless said, a day at most
at          do                              allowance  held  outcome
2026-04-17  subscribe creator month               200     0  ok
2026-04-17  hold generate_look 1                  199     1  ok deadline 2026-04-17T01:00Z
2026-04-17  hold generate_look 1 for 1            198     2  ok deadline 2026-04-17T00:00:01Z
2026-04-17  hold generate_look 1 for 86400        197     3  ok deadline 2026-04-18
2026-04-17  hold generate_look 1 for 86401        197     3  invalid_request pointer /expires_in_seconds
2026-04-17  hold generate_look 1 for 0            197     3  invalid_request pointer /expires_in_seconds
2026-04-17  hold generate_look 1 for 1.5          197     3  invalid_request pointer /expires_in_seconds
2026-04-18  look                                  200     0  ok

R-70   there is nothing to hold of what costs nothing
at          do                                                allowance  held  outcome
2026-04-17  subscribe creator month                                 200     0  ok
2026-04-17  hold video_translation_audio 60                         200     0  invalid_request pointer /items
2026-04-17  hold video_translation_audio 60, generate_look 1        199     1  ok credits 1

R-70 R-52   who can't spend can't hold
at                 do                                              allowance  held  status      outcome
2026-04-17         subscribe creator month method sandbox_pending          0     0  incomplete  pending
2026-04-17         hold generate_look 1                                    0     0  incomplete  subscription_not_active
2026-04-17T01:00Z  settle paid                                           200     0  active      ok
2026-04-17T01:00Z  hold generate_look 1                                  199     1  active      ok
2026-04-17T01:30Z  cancel                                                199     1  active      ok scheduled_at 2026-05-17T01:00Z
2026-05-17T01:00Z  hold generate_look 1                                    0     0  ended       subscription_not_active

R-70 R-41   while past due a hold is as good as a use
at          do                         allowance  adjustment  held  status    outcome
2026-01-17  subscribe creator month          200           0     0  active    ok
2026-01-17  grant 50 until 2026-03-17        200          50     0  active    ok
2026-01-18  method sandbox_declined          200          50     0  active    ok
2026-02-17  hold generate_look 30              0          20    30  past_due  ok
2026-02-17  hold generate_look 21              0          20    30  past_due  insufficient_credits packs none contact payment_past_due
2026-02-17  capture                            0          20     0  past_due  ok captured 30

R-70 R-41 R-45   where past due blocks spending it blocks holding; what is held may be settled, what was used reversed   policy past_due_spending=block
at                        do                         allowance  adjustment  held  status    outcome
2026-01-17                subscribe creator month          200           0     0  active    ok
2026-01-17                grant 50 until 2026-03-17        200          50     0  active    ok
2026-01-18                method sandbox_declined          200          50     0  active    ok
2026-02-16                use generate_look 10               0          40     0  active    ok
2026-02-16T23:30Z         hold generate_look 30              0          10    30  active    ok deadline 2026-02-17T00:30Z
2026-02-17                hold generate_look 1               0          10    30  past_due  payment_past_due
2026-02-17T00:29:59.999Z  capture 20                         0          20     0  past_due  ok captured 20 released 10
2026-02-17T00:30Z         reverse                            0          40     0  past_due  ok restored 20
2026-02-17T00:30Z         reverse oldest                     0          50     0  past_due  ok restored 10

R-71   captured in full: once, however often it is asked
at                 do                       allowance  held  outcome
2026-04-17         subscribe creator month        200     0  ok
2026-04-17         hold generate_look 120          80   120  ok
2026-04-17T00:10Z  capture                         80     0  ok captured 120 released 0
2026-04-17T00:10Z  capture                         80     0  ok captured 120 released 0 booked nothing
2026-04-17T00:20Z  capture 120                     80     0  ok captured 120 released 0 booked nothing
2026-04-17T02:00Z  capture                         80     0  ok captured 120 released 0 booked nothing
2026-04-17T02:00Z  capture 119                     80     0  hold_already_settled
2026-04-17T02:00Z  capture 121                     80     0  hold_already_settled
2026-04-17T02:00Z  release                         80     0  hold_already_settled

R-71   captured in part: the rest is released
at                 do                       allowance  held  outcome
2026-04-17         subscribe creator month        200     0  ok
2026-04-17         hold generate_look 120          80   120  ok
2026-04-17T00:10Z  capture 70                     130     0  ok captured 70 released 50
2026-04-17T00:20Z  capture 70                     130     0  ok captured 70 released 50 booked nothing
2026-04-17T00:20Z  capture                        130     0  hold_already_settled
2026-04-17T00:20Z  release                        130     0  hold_already_settled

R-71   released: all of it comes back, once
at                 do                       allowance  pack  held  outcome
2026-04-17         subscribe creator month        200     0     0  ok
2026-04-17         buy 1                          200   300     0  ok
2026-04-17         hold generate_look 250           0   250   250  ok
2026-04-17T00:10Z  release                        200   300     0  ok captured 0 released 250 booked release:200,release:50
2026-04-17T00:20Z  release                        200   300     0  ok captured 0 released 250 booked nothing
2026-04-17T00:20Z  capture                        200   300     0  hold_already_settled
2026-04-17T02:00Z  capture 1                      200   300     0  hold_already_settled

R-71   from one credit up to what was held
at          do                       allowance  held  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-17  hold generate_look 120          80   120  ok
2026-04-17  capture 121                     80   120  capture_exceeds_hold
2026-04-17  capture 0                       80   120  invalid_request pointer /credits
2026-04-17  capture 1.5                     80   120  invalid_request pointer /credits
2026-04-17  capture 1                      199     0  ok captured 1 released 119

R-71   each hold is settled by itself
at          do                       allowance  held  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-17  hold generate_look 60          140    60  ok
2026-04-17  hold generate_look 90           50   150  ok
2026-04-17  capture oldest 40               70    90  ok captured 40 released 20
2026-04-17  release                        160     0  ok released 90
2026-04-17  capture oldest                 160     0  hold_already_settled

R-71 R-08   a capture keeps the rates of its hold   core
at          do                               allowance  held  outcome
2026-04-17  subscribe creator month                200     0  ok
2026-04-17  hold add_motion 10                     100   100  ok credits 100
2026-04-17  catalogue add_motion credits 20        100   100  ok
2026-04-17  capture                                100     0  ok captured 100
2026-04-17  hold add_motion 5                        0   100  ok credits 100

R-71 R-65   the same key and body: one hold, one settlement, one reversal, the same answers   stack
at                 do                            allowance  held  outcome
2026-04-17         subscribe creator month             200     0  ok
2026-04-17         hold generate_look 201              200     0  insufficient_credits shortfall 1
2026-04-17         again hold generate_look 200          0   200  ok credits 200
2026-04-17         again                                 0   200  ok replayed yes same yes
2026-04-17         again hold generate_look 1            0   200  idempotency_key_reused
2026-04-17T00:10Z  capture 150                          50     0  ok captured 150
2026-04-17T00:10Z  again                                50     0  ok replayed yes same yes
2026-04-17T00:10Z  again capture 151                    50     0  idempotency_key_reused
2026-04-17T00:10Z  reverse 100                         150     0  ok restored 100
2026-04-17T00:10Z  again                               150     0  ok replayed yes same yes
2026-04-17T00:10Z  again reverse 50                    150     0  idempotency_key_reused
2026-04-17T00:10Z  hold generate_look 150                0   150  ok
2026-04-17T00:10Z  release                             150     0  ok released 150
2026-04-17T02:00Z  again                               150     0  ok replayed yes same yes
2026-04-17T02:00Z  again hold generate_look 150        150     0  ok

R-71 R-65   wrong members are named, and change nothing; what there is not is not found   stack
at          do                                                                                allowance  held  outcome
2026-04-17  subscribe creator month                                                                 200     0  ok
2026-04-17  send POST holds {"items":[]}                                                            200     0  invalid_request pointer /items
2026-04-17  send POST holds {"items":[{"feature":"generate_look","quantity":1}],"credits":1}        200     0  invalid_request pointer /credits
2026-04-17  send POST holds {"items":[{"feature":"generate_look","quantity":1}],"via":"fax"}        200     0  invalid_request pointer /via
2026-04-17  send POST holds/hld_none/capture {}                                                     200     0  not_found
2026-04-17  send POST holds/hld_none/release {}                                                     200     0  not_found
2026-04-17  send POST usage/use_none/reverse {"reason":"failed"}                                    200     0  not_found

R-72   at its deadline a hold is released by itself: to the millisecond
at                        do                             allowance  held  outcome
2026-04-17                subscribe creator month              200     0  ok
2026-04-17                hold generate_look 120 for 60         80   120  ok deadline 2026-04-17T00:01Z
2026-04-17T00:00:59.999Z  use generate_look 81                  80   120  insufficient_credits shortfall 1
2026-04-17T00:01Z         use generate_look 81                 119     0  ok booked release:120,debit:-81
2026-04-17T00:01Z         capture                              119     0  hold_expired
2026-04-17T00:02Z         capture 1                            119     0  hold_expired
2026-04-17T00:02Z         release                              119     0  ok captured 0 released 120 booked nothing

R-72   until its last millisecond it is captured
at                        do                             allowance  held  outcome
2026-04-17                subscribe creator month              200     0  ok
2026-04-17                hold generate_look 120 for 60         80   120  ok
2026-04-17T00:00:59.999Z  capture                               80     0  ok captured 120
2026-04-17T00:01Z         look                                  80     0  ok booked nothing
2026-04-17T00:02Z         capture                               80     0  ok captured 120

R-72   a deadline that passed unseen is dated where it was: the soonest first
at          do                              allowance  held  outcome
2026-04-17  subscribe creator month               200     0  ok
2026-04-17  hold generate_look 50 for 7200        150    50  ok
2026-04-17  hold generate_look 30 for 3600        120    80  ok
2026-04-17  hold generate_look 20 for 3600        100   100  ok
2026-04-17  foresee 2026-04-17T02:00Z             100   100  ok available 200
2026-04-20  look                                  200     0  ok booked release:30,release:20,release:50

R-73   a hold outlives its grant: captured after the expiry, the rest expires at once
at                        do                               allowance  pack  held  outcome
2026-01-17                subscribe creator month                200     0     0  ok allowance_until 2026-02-16
2026-01-17                buy 1                                  200   300     0  ok
2026-02-15T23:30Z         hold generate_look 250 for 3600          0   250   250  ok burned allowance:200,pack:50
2026-02-16                look                                     0   250   250  ok booked nothing
2026-02-16T00:29:59.999Z  capture 150                              0   300     0  ok captured 150 released 100 booked release:200,capture:-150,expiry:-50,release:50
2026-02-17                look                                   200   600     0  ok

R-73   what is unused expires in its time; what is released later expires at once
at                 do                       allowance  held  outcome
2026-04-17         subscribe creator month        200     0  ok allowance_until 2026-05-17
2026-05-16T23:30Z  hold generate_look 150          50   150  ok deadline 2026-05-17T00:30Z
2026-05-17         look                           200   150  ok allowance_until 2026-06-16 booked expiry:-50,grant:200
2026-05-17T00:15Z  release                        200     0  ok released 150 booked release:150,expiry:-150
2026-05-17T00:15Z  hold generate_look 200           0   200  ok

R-73 R-72   so does what its deadline releases after the expiry; what it releases before lives on
at                 do                               allowance  held  outcome
2026-01-17         subscribe creator month                200     0  ok allowance_until 2026-02-16
2026-02-15T23:00Z  hold generate_look 150 for 5400         50   150  ok deadline 2026-02-16T00:30Z
2026-02-15T23:00Z  hold generate_look 50 for 1800           0   200  ok deadline 2026-02-15T23:30Z
2026-02-15T23:30Z  look                                    50   150  ok booked release:50
2026-02-16         look                                     0   150  ok booked expiry:-50
2026-02-16T00:30Z  look                                     0     0  ok booked release:150,expiry:-150
2026-02-17         look                                   200     0  ok

R-73   a hold outlives its subscription: captured after the end, the rest is forfeited at once
at                 do                         allowance  pack  adjustment  held  status  outcome
2026-04-17         subscribe creator month          200     0           0     0  active  ok
2026-04-17         buy 1                            200   300           0     0  active  ok
2026-04-17         grant 50 until 2026-05-01        200   300          50     0  active  ok
2026-04-17         hold generate_look 260             0   290           0   260  active  ok burned allowance:200,adjustment:50,pack:10
2026-04-17T00:10Z  cancel now                         0     0           0   260  ended   ok booked forfeiture:-290
2026-04-17T00:20Z  capture 230                        0     0           0     0  ended   ok captured 230 released 30 booked release:200,capture:-200,release:50,capture:-30,forfeiture:-20,release:10,forfeiture:-10
2026-04-17T02:00Z  capture 230                        0     0           0     0  ended   ok captured 230 released 30 booked nothing

R-73 R-72   released after the end, by its holder or its deadline: forfeited at once
at                 do                       allowance  held  status  outcome
2026-04-17         subscribe creator month        200     0  active  ok
2026-05-16T23:30Z  use generate_look 20           180     0  active  ok
2026-05-16T23:30Z  change pro month              2180     0  active  ok
2026-05-16T23:30Z  hold generate_look 100        2080   100  active  ok
2026-05-16T23:30Z  hold generate_look 300        1780   400  active  ok burned allowance:80,allowance:220
2026-05-16T23:40Z  cancel now                       0   400  ended   ok booked forfeiture:-1780
2026-05-17         release oldest                   0   300  ended   ok released 100 booked release:100,forfeiture:-100
2026-05-17T00:29Z  look                             0   300  ended   ok booked nothing
2026-05-17T00:30Z  look                             0     0  ended   ok booked release:80,forfeiture:-80,release:220,forfeiture:-220
2026-05-17T00:30Z  capture                          0     0  ended   hold_expired

R-73 R-50   at the end what had expired by then expired, and so does what is held of it
at                 do                       allowance  pack  held  status  outcome
2026-04-17         subscribe creator month        200     0     0  active  ok allowance_until 2026-05-17
2026-04-17         buy 1                          200   300     0  active  ok
2026-04-17         cancel                         200   300     0  active  ok scheduled_at 2026-05-17
2026-05-16T23:30Z  hold generate_look 210           0   290   210  active  ok burned allowance:200,pack:10
2026-05-17         look                             0     0   210  ended   ok booked forfeiture:-290
2026-05-17T00:20Z  release                          0     0     0  ended   ok booked release:200,expiry:-200,release:10,forfeiture:-10

R-73 R-41   a hold outlives the end of who did not pay
at                 do                         adjustment  held  status    outcome
2026-01-17         subscribe creator month             0     0  active    ok
2026-01-17         grant 50 until 2026-03-17          50     0  active    ok
2026-01-18         method sandbox_declined            50     0  active    ok
2026-02-23T23:30Z  hold generate_look 40              10    40  past_due  ok
2026-02-24         look                                0    40  ended     ok ended 2026-02-24
2026-02-24T00:10Z  capture                             0     0  ended     ok captured 40

R-74 R-71   a smaller capture gives back what was taken last, as if only it had been held
at          do                         allowance  pack  adjustment  held  outcome
2026-04-17  subscribe creator month          200     0           0     0  ok
2026-04-17  buy 1                            200   300           0     0  ok
2026-04-17  grant 50 until 2026-05-01        200   300          50     0  ok
2026-04-17  hold generate_look 350             0   200           0   350  ok burned allowance:200,adjustment:50,pack:100
2026-04-17  capture 220                        0   300          30     0  ok captured 220 released 130
2026-04-17  reverse                          200   300          50     0  ok restored 220
2026-04-17  use generate_look 220              0   300          30     0  ok burned allowance:200,adjustment:20

R-74 R-80   a smaller reversal gives back what was taken last, as if the rest had never been used
at          do                         allowance  pack  adjustment  outcome
2026-04-17  subscribe creator month          200     0           0  ok
2026-04-17  buy 1                            200   300           0  ok
2026-04-17  grant 50 until 2026-05-01        200   300          50  ok
2026-04-17  use generate_look 350              0   200           0  ok burned allowance:200,adjustment:50,pack:100
2026-04-18  reverse 60                         0   260           0  ok restored 60 booked reversal:60
2026-04-19  reverse 60                         0   300          20  ok restored 60 booked reversal:20,reversal:40
2026-04-20  reverse 60                        30   300          50  ok restored 60 booked reversal:30,reversal:30
2026-04-21  reverse                          200   300          50  ok restored 170 booked reversal:170

R-80   a job that failed: its credits are back where they came from
at          do                       allowance  pack  outcome
2026-04-17  subscribe creator month        200     0  ok
2026-04-17  buy 1                          200   300  ok
2026-04-18  use generate_look 250            0   250  ok burned allowance:200,pack:50
2026-04-19  reverse                        200   300  ok restored 250 expired 0 forfeited 0 booked reversal:200,reversal:50
2026-04-19  reverse                        200   300  reversal_exceeds_usage
2026-04-19  reverse 1                      200   300  reversal_exceeds_usage
2026-05-17  look                           200   600  ok booked expiry:-200,grant:200,grant:300

R-80   never more than was spent, in all
at          do                       allowance  outcome
2026-04-17  subscribe creator month        200  ok
2026-04-17  use generate_look 100          100  ok
2026-04-17  reverse 101                    100  reversal_exceeds_usage
2026-04-17  reverse 0                      100  invalid_request pointer /credits
2026-04-17  reverse 70                     170  ok restored 70
2026-04-17  reverse 31                     170  reversal_exceeds_usage
2026-04-17  reverse 30                     200  ok restored 30
2026-04-17  reverse                        200  reversal_exceeds_usage

R-80   each usage by itself; of one that cost nothing nothing comes back
at          do                              allowance  outcome
2026-04-17  subscribe creator month               200  ok
2026-04-17  use generate_look 100                 100  ok
2026-04-17  use video_translation_audio 60        100  ok credits 0
2026-04-17  reverse                               100  ok restored 0 expired 0 forfeited 0
2026-04-17  reverse                               100  ok restored 0
2026-04-17  reverse 1                             100  reversal_exceeds_usage
2026-04-17  reverse oldest                        200  ok restored 100

R-80 R-71   a capture makes a usage: what was captured can be reversed, no more
at          do                       allowance  pack  held  outcome
2026-04-17  subscribe creator month        200     0     0  ok
2026-04-17  buy 1                          200   300     0  ok
2026-04-17  hold generate_look 260           0   240   260  ok
2026-04-17  capture 230                      0   270     0  ok captured 230 released 30
2026-04-18  reverse 231                      0   270     0  reversal_exceeds_usage
2026-04-18  reverse 40                      10   300     0  ok restored 40 booked reversal:10,reversal:30
2026-04-18  reverse                        200   300     0  ok restored 190
2026-04-18  release                        200   300     0  hold_already_settled

R-80 R-21   what belongs to an expired grant expires at once, the rest is usable
at                        do                       allowance  pack  outcome
2026-01-17                subscribe creator month        200     0  ok allowance_until 2026-02-16
2026-01-17                buy 1                          200   300  ok
2026-01-17                add_on 0                       200   300  ok
2026-01-18                use generate_look 250            0   250  ok burned allowance:200,pack:50
2026-02-15T23:59:59.999Z  reverse 60                      10   300  ok restored 60 expired 0
2026-02-16                reverse 70                       0   300  ok restored 0 expired 70 booked expiry:-10,reversal:70,expiry:-70
2026-02-17                reverse                        200   300  ok restored 0 expired 120

R-80 R-74   of one reversal a part expires and a part comes back
at          do                       allowance  pack  outcome
2026-01-17  subscribe creator month        200     0  ok
2026-01-17  buy 1                          200   300  ok
2026-01-18  use generate_look 250            0   250  ok burned allowance:200,pack:50
2026-02-16  reverse 80                       0   300  ok restored 50 expired 30 forfeited 0 booked reversal:30,expiry:-30,reversal:50

R-80 R-52   after the end it is forfeited at once, but for what had expired by the end
at          do                       allowance  pack  status  outcome
2026-01-17  subscribe creator month        200     0  active  ok allowance_until 2026-02-16
2026-01-17  buy 1                          200   300  active  ok
2026-01-18  use generate_look 250            0   250  active  ok burned allowance:200,pack:50
2026-02-16  cancel now                       0     0  ended   ok
2026-02-18  reverse 20                       0     0  ended   ok restored 0 expired 0 forfeited 20
2026-02-18  reverse                          0     0  ended   ok restored 0 expired 200 forfeited 30 booked reversal:200,expiry:-200,reversal:30,forfeiture:-30
2026-02-18  reverse                          0     0  ended   reversal_exceeds_usage

R-52 R-73 R-80   after the end holds are settled and usage reversed, and nothing they give back can be spent
at                 do                       allowance  held  status  outcome
2026-04-17         subscribe creator month        200     0  active  ok
2026-04-17         use generate_look 50           150     0  active  ok
2026-04-17         hold generate_look 60           90    60  active  ok
2026-04-17         hold generate_look 70           20   130  active  ok
2026-04-17         cancel now                       0   130  ended   ok
2026-04-17T00:10Z  hold generate_look 1             0   130  ended   subscription_not_active
2026-04-17T00:10Z  capture oldest 10                0    70  ended   ok captured 10 released 50
2026-04-17T00:10Z  release                          0     0  ended   ok released 70
2026-04-17T00:10Z  reverse                          0     0  ended   ok restored 0 forfeited 10
2026-04-17T00:10Z  reverse oldest                   0     0  ended   ok restored 0 forfeited 50
2026-04-17T00:10Z  use generate_look 1              0     0  ended   subscription_not_active

R-52   a hold and a usage of the old subscription do not touch the new one
at                 do                       allowance  held  status  outcome
2026-04-17         subscribe creator month        200     0  active  ok
2026-04-17         hold generate_look 60          140    60  active  ok
2026-04-17         cancel now                       0    60  ended   ok
2026-04-17T00:10Z  subscribe creator month        200     0  active  ok
2026-04-17T02:00Z  look                           200     0  active  ok

R-14 R-72   at one instant: the deadline, then the expiry, then the renewal, then its grants
at                 do                       allowance  pack  held  charged  outcome
2026-04-17         subscribe creator month        200     0     0     2900  ok allowance_until 2026-05-17
2026-04-17         buy 1                          200   300     0     1500  ok
2026-05-16T23:00Z  hold generate_look 150          50   300   150        0  ok deadline 2026-05-17
2026-05-17         look                           200   600     0     4400  ok booked release:150,expiry:-150,expiry:-50,grant:200,grant:300
2026-05-17         capture                        200   600     0        0  hold_expired

R-14 R-73   a millisecond later: the hold outlives the expiry
at                        do                       allowance  held  charged  outcome
2026-04-17                subscribe creator month        200     0     2900  ok
2026-05-16T23:00:00.001Z  hold generate_look 200           0   200        0  ok deadline 2026-05-17T00:00:00.001Z
2026-05-17                look                           200   200     2900  ok booked grant:200
2026-05-17                capture                        200     0        0  ok captured 200

R-14 R-50   at one instant: the deadline, then the end
at                 do                       allowance  pack  held  status  outcome
2026-04-17         subscribe creator month        200     0     0  active  ok
2026-04-17         buy 1                          200   300     0  active  ok
2026-04-17         cancel                         200   300     0  active  ok scheduled_at 2026-05-17
2026-05-16T23:00Z  hold generate_look 210           0   290   210  active  ok deadline 2026-05-17
2026-05-17         look                             0     0     0  ended   ok booked release:200,expiry:-200,release:10,forfeiture:-300
2026-05-17         capture                          0     0     0  ended   hold_expired

R-14 R-12   at its deadline the caller finds the credits there
at                 do                       allowance  held  outcome
2026-04-17         subscribe creator month        200     0  ok
2026-04-17         hold generate_look 200           0   200  ok deadline 2026-04-17T01:00Z
2026-04-17T01:00Z  hold generate_look 200           0   200  ok booked release:200,hold:-200
2026-04-17T01:00Z  capture                          0     0  ok captured 200
2026-04-17T01:00Z  capture oldest                   0     0  hold_expired

R-82 R-73   a revocation takes what is unused; what is held may be captured
at          do                          allowance  adjustment  held  outcome
2026-04-17  subscribe creator month           200           0     0  ok
2026-04-17  use generate_look 200               0           0     0  ok
2026-04-17  grant 100 until 2026-04-20          0         100     0  ok
2026-04-17  hold generate_look 60               0          40    60  ok
2026-04-17  revoke                              0           0    60  ok revoked 40 booked revocation:-40
2026-04-17  capture                             0           0     0  ok captured 60

R-82 R-80   what comes back of a revoked grant can be spent, expires in its time, and may be revoked again
at                 do                          allowance  adjustment  held  outcome
2026-04-17         subscribe creator month           200           0     0  ok
2026-04-17         use generate_look 200               0           0     0  ok
2026-04-17         grant 100 until 2026-04-20          0         100     0  ok
2026-04-17         use generate_look 10                0          90     0  ok
2026-04-17         hold generate_look 60               0          30    60  ok
2026-04-17         revoke                              0           0    60  ok revoked 30
2026-04-17T00:10Z  capture 20                          0          40     0  ok captured 20 released 40
2026-04-17T00:20Z  revoke                              0           0     0  ok revoked 40
2026-04-17T00:30Z  reverse                             0          20     0  ok restored 20
2026-04-17T00:30Z  use generate_look 5                 0          15     0  ok burned adjustment:5
2026-04-20         look                                0           0     0  ok booked expiry:-15

R-82 R-72   revoked while all of it is held: nothing to take, and it expires in its time
at                 do                               allowance  adjustment  held  outcome
2026-04-17         subscribe creator month                200           0     0  ok
2026-04-17         use generate_look 200                    0           0     0  ok
2026-04-17         grant 100 until 2026-04-18               0         100     0  ok
2026-04-17T22:00Z  hold generate_look 60 for 3600           0          40    60  ok deadline 2026-04-17T23:00Z
2026-04-17T22:00Z  hold generate_look 40 for 10800          0           0   100  ok deadline 2026-04-18T01:00Z
2026-04-17T22:00Z  revoke                                   0           0   100  ok revoked 0 booked nothing
2026-04-17T23:00Z  look                                     0          60    40  ok booked release:60
2026-04-18         look                                     0           0    40  ok booked expiry:-60
2026-04-18T01:00Z  look                                     0           0     0  ok booked release:40,expiry:-40

R-53 R-73   an upgrade leaves a hold alone
at                 do                       allowance  held  outcome
2026-04-17         subscribe creator month        200     0  ok
2026-04-17         hold generate_look 150          50   150  ok
2026-04-17T00:10Z  change pro month              2050   150  ok
2026-04-17T00:20Z  capture 100                   2100     0  ok captured 100 released 50
`;
