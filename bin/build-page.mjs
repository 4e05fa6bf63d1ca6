// Builds the page (web/) unless the build of these sources is there: once after each change of them, in seconds.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, node24, ROOT, run, toolEnvironment } from './bootstrap.mjs';

const WEB = join(ROOT, 'web');
/** Folders of the server's sources of which the page has code, too. */
const SHARED = [['messages'], ['scene'], ['http', 'errors']];
const BUILDS = join(ROOT, '.cache', 'page');
/** A link to the build in use; the server follows it when it starts. */
const CURRENT = join(BUILDS, 'current');
/** Builds that stay: the one in use, and the one that a server started before may still serve. */
const KEPT = 2;
/** A folder of a build this old was left by a process that died. */
const LEFT_MS = 600_000;

/**
 * Makes `.cache/page/current` point to a build of the present sources.
 *
 * @returns {Promise<string>} folder of the build
 */
export async function ensurePage() {
  mkdirSync(BUILDS, { recursive: true });
  const hash = sourcesHash();
  const folder = join(BUILDS, hash);
  if (!existsSync(folder)) {
    const status = await run(node24(), [join(ROOT, 'bin', 'build-page.mjs'), hash], toolEnvironment(), { cwd: ROOT });
    if (status !== 0 || !existsSync(folder))
      fail(`the page could not be built (status ${status}); the reason is above`);
  }
  pointTo(hash);
  return folder;
}

/** Of everything that decides about the result: the sources, the tables they import, the packages, this file. */
function sourcesHash() {
  const hash = createHash('sha256');
  const files = [
    ...filesBelow(WEB),
    ...SHARED.flatMap((folder) => filesBelow(join(ROOT, 'src', ...folder))),
    join(ROOT, 'package-lock.json'),
    join(ROOT, 'bin', 'build-page.mjs'),
  ];
  for (const file of files)
    hash
      .update(`${file.slice(ROOT.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** @param {string} folder @returns {string[]} in order of their names */
const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();

/**
 * Takes the compiled form of packages in place of their JSX, which would double the time of a build.
 *
 * @type {import('vite').Plugin}
 */
const compiledPackages = {
  name: 'gantry:compiled-packages',
  enforce: 'post',
  configEnvironment(_name, config) {
    if (config.resolve?.conditions !== undefined) {
      config.resolve.conditions = config.resolve.conditions.filter((condition) => condition !== 'solid');
    }
  },
};

/**
 * Builds beside `folder` and renames the result, so that starts at the same time don't disturb each other.
 *
 * @param {string} folder
 */
async function build(folder) {
  const began = Date.now();
  const temporary = join(dirname(folder), `building-${basename(folder)}-${process.pid}`);
  const [{ build: viteBuild }, { default: solid }] = await Promise.all([import('vite'), import('vite-plugin-solid')]);
  try {
    await viteBuild({
      root: WEB,
      configFile: false,
      // Relative addresses: a proxy may put a prefix before all paths.
      base: './',
      logLevel: 'warn',
      plugins: [solid(), compiledPackages],
      build: {
        outDir: temporary,
        emptyOutDir: true,
        // The content policy allows no data: scripts and styles.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        reportCompressedSize: false,
        chunkSizeWarningLimit: 700,
        rolldownOptions: { checks: { pluginTimings: false } },
      },
    });
    try {
      renameSync(temporary, folder);
    } catch (error) {
      // Another process was faster.
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  console.log(`Gantry: the page is built in ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

/** @param {string} hash */
function pointTo(hash) {
  if (existsSync(CURRENT) && realpathSync(CURRENT) === realpathSync(join(BUILDS, hash))) return;
  const link = join(BUILDS, `link-${process.pid}`);
  rmSync(link, { force: true });
  symlinkSync(hash, link);
  renameSync(link, CURRENT);
  removeOld(hash);
}

/** @param {string} current */
function removeOld(current) {
  const folders = readdirSync(BUILDS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== current)
    .map(({ name }) => ({ name, at: statSync(join(BUILDS, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .toSorted((a, b) => b.at - a.at);
  const building = folders.filter(({ name, at }) => name.startsWith('building-') && Date.now() - at > LEFT_MS);
  const old = folders.filter(({ name }) => !name.startsWith('building-')).slice(KEPT - 1);
  for (const { name } of [...building, ...old]) rmSync(join(BUILDS, name), { recursive: true, force: true });
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [hash, folder] = process.argv.slice(2);
  if (hash === undefined) await ensurePage();
  // `--into FOLDER`: for an image, whose .cache/ is a volume.
  else if (hash === '--into' && folder !== undefined) await build(resolve(folder));
  else await build(join(BUILDS, hash));
}
