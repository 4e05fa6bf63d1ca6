// The test files of the project: by folder, in the order to run.
import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { ROOT } from './bootstrap.mjs';

/** @typedef {{ readonly name: string, readonly files: readonly string[] }} Group the test files of one folder */

/**
 * The folders in the order to run, for two lanes. Chromium is started early, beside the unit tests of one process: the
 * whole programs of `e2e` must keep up with real footage, so they come when less runs beside them.
 */
const ORDER = ['unit', 'pages', 'integration', 'e2e', 'embedded', 'chaos', 'sim', 'threads', 'models'];

/** Folders of tests/ that hold tests, in the order to run. */
export function testFolders() {
  const rank = (/** @type {string} */ name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return readdirSync(join(ROOT, 'tests'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && testFiles(entry.name).length > 0)
    .map((entry) => entry.name)
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** @param {string} folder */
export function testFiles(folder) {
  return readdirSync(join(ROOT, 'tests', folder), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.test.ts'))
    .toSorted()
    .map((name) => join('tests', folder, name));
}

/**
 * The tests to run.
 * @param {readonly string[]} only folders and files; empty: all
 * @returns {Group[]} in the order to run
 */
export function testGroups(only) {
  const files = only.filter((what) => what.endsWith('.test.ts')).map((what) => relative(ROOT, resolve(what)));
  const folders = testFolders().filter((name) => only.length === 0 || only.includes(name));
  const groups = folders.map((name) => ({ name, files: testFiles(name) }));
  const byFolder = groupBy(files);
  for (const [name, some] of byFolder) if (!folders.includes(name)) groups.push({ name, files: some });
  return groups;
}

/**
 * By the folder below tests/. Not Map.groupBy, which Node 20 lacks.
 * @param {readonly string[]} files
 */
function groupBy(files) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const file of files) {
    const folder = file.split('/')[1] ?? '';
    groups.set(folder, [...(groups.get(folder) ?? []), file]);
  }
  return groups;
}
