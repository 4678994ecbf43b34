// Section J, and lives worked in one go.
export default `
R-90   two advances of a day equal one of two
at          do                       allowance  pack  charged  outcome
2026-01-31  subscribe creator month        200     0     2900  ok
2026-01-31  buy 1                          200   300     1500  ok
2026-02-27  look                           200   300        0  ok
2026-02-28  look                           400   600     4400  ok
2026-03-01  cancel now                       0     0        0  ok
2026-01-31  subscribe creator month        200     0     2900  ok
2026-01-31  buy 1                          200   300     1500  ok
2026-02-28  look                           400   600     4400  ok

R-90 R-14   an advance works through everything due, in order
at          do                       allowance  pack  charged  outcome
2026-01-31  subscribe creator month        200     0     2900  ok
2026-01-31  buy 1                          200   300     1500  ok
2028-03-31  look                           200  1200   114400  ok grants 54 pack_until 2028-07-29 renewal 2028-04-30

R-90 R-20   twenty-six months of an annual plan with a pack
at          do                      allowance  pack  charged  outcome
2026-01-17  subscribe creator year        200     0    28800  ok
2026-01-17  buy 1                         200  3600    15000  ok
2028-03-17  look                          400  7200    87600  ok grants 30 renewal 2029-01-17 pack_until 2029-04-17

R-90   the clock never goes back; to now nothing happens  stack
at          do                                allowance  outcome
2026-04-17  subscribe creator month                 200  ok
2026-04-18  advance 2026-04-18                      200  ok
2026-04-18  advance 2026-04-17                      200  invalid_request pointer /to
2026-04-18  advance 2026-04-17T23:59:59.999Z        200  invalid_request pointer /to
2026-04-18  advance 2026-05-16                      200  ok
2026-05-17  look                                    200  ok

R-90   only a test clock is advanced  stack
at          do                                  outcome
2026-04-17  subscribe creator month clock real  ok status active
2026-04-17  advance 2030-01-01                  not_a_test_clock

R-90 R-12   a clock that stands still: what is due at its instant is worked, what comes later is not
at                        do                       allowance  outcome
2026-04-17                subscribe creator month        200  ok
2026-05-16T23:59:59.999Z  look                           200  ok grants 1
2026-05-17                look                           200  ok grants 2
2026-05-17T00:00:00.001Z  look                           200  ok grants 2

R-90   what is foreseen is what happens
at          do                       allowance  pack  outcome
2026-01-31  subscribe creator month        200     0  ok
2026-02-10  buy 1                          200   300  ok
2026-02-10  foresee 2026-02-28             200   300  ok available 1000 allowance 400 pack 600
2026-02-10  foresee 2026-03-30             200   300  ok available 600 allowance 0 pack 600
2026-02-10  foresee 2026-05-29             200   300  ok available 1100 allowance 200 pack 900
2026-02-28  look                           400   600  ok
2026-03-30  look                             0   600  ok
2026-05-29  look                           200   900  ok
`;
