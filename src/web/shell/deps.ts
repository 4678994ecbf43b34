import type { Deps } from '../../api/deps.ts';
import type { LiveVersions } from '../wallet/live.ts';

/** What pages are made with: all that the API has, and the versions that open pages follow. */
export interface PageDeps extends Deps {
  live: LiveVersions;
}
