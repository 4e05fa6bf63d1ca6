#!/usr/bin/env node
// npm start: installs what is missing, then runs Gantry with the arguments given.
import { ensureInstalled, runNode24 } from './bootstrap.mjs';

await ensureInstalled();
await runNode24('src/main.ts', process.argv.slice(2));
