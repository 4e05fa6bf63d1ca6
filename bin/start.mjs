#!/usr/bin/env node
// npm start: installs missing packages, builds the page, then runs Gantry with the arguments given.
// The script in package.json says "exec": npm signals the shell it starts, which would end and not pass the signal on.
import { ensureInstalled, runNode24 } from './bootstrap.mjs';
import { ensurePage } from './build-page.mjs';

await ensureInstalled();
await ensurePage();
await runNode24('src/main.ts', process.argv.slice(2));
