// Section B: boundaries, terms, zones, the order at one instant.
export default `
R-10 R-20 R-21 R-31   worked example 1: annual creator with an annual pack, from 17 January
at          do                      allowance  pack  charged  outcome
2026-01-17  subscribe creator year        200     0    28800  ok allowance_until 2026-02-16
2026-01-17  buy 1                         200  3600    15000  ok expires 2027-04-17
2026-02-16  look                            0  3600        0  ok
2026-02-17  look                          200  3600        0  ok allowance_from 2026-02-17 allowance_until 2026-03-19
2026-03-17  look                          400  3600        0  ok
2026-03-19  look                          200  3600        0  ok
2026-04-16  look                            0  3600        0  ok
2026-04-17  look                          200  3600        0  ok
2026-05-17  look                          200  3600        0  ok
2026-06-17  look                          200  3600        0  ok
2026-07-17  look                          200  3600        0  ok
2026-08-17  look                          200  3600        0  ok
2026-09-17  look                          200  3600        0  ok
2026-10-17  look                          200  3600        0  ok
2026-11-17  look                          200  3600        0  ok
2026-12-17  look                          200  3600        0  ok
2027-01-16  look                            0  3600        0  ok
2027-01-17  look                          200  7200    43800  ok pack_until 2028-04-16
2027-04-17  look                          200  3600        0  ok

R-10 R-31 R-32   worked example 2: monthly creator with a pack, from 31 January
at          do                       allowance  pack  charged  outcome
2026-01-31  subscribe creator month        200     0     2900  ok renewal 2026-02-28 bill 2900
2026-02-10  buy 1                          200   300     1500  ok expires 2026-05-29 bill 4400
2026-02-28  look                           400   600     4400  ok allowance_until 2026-03-30 pack_until 2026-06-29 renewal 2026-03-31
2026-03-02  look                           200   600        0  ok
2026-03-30  look                             0   600        0  ok
2026-03-31  look                           200   900     4400  ok renewal 2026-04-30
2026-04-30  look                           200  1200     4400  ok renewal 2026-05-31
2026-05-29  look                           200   900        0  ok

R-10   31 to 28 to 31: counted from the anchor, never from the last boundary
at          do                       charged  outcome
2026-10-31  subscribe creator month     2900  ok renewal 2026-11-30
2026-11-30  look                        2900  ok renewal 2026-12-31
2026-12-31  look                        2900  ok renewal 2027-01-31
2027-01-31  look                        2900  ok renewal 2027-02-28
2027-02-28  look                        2900  ok renewal 2027-03-31
2027-03-31  look                        2900  ok renewal 2027-04-30
2028-01-31  look                       29000  ok renewal 2028-02-29
2028-02-29  look                        2900  ok renewal 2028-03-31

R-10   anchors on the 30th, the 29th and the 28th
at          do                       charged  outcome
2026-01-30  subscribe creator month     2900  ok renewal 2026-02-28
2026-02-28  look                        2900  ok renewal 2026-03-30
2026-03-30  cancel now                  2900  ok ended 2026-03-30
2027-01-29  subscribe creator month     2900  ok renewal 2027-02-28
2027-02-28  look                        2900  ok renewal 2027-03-29
2027-03-29  cancel now                  2900  ok
2028-01-29  subscribe creator month     2900  ok renewal 2028-02-29
2028-02-29  cancel now                  2900  ok
2028-12-28  subscribe creator month     2900  ok renewal 2029-01-28
2029-02-28  look                        5800  ok renewal 2029-03-28

R-10   a year from 29 February
at          do                      allowance  charged  outcome
2024-02-29  subscribe creator year        200    28800  ok renewal 2025-02-28 refresh 2024-03-29
2025-02-28  look                          200    28800  ok renewal 2026-02-28 refresh 2025-03-29
2026-02-28  look                          200    28800  ok renewal 2027-02-28
2027-02-28  look                          200    28800  ok renewal 2028-02-29
2028-02-29  look                          200    28800  ok renewal 2029-02-28 allowance_from 2028-02-29

R-10 R-11   Berlin, spring: half past two does not exist on 29 March
at                      do                                          allowance  charged  outcome
2026-01-29T02:30+01:00  subscribe creator month zone Europe/Berlin        200     2900  ok renewal 2026-02-28T01:30Z
2026-02-28T02:30+01:00  look                                              200     2900  ok allowance_until 2026-03-30T00:30Z renewal 2026-03-29T01:30Z
2026-03-29T03:29+02:00  look                                              200        0  ok
2026-03-29T03:30+02:00  look                                              400     2900  ok allowance_until 2026-04-28T01:30Z renewal 2026-04-29T00:30Z
2026-03-30T02:30+02:00  look                                              200        0  ok
2026-04-29T02:30+02:00  look                                              200     2900  ok renewal 2026-05-29T00:30Z

R-10   Berlin, autumn: half past two exists twice on 25 October
at                      do                                          charged  outcome
2026-09-25T02:30+02:00  subscribe creator month zone Europe/Berlin     2900  ok renewal 2026-10-25T00:30Z
2026-10-25T02:30+02:00  look                                           2900  ok renewal 2026-11-25T01:30Z
2026-10-25T02:30+01:00  look                                              0  ok
2026-11-25T02:30+01:00  look                                           2900  ok renewal 2026-12-25T01:30Z

R-10   New York: spring, autumn, and a day that is another one in UTC
at                      do                                             charged  outcome
2026-02-08T02:30-05:00  subscribe creator month zone America/New_York     2900  ok renewal 2026-03-08T07:30Z
2026-03-08T03:30-04:00  look                                              2900  ok renewal 2026-04-08T06:30Z
2026-04-01              cancel now                                           0  ok
2026-10-01T01:30-04:00  subscribe creator month zone America/New_York     2900  ok renewal 2026-11-01T05:30Z
2026-11-01T01:30-04:00  look                                              2900  ok renewal 2026-12-01T06:30Z
2026-11-02              cancel now                                           0  ok
2027-01-31T23:30-05:00  subscribe creator month zone America/New_York     2900  ok renewal 2027-03-01T04:30Z
2027-03-01T04:30Z       look                                              2900  ok renewal 2027-04-01T03:30Z

R-11 R-31   ninety calendar days over a change of the clocks
at                        do                                          allowance  pack  outcome
2026-01-15T12:00+01:00    subscribe creator month zone Europe/Berlin        200     0  ok renewal 2026-02-15T11:00Z
2026-01-20                buy 1                                             200   300  ok expires 2026-05-16T10:00Z
2026-01-21                add_on 0                                          200   300  ok
2026-05-16T09:59:59.999Z  look                                              200   300  ok
2026-05-16T10:00Z         look                                              200     0  ok

R-12 R-21   usable from its instant until its expiry, to the millisecond
at                        do                       allowance  pack  outcome
2026-01-17                subscribe creator month        200     0  ok
2026-02-15T23:59:59.999Z  use generate_look 1            199     0  ok
2026-02-16                use generate_look 1              0     0  insufficient_credits available 0
2026-02-16T23:59:59.999Z  use generate_look 1              0     0  insufficient_credits available 0 next 2026-02-17 brings 200
2026-02-17                use generate_look 1            199     0  ok

R-12 R-31   a pack is spent until the millisecond before it expires, and not at it
at                        do                       allowance  pack  outcome
2026-01-17                subscribe creator month        200     0  ok
2026-01-18                buy 1                          200   300  ok expires 2026-05-18
2026-01-18                add_on 0                       200   300  ok
2026-05-17T23:59:59.999Z  use video_asset 20               0   200  ok burned allowance:200,pack:100
2026-05-18                use generate_look 1              0     0  insufficient_credits available 0 shortfall 1 next 2026-06-17

R-13 R-41   a renewal paid four days late is dated at its boundary
at                 do                       allowance  pack  charged  outcome
2026-01-17         subscribe creator month        200     0     2900  ok
2026-01-18         buy 1                          200   300     1500  ok
2026-02-10         method sandbox_declined        200   300        0  ok
2026-02-17         look                             0   300        0  ok status past_due grants 2
2026-02-21T09:00Z  method sandbox_ok              200   600     4400  ok status active allowance_from 2026-02-17 allowance_until 2026-03-19
2026-02-21T09:00Z  look                           200   600        0  ok pack_from 2026-02-17 pack_until 2026-06-15 renewal 2026-03-17

R-13   one boundary missed by every worker: worked late, dated at the boundary   core
at          do                       allowance  charged  outcome
2026-01-17  subscribe creator month        200     2900  ok
2026-02-20  outage                         200     2900  ok skipped 0 allowance_from 2026-02-17 allowance_until 2026-03-19
2026-03-17  look                           400     2900  ok

R-13   a renewal found when the following one is due is skipped   core
at          do                       allowance  charged  outcome
2026-01-17  subscribe creator month        200     2900  ok
2026-05-01  outage                         200     2900  ok skipped 2 allowance_from 2026-04-17 grants 2 renewal 2026-05-17
2026-05-17  look                           200     2900  ok

R-13 R-20   refreshes of an annual plan missed over three months come one by one   core
at          do                      allowance  charged  outcome
2026-01-17  subscribe creator year        200    28800  ok
2026-04-01  outage                        200        0  ok skipped 0 grants 3 allowance_from 2026-03-17
2026-04-17  look                          200        0  ok

R-13 R-41   retries missed count as one, and the end waits for one really made   core
at          do                       allowance  charged  status    outcome
2026-01-17  subscribe creator month        200     2900  active    ok
2026-02-10  method sandbox_declined        200        0  active    ok
2026-02-18  look                             0        0  past_due  ok
2026-02-21  outage                           0        0  past_due  ok
2026-02-21  method sandbox_declined          0        0  past_due  ok
2026-03-01  outage                           0        0  ended     ok ended 2026-03-01

R-13 R-51   a scheduled end missed by every worker is dated where it was scheduled   core
at          do                       allowance  charged  status  outcome
2026-01-17  subscribe creator month        200     2900  active  ok
2026-01-20  cancel                         200        0  active  ok
2026-02-25  outage                           0        0  ended   ok ended 2026-02-17 grants 1

R-14   at one instant: expiries, then the renewal, then its grants, then the caller
at                        do                       allowance  pack  charged  outcome
2026-04-17                subscribe creator month        200     0     2900  ok allowance_until 2026-05-17
2026-05-16T23:59:59.999Z  use generate_look 10           190     0        0  ok
2026-05-17                use generate_look 1            199     0     2900  ok
2026-05-17                buy 1                          199   300     1500  ok renewal 2026-06-17 expires 2026-09-15

R-14 R-33   lowering at the renewal instant comes after the renewal
at                        do                       allowance  pack  charged  outcome
2026-04-17                subscribe creator month        200     0     2900  ok
2026-04-17                buy 2                          200   600     3000  ok
2026-05-17                add_on 1                       200  1200     5900  ok bill 4400
2026-06-16T23:59:59.999Z  add_on 0                         0  1200        0  ok bill 2900
2026-06-17                look                           200  1200     2900  ok

R-14 R-51   at the instant of a scheduled end the caller comes too late
at                        do                       allowance  pack  status  outcome
2026-04-17                subscribe creator month        200     0  active  ok
2026-04-17                cancel                         200     0  active  ok scheduled_at 2026-05-17
2026-05-16T23:59:59.999Z  use generate_look 1            199     0  active  ok
2026-05-17                use generate_look 1              0     0  ended   subscription_not_active
2026-05-17                resume                           0     0  ended   subscription_not_active

R-15   instants are whole milliseconds, cut down
at                           do                       allowance  outcome
2026-01-17T10:00:00.123999Z  subscribe creator month        200  ok anchor 2026-01-17T10:00:00.123Z renewal 2026-02-17T10:00:00.123Z
2026-02-16T10:00:00.122Z     use generate_look 1            199  ok
2026-02-16T10:00:00.123Z     look                             0  ok
2026-02-17T10:00:00.123Z     look                           200  ok
`;
