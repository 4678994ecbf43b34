'use strict';
// Runs first, in JavaScript that any Node reads: refuses a Node below the floor before anything else is loaded.
var floor = /(\d+)\.(\d+)/.exec(require('../package.json').engines.node);
var here = /(\d+)\.(\d+)/.exec(process.versions.node);
if (+here[1] < +floor[1] || (+here[1] === +floor[1] && +here[2] < +floor[2])) {
  console.error('Drawdown needs Node ' + floor[0] + ' or newer, and this is Node ' + process.versions.node + '.');
  process.exit(2);
}
