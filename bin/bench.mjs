#!/usr/bin/env node
// npm run bench:NAME: installs missing packages, then runs bench/NAME/main.ts.
// bench/ has packages of its own, for the benchmarks that compare Gantry with other libraries.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, fail, npm, ROOT, runNode24 } from './bootstrap.mjs';
import { ensurePage } from './build-page.mjs';

const BENCH = join(ROOT, 'bench');
const MODULES = join(BENCH, 'node_modules');
const STAMP = join(MODULES, '.gantry-lock-sha256');

const [name = '', ...args] = process.argv.slice(2);
const names = readdirSync(BENCH).filter((folder) => existsSync(join(BENCH, folder, 'main.ts')));
if (!names.includes(name)) fail(`there is no benchmark "${name}"; there is ${names.join(', ')}`);

await ensureInstalled();
if (name === 'page') await ensurePage();
// These compare Gantry with packages that it does not use itself.
if (existsSync(join(BENCH, name, 'peers.ts'))) await ensureBenchInstalled();
await runNode24(join('bench', name, 'main.ts'), args);

async function ensureBenchInstalled() {
  const hash = createHash('sha256')
    .update(readFileSync(join(BENCH, 'package-lock.json')))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash) return;
  console.log('Gantry: installing the packages to compare with into bench/ (about 5 MB to download, once) ...');
  const status = await npm(['ci'], {}, { cwd: BENCH });
  if (status !== 0)
    fail(
      `"npm ci" in ${BENCH} ended with status ${status}; its own message is above. ` +
        'Is the npm registry reachable from here?',
    );
  writeFileSync(STAMP, hash);
}
