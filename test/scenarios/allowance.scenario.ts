// Section C: default credits, and enterprise, whose allowance an operator sets.
export default `
R-20 R-21   thirty days, literally: a day without after a long month, two days with both after February
at          do                       allowance  charged  outcome
2026-01-17  subscribe creator month        200     2900  ok
2026-02-16  look                             0        0  ok
2026-02-17  look                           200     2900  ok
2026-03-17  look                           400     2900  ok
2026-03-17  use generate_look 150          250        0  ok burned allowance:150
2026-03-17  use generate_look 100          150        0  ok burned allowance:50,allowance:50
2026-03-19  look                           150        0  ok
2026-04-16  look                             0        0  ok
2026-04-17  look                           200     2900  ok

R-21   until the next refresh: never a day without, never two at once  policy allowance_term=until_next_refresh
at                        do                      allowance  outcome
2026-01-31                subscribe creator year        200  ok allowance_until 2026-02-28
2026-02-27T23:59:59.999Z  use generate_look 5           195  ok
2026-02-28                look                          200  ok allowance_until 2026-03-31
2026-03-30T23:59:59.999Z  look                          200  ok
2026-03-31                look                          200  ok allowance_until 2026-04-30
2027-01-31                look                          200  ok allowance_until 2027-02-28

R-21 R-53   until the next refresh, and an upgrade between  policy allowance_term=until_next_refresh
at          do                       allowance  charged  outcome
2026-01-31  subscribe creator month        200     2900  ok
2026-02-10  change pro month              2200     9900  ok allowance_until 2026-03-10
2026-02-28  look                          2000        0  ok
2026-03-10  look                          2000     9900  ok

R-22   no rollover: what is left of a cycle does not come along
at          do                       allowance  outcome
2026-04-17  subscribe creator month        200  ok
2026-05-16  use generate_look 1            199  ok
2026-05-17  look                           200  ok
2026-06-16  look                             0  ok
2026-06-17  look                           200  ok

R-20   an annual plan refreshes monthly with no charge but the yearly one
at          do                       allowance  charged  outcome
2026-01-17  subscribe business year       1000    78000  ok refresh 2026-02-17 renewal 2027-01-17
2026-02-17  use video_asset 10             850        0  ok refresh 2026-03-17
2026-12-17  look                          1000        0  ok grants 12
2027-01-17  look                          1000    78000  ok grants 13 renewal 2028-01-17

R-01 R-36   enterprise: an allowance of its own, no charges, no packs
at          do                                         allowance  pack  adjustment  charged  outcome
2026-04-17  subscribe enterprise month allowance 5000       5000     0           0        0  ok bill none
2026-04-17  buy 1                                           5000     0           0        0  contact_account_manager
2026-04-20  grant 1000 until 2026-07-01                     5000     0        1000        0  ok expires 2026-07-01
2026-04-20  use video_agent 1 credits 5500                     0     0         500        0  ok burned allowance:5000,adjustment:500
2026-04-20  use generate_look 501                              0     0         500        0  insufficient_credits shortfall 1 packs none contact contact_account_manager next 2026-05-17 brings 5000
2026-05-17  look                                            5000     0         500        0  ok

R-36   an operator changes enterprise's allowance from the next boundary on
at          do                                        allowance  outcome
2026-04-17  subscribe enterprise year allowance 5000       5000  ok
2026-04-20  allowance 8000                                 5000  ok
2026-05-17  look                                           8000  ok allowance_amount 8000
2026-05-20  allowance 100                                  8000  ok
2026-06-17  look                                            100  ok grants 3

R-36   only enterprise has an allowance of its own
at          do                       allowance  outcome
2026-04-17  subscribe creator month        200  ok
2026-04-17  allowance 8000                 200  plan_not_eligible
2026-05-17  look                           200  ok
`;
