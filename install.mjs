// Runs before `npm start`, `npm test` and `npx drawdown`: installs the packages that a fresh clone, or a pull, lacks. Plain
// JavaScript, because nothing is installed yet that could translate anything else; this file is read by Node 12 too.
import './install/node-floor.cjs';

export const installed = import('./install/packages.mjs').then(({ install }) => install());
