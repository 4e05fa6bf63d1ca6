import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { StorageError } from './storage-error.ts';

/** Larger than a key file of 1,000 keys, or any model spec. */
export const MAX_YAML_LENGTH = 256 * 1024;
/** Signs that begin or end something, lines included: each may cost the parser 20 microseconds. */
const MAX_PARTS = 40_000;
/** Brackets inside brackets, or blocks inside blocks. */
const MAX_DEPTH = 64;

/**
 * Parses YAML (or JSON) of an operator in linear time. Throws `TOO_LARGE` or `MALFORMED` with file, line and the kind
 * of problem; no message holds text of the file, since keys may stand there.
 */
export function parseYaml(text: string, file: string): unknown {
  if (text.length > MAX_YAML_LENGTH)
    throw new StorageError(
      'TOO_LARGE',
      `${file} has ${text.length} characters, more than the ${MAX_YAML_LENGTH} it may have`,
      { file },
    );
  if (partsIn(text) > MAX_PARTS)
    throw new StorageError('TOO_LARGE', `${file} has more than the ${MAX_PARTS} lines, names and signs it may have`, {
      file,
    });
  const deep = tooDeepAt(text);
  if (deep !== null) throw malformed(file, deep, `nested more than ${MAX_DEPTH} deep`);
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    // Its own check for names given twice compares each with each.
    document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  } catch (error) {
    throw malformed(file, null, 'cannot be parsed', error);
  }
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line } = lines.linePos(problem.pos[0]);
    const tab = problem.code === 'TAB_AS_INDENT' ? ': indent with spaces' : '';
    throw malformed(file, line, `not valid YAML (${problem.code})${tab}`);
  }
  const twice = nameGivenTwice(document);
  if (twice !== null) throw malformed(file, lines.linePos(twice).line, 'not valid YAML (DUPLICATE_KEY)');
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw malformed(file, null, 'uses its anchors more often than it may (100)', error);
  }
}

function malformed(file: string, line: number | null, problem: string, cause?: unknown): StorageError {
  return new StorageError(
    'MALFORMED',
    `${file}${line === null ? '' : `, line ${line}`}: ${problem}`,
    { file, line, problem },
    cause,
  );
}

/** Offset of the first name that its map has twice; null when there is none. */
function nameGivenTwice(document: Document.Parsed): number | null {
  let found: number | null = null;
  visit(document, {
    Map: (_key, map) => {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value) && key.value !== '<<') found ??= key.range?.[0] ?? 0;
        seen.add(key.value);
      }
      return found === null ? undefined : visit.BREAK;
    },
  });
  return found;
}

function partsIn(text: string): number {
  let parts = 0;
  for (let at = 0; at < text.length; at++) if (PARTS.has(text.charCodeAt(at))) parts += 1;
  return parts;
}
const PARTS: ReadonlySet<number> = new Set(Array.from('\n,:[]{}&*!?"\'%', (sign) => sign.charCodeAt(0)));

/** Line in which brackets or indentation are nested deeper than the bound; null when they are not. */
const tooDeepAt = (text: string): number | null => bracketsTooDeepAt(text) ?? blocksTooDeepAt(text);

/**
 * Counts brackets in quoted texts too: a file with 64 open brackets in one text is refused wrongly, and nobody has one.
 */
function bracketsTooDeepAt(text: string): number | null {
  let line = 1;
  let depth = 0;
  for (const char of text) {
    if (char === '\n') line += 1;
    else if (char === '[' || char === '{') depth += 1;
    else if ((char === ']' || char === '}') && depth > 0) depth -= 1;
    if (depth > MAX_DEPTH) return line;
  }
  return null;
}

function blocksTooDeepAt(text: string): number | null {
  const indents: number[] = [];
  for (const [index, row] of text.split('\n').entries()) {
    // `- - - x` opens a block with each dash.
    const [lead = ''] = /^[ \t]*(?:[-?:][ \t]+)*/u.exec(row) ?? [];
    if (lead.length === row.trimEnd().length && lead.trim() === '') continue;
    while ((indents.at(-1) ?? -1) > leadOf(row)) indents.pop();
    for (const at of blocksIn(lead)) if (at > (indents.at(-1) ?? -1)) indents.push(at);
    if (indents.length > MAX_DEPTH) return index + 1;
  }
  return null;
}

const leadOf = (row: string): number => row.length - row.trimStart().length;

/** Columns at which the start of a row opens blocks. */
function blocksIn(lead: string): number[] {
  const columns: number[] = [];
  for (let at = 0; at < lead.length; at++) if (lead[at] !== ' ' && lead[at] !== '\t') columns.push(at);
  return [...columns, lead.length];
}
