#!/usr/bin/env node
// npm run chaos: installs missing packages, then breaks a whole Gantry by a seeded schedule and checks that all
// messages arrive.
import { ensureInstalled, runNode24 } from './bootstrap.mjs';

await ensureInstalled();
await runNode24('tests/chaos/main.ts', process.argv.slice(2));
