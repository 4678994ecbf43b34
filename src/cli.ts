import { programOf, USAGE } from './cli/program.ts';

// `drawdown …`: an operator's commands for the shell. Each command is a file of src/cli, loaded when it runs.

const COMMANDS: Record<string, () => Promise<{ program: ReturnType<typeof programOf> }>> = {
  start: () => import('./cli/start.ts'),
  migrate: () => import('./cli/migrate.ts'),
  catalog: () => import('./cli/catalog.ts'),
  keys: () => import('./cli/keys.ts'),
  doctor: () => import('./cli/doctor.ts'),
  verify: () => import('./cli/verify.ts'),
  seal: () => import('./cli/seal.ts'),
  reconcile: () => import('./cli/reconcile.ts'),
  refused: () => import('./cli/refused.ts'),
  rehydrate: () => import('./cli/rehydrate.ts'),
  simulate: () => import('./cli/simulate.ts'),
};

const [asked = ''] = process.argv.slice(2);
const wanted = Object.hasOwn(COMMANDS, asked) ? [asked] : Object.keys(COMMANDS);
const drawdown = programOf('drawdown', 'Subscription credits that are right to the credit.').addHelpText(
  'after',
  USAGE,
);
for (const name of wanted) drawdown.addCommand((await COMMANDS[name]!()).program);
await drawdown.parseAsync();
