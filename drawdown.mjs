#!/usr/bin/env node
// `npx drawdown …` in a clone, and `drawdown …` in the image: src/cli.ts, translated as it loads. Plain JavaScript, because
// what translates may have to be installed first.
import './install.mjs';

const { register } = await import('tsx/esm/api');
register();
process.setSourceMapsEnabled(true);
await import('./src/cli.ts');
