/** Whether this is `npm run campaigns`: the long runs. `npm test` lives the same tests with fewer of everything. */
const IN_CAMPAIGN = process.env['CAMPAIGN'] === '1';

/** How many of something: a few in `npm test`, all of them in a campaign. */
export const sized = (few: number, all: number): number => (IN_CAMPAIGN ? all : few);
