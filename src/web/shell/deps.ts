import type { Deps } from '../../api/deps.ts';
import type { LiveVersions } from '../wallet/live.ts';

/** The dependencies of pages: the API's, and the versions that open pages follow. */
export interface PageDeps extends Deps {
  live: LiveVersions;
}
