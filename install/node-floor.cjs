'use strict';
// The first thing that runs: a Node below the floor is refused before anything else is read, in JavaScript that any Node reads.
var floor = /(\d+)\.(\d+)/.exec(require('../package.json').engines.node);
var here = /(\d+)\.(\d+)/.exec(process.versions.node);
if (+here[1] < +floor[1] || (+here[1] === +floor[1] && +here[2] < +floor[2])) {
  console.error('Drawdown needs Node ' + floor[0] + ' or newer, and this is Node ' + process.versions.node + '.');
  process.exit(2);
}
