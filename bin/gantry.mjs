#!/usr/bin/env node
// npm run gantry -- COMMAND: installs missing packages, then runs one of the commands in src/cli.
import { ensureInstalled, runNode24 } from './bootstrap.mjs';

const [command = '', ...args] = process.argv.slice(2);
const wantsHelp = args.includes('--help') || args.includes('-h') || args[0] === 'help';
/** Commands that are scripts beside this one. They run without a second process, and take the rest of the arguments. */
const SCRIPTS = ['start', 'bench', 'chaos'];

if (SCRIPTS.includes(command) && !wantsHelp) {
  process.argv.splice(2, 1);
  await import(`./${command}.mjs`);
} else {
  await ensureInstalled();
  await runNode24('src/cli/cli.ts', process.argv.slice(2));
}
