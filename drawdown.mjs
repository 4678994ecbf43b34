#!/usr/bin/env node
// `npx drawdown …` in a clone, and `drawdown …` in the image: src/cli.ts, translated as it loads. Plain JavaScript, because
// the translator may have to be installed first; this file is read by Node 12 too.
import { installed } from './install.mjs';

installed
  .then(() => import('tsx/esm/api'))
  .then(({ register }) => {
    register();
    process.setSourceMapsEnabled(true);
    return import('./src/cli.ts');
  });
