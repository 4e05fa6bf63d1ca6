import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');
const LONGEST_LINE = 120;
const MOST_LINES = 350;

/** Files that may be longer. One that no longer needs it must go from this list. */
const LONGER_FILES: readonly string[] = [];

const sources = ['src', 'web', 'bin', 'bench', 'tests', 'examples'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:tsx?|mjs|js)$/u.test(file) && !/(?:^|\/)(?:node_modules|vendor)\//u.test(file))
    .map((file) => join(folder, file))
    .map((file) => ({ file, lines: readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n') })),
);

test('no line is longer than 120 characters', () => {
  assert.ok(sources.length > 500, 'the scan sees the sources');
  const long = sources.flatMap(({ file, lines }) =>
    lines.flatMap((line, index) => (line.length > LONGEST_LINE ? [`${file}:${index + 1}`] : [])),
  );
  assert.deepEqual(long, []);
});

test('no file has more than 350 lines, but for those that are named here', () => {
  const long = sources.filter(({ lines }) => lines.length > MOST_LINES).map(({ file }) => file);
  assert.deepEqual(long.toSorted(), LONGER_FILES.toSorted());
});
