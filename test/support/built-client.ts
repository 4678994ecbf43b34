import { buildClient } from '../../client/build.ts';

/** Once for all files: `drawdown-client` as its users import it. */
export const setup = (): Promise<void> => buildClient();
