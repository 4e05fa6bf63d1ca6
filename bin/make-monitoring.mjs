#!/usr/bin/env node
// Writes the files of deploy/ that are made from the lists of metrics, alert rules and panels in src/monitoring.
// A test fails while they differ from the lists.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureInstalled, ROOT } from './bootstrap.mjs';

await ensureInstalled();
const { deployFiles } = await import('../src/monitoring/deploy-files.ts');
for (const [path, text] of deployFiles()) {
  mkdirSync(dirname(join(ROOT, path)), { recursive: true });
  writeFileSync(join(ROOT, path), text);
  console.log(path);
}
