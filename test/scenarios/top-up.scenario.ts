// packs that are bought by themselves when credits run low. A pack is 300 credits for 1,500.
export default `
R-39 R-30   below the threshold a pack is bought at once, and joins no add-on: nobody asked for a standing order
at          do                                allowance  pack  charged  outcome
2026-04-17  subscribe creator month                 200     0     2900  ok
2026-04-17  top_up 1 below 50 ceiling 4500          200     0        0  ok
2026-04-18  use generate_look 150                    50     0        0  ok
2026-04-19  use generate_look 1                      49   300     1500  ok add_on 0 expires 2026-08-15
2026-05-17  look                                    200   300     2900  ok

R-39   switched on while credits are low: at once; switched off: no more
at          do                                allowance  pack  charged  outcome
2026-04-17  subscribe creator month                 200     0     2900  ok
2026-04-18  use generate_look 190                    10     0        0  ok
2026-04-18  top_up 1 below 50 ceiling 4500           10   300     1500  ok
2026-04-18  top_up off                               10   300        0  ok
2026-04-19  use generate_look 300                     0    10        0  ok skipped none

R-39   the ceiling of a calendar month: what would pass it is skipped until the next
at          do                                allowance  pack  charged  outcome
2026-04-17  subscribe creator month                 200     0     2900  ok
2026-04-17  top_up 1 below 50 ceiling 3000          200     0        0  ok
2026-04-18  use generate_look 200                     0   300     1500  ok
2026-04-19  use generate_look 290                     0   310     1500  ok skipped none
2026-04-20  use generate_look 300                     0    10        0  ok skipped ceiling
2026-04-30  use generate_look 1                       0     9        0  ok skipped ceiling
2026-05-01  look                                      0   309     1500  ok skipped none

R-39   a decline is followed by pauses of an hour, six and a day; then by none but a new payment method
at                        do                                allowance  pack  charged  outcome
2026-04-17                subscribe creator month                 200     0     2900  ok
2026-04-17                top_up 1 below 50 ceiling 6000          200     0        0  ok
2026-04-17                method sandbox_declined                 200     0        0  ok
2026-04-18                use generate_look 200                     0     0        0  ok charge declined skipped none
2026-04-18T00:59:59.999Z  look                                      0     0        0  ok skipped none
2026-04-18T01:00          look                                      0     0        0  ok skipped none
2026-04-18T07:00          look                                      0     0        0  ok skipped none
2026-04-19T07:00          look                                      0     0        0  ok skipped declined
2026-05-10                look                                      0     0        0  ok skipped declined
2026-05-10                method sandbox_ok                         0   300     1500  ok skipped none

R-39 R-42   while its payment is pending there is no other; given up, it counts as declined
at                        do                                allowance  pack  charged  outcome
2026-04-17                subscribe creator month                 200     0     2900  ok
2026-04-17                top_up 1 below 50 ceiling 6000          200     0        0  ok
2026-04-17                method sandbox_pending                  200     0        0  ok
2026-04-18                use generate_look 200                     0     0        0  ok charge pending
2026-04-18                grant 1 until 2026-05-01                  0     0        0  ok charge pending
2026-04-19                look                                      0     0        0  ok charge given_up
2026-04-19T01:00          look                                      0     0        0  ok charge pending
2026-04-19T02:00          settle paid                               0   300     1500  ok

R-39 R-21   on the gap day of a long month nobody spent anything: the allowance is waited for
at          do                                allowance  pack  charged  outcome
2026-05-17  subscribe creator month                 200     0     2900  ok
2026-05-17  top_up 1 below 50 ceiling 6000          200     0        0  ok
2026-06-16  look                                      0     0        0  ok skipped gap_day
2026-06-17  look                                    200     0     2900  ok

R-39 R-37 R-38   where packs can't be bought, none are: cancelling, past due, ended; where they can again, at once
at          do                                allowance  pack  charged  outcome
2026-04-17  subscribe creator month                 200     0     2900  ok
2026-04-17  top_up 1 below 50 ceiling 6000          200     0        0  ok
2026-04-18  cancel renewal                          200     0        0  ok
2026-04-18  use generate_look 180                    20     0        0  ok skipped cancellation_scheduled
2026-04-18  use generate_look 10                     10     0        0  ok skipped cancellation_scheduled
2026-04-18  resume                                   10   300     1500  ok skipped none
2026-04-19  method sandbox_declined                  10   300        0  ok
2026-05-17  use generate_look 290                     0    10        0  ok status past_due skipped payment_past_due
2026-05-17  method sandbox_ok                       200    10     2900  ok status active
2026-05-17  use generate_look 200                     0   310     1500  ok skipped none
2026-05-18  cancel now                                0     0        0  ok status ended

R-39 R-81   the refund of a top-up stops the wish until it is set again; a dispute does too
at          do                                allowance  pack  charged  outcome
2026-04-17  subscribe creator month                 200     0     2900  ok
2026-04-17  top_up 1 below 50 ceiling 9000          200     0        0  ok
2026-04-18  use generate_look 200                     0   300     1500  ok
2026-04-19  refund                                    0     0        0  ok revoked 300 left_on 0
2026-04-20  look                                      0     0        0  ok skipped refunded
2026-04-21  grant 100 until 2026-05-30                0     0        0  ok
2026-04-22  use generate_look 100                     0     0        0  ok skipped refunded
2026-04-22  top_up 1 below 50 ceiling 9000            0   300     1500  ok skipped none
2026-04-23  dispute a open 1500                       0     0        0  ok
2026-04-24  look                                      0     0        0  ok skipped refunded
2026-04-25  dispute a won 1500                        0   300        0  ok
2026-04-26  use generate_look 290                     0    10        0  ok skipped refunded

R-39   what is asked for must make sense, and changes nothing where it does not
at          do                                allowance  pack  charged  outcome
2026-04-17  subscribe creator month                 200     0     2900  ok
2026-04-17  top_up 1 below 301 ceiling 6000         200     0        0  invalid_request pointer /threshold
2026-04-17  top_up 1 below 0 ceiling 6000           200     0        0  invalid_request pointer /threshold
2026-04-17  top_up 101 below 50 ceiling 9           200     0        0  invalid_request pointer /packs
2026-04-17  top_up 2 below 50 ceiling 2999          200     0        0  invalid_request pointer /monthly_ceiling_minor
2026-04-17  cancel renewal                          200     0        0  ok
2026-04-17  top_up 1 below 50 ceiling 6000          200     0        0  cancellation_scheduled
2026-04-17  top_up off                              200     0        0  ok

R-39 R-36   enterprise asks its account manager
at          do                                              allowance  outcome
2026-04-17  subscribe enterprise month allowance 100              100  ok
2026-04-17  top_up 1 below 50 ceiling 6000                        100  contact_account_manager
`;
