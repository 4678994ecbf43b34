import { buildClient } from '../../client/build.ts';
import { runningServers } from './servers.ts';

/** Once for all files: `drawdown-client` as its users import it. A short run on servers that run already does without it. */
export const setup = async (): Promise<void> => {
  if (!runningServers()) await buildClient();
};
