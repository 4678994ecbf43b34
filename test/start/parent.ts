import { childEnvironment } from '../../src/config.ts';
import { launch } from '../../src/embedded/children.ts';

// Run by children.test.ts, which kills it: starts one child in the given folder and stays.
const child = await launch({
  name: 'sleeper',
  command: process.execPath,
  args: ['-e', 'setInterval(() => {}, 1000)'],
  dataDir: process.argv[2]!,
  env: childEnvironment({}),
  stopSignal: 'SIGTERM',
  orphanSignal: 'SIGTERM',
});
process.stdout.write(`${child.pid}\n`);
