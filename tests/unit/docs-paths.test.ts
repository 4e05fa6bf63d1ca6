import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { METRICS } from '../../src/infra/metric-table.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'NOTICE', ...globSync('docs/*.md', { cwd: ROOT })];
const TEXTS = new Map(DOCUMENTS.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));

/** The matches of `pattern` (its first group, or the whole match) in each document, as `DOCUMENT: MATCH`. */
function found(pattern: RegExp): { readonly document: string; readonly match: string }[] {
  return [...TEXTS].flatMap(([document, text]) =>
    [...text.matchAll(pattern)].map(([whole, group]) => ({ document, match: group ?? whole })),
  );
}

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gmu)].map(([, title = '']) => anchorOf(title));

describe('the documents', () => {
  test('name only files and folders that exist', () => {
    const paths = found(/(?<![\w./-])(?:src|tests|docs|bin|bench|examples|web|config|models|deploy)\/[\w./*-]*[\w*]/gu);
    assert.ok(paths.length > 80, `found ${paths.length} paths`);
    // Made by whoever follows the text.
    const made = ['config/api_keys.yaml', 'config/api_keys.enc', 'config/monitoring.yaml'];
    const missing = paths.filter(({ match }) => !made.includes(match) && globSync(match, { cwd: ROOT }).length === 0);
    assert.deepEqual(missing, []);
  });

  test('name only scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    const named = [...found(/npm run ([\w:-]+)/gu), ...found(/npm (start|test)\b/gu)];
    assert.ok(named.length > 20, `found ${named.length} scripts`);
    assert.deepEqual(
      named.filter(({ match }) => !Object.hasOwn(scripts, match)),
      [],
    );
  });

  test('link only to files and headings that exist', () => {
    const links = found(/\]\(([^)\s]+)\)/gu).filter(({ match }) => !/^https?:/u.test(match));
    assert.ok(links.length > 20, `found ${links.length} links`);
    const broken = links.filter(({ document, match }) => {
      const [path = '', anchor] = match.split('#');
      const target = path === '' ? document : join(document, '..', path);
      if (globSync(target, { cwd: ROOT }).length === 0) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(join(ROOT, target), 'utf8')).includes(anchor);
    });
    assert.deepEqual(broken, []);
  });

  test('quote only messages that the code has', () => {
    const operations = TEXTS.get('docs/operations.md') ?? '';
    const [, troubleshooting = ''] = operations.split(/^## Troubleshooting$|^## Metrics$/mu);
    const symptoms = [...troubleshooting.matchAll(/^\| ([^|]+) \|/gmu)].map(([, symptom = '']) => symptom);
    const quotes = symptoms.flatMap((symptom) => [...symptom.matchAll(/"([^"]+)"/gu)].map(([, quote = '']) => quote));
    assert.ok(quotes.length > 20, `found ${quotes.length} quotes`);
    const files = globSync(['src/**/*.ts', 'web/src/**/*.{ts,tsx}'], { cwd: ROOT });
    // Texts that are too long for a line are joined from parts.
    const code = files
      .map((file) => readFileSync(join(ROOT, file), 'utf8').replaceAll(/['`] \+\s+['`]/gu, ''))
      .join('\n');
    // An ellipsis, or N, is a value that the code inserts.
    const missing = quotes.flatMap((quote) => quote.split(/…|\bN\b/u)).filter((part) => !code.includes(part.trim()));
    assert.deepEqual(missing, []);
  });

  test('list the metrics that the code has', () => {
    const [, after = ''] = (TEXTS.get('docs/operations.md') ?? '').split(/^## Metrics$/mu);
    const [section = ''] = after.split(/^## /mu);
    const listed = [...section.matchAll(/`([a-z]\w+_\w+|cameras)[`{]/gu)].map(([, name]) => name);
    assert.deepEqual(listed.toSorted(), Object.keys(METRICS).toSorted());
  });

  test('name only variables of the environment that the code reads', () => {
    const files = globSync('{src,tests}/**/*.ts', { cwd: ROOT });
    const code = files.map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n');
    const variables = found(/\b(GANTRY_[A-Z_]*[A-Z])\b/gu).map(({ match }) => match.replace(/_FILE$/u, ''));
    assert.ok(variables.length > 50, `found ${variables.length} variables`);
    assert.deepEqual(
      [...new Set(variables)].filter((name) => !code.includes(name)),
      [],
    );
  });
});
