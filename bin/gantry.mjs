#!/usr/bin/env node
// npm run gantry -- COMMAND: installs missing packages, then runs one of the commands in src/cli.
import { ensureInstalled, runNode24 } from './bootstrap.mjs';

await ensureInstalled();
await runNode24('src/cli/cli.ts', process.argv.slice(2));
