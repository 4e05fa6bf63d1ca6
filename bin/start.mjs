#!/usr/bin/env node
// npm start: installs what is missing, then runs Gantry with the arguments given. The script in package.json says "exec":
// npm forwards signals to the shell it starts, which would end without passing them on.
import { ensureInstalled, runNode24 } from './bootstrap.mjs';

await ensureInstalled();
await runNode24('src/main.ts', process.argv.slice(2));
