#!/usr/bin/env node
// npm run example NAME: installs what is missing, then runs examples/NAME.ts.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, fail, ROOT, runNode24 } from './bootstrap.mjs';

const [name, ...args] = process.argv.slice(2);
const names = readdirSync(join(ROOT, 'examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));
if (name === undefined || !names.includes(name))
  fail(`there is no example "${name ?? ''}"; there is ${names.join(', ')}`);

await ensureInstalled();
await runNode24(join('examples', `${name}.ts`), args);
