#!/usr/bin/env node
// `npx drawdown …` in a clone, and `drawdown …` in the image: the compiled commands where they are up to date, else src/cli.ts,
// translated as it loads. Plain JavaScript, because the translator may have to be installed first; Node 12 reads this file too.
import { installed } from './install.mjs';

installed
  .then(() => import('./install/compiled.mjs'))
  .then(({ isCompiled }) => {
    process.setSourceMapsEnabled(true);
    if (isCompiled()) return import('./dist/cli.js');
    return import('tsx/esm/api').then(({ register }) => {
      register();
      return import('./src/cli.ts');
    });
  });
