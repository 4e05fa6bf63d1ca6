import { plainName } from './stated-risks.ts';
import { statedLevel, type StatedLevel } from './level-words.ts';
import type { Range } from './reasoning.ts';

const LABEL = new RegExp(
  '(?:risk|danger|hazard|threat)[ _-]?(?:level|rating|grade)|level of (?:risk|danger)' +
    '|[风風][险險](?:等[级級]|[级級][别別]|程度|水平)|危[险險](?:等[级級]|程度)',
  'giu',
);
/** Between a label and its level: closing quotes, marks of Markdown, then a separator. */
const SEPARATOR = /[\\"'“”`*_\])\s]{0,8}(?:[:：=|>]|\bis\b|[为為是])[\\"'“”‘’`*_\s]{0,8}/uy;
const LEVEL = /[^\n\r"'“”‘’`<\\{}[\]*]{0,80}/uy;
const MOST_LABELS = 1_000;

/**
 * Levels that a text states outside of JSON: `riskLevel: high`, `**Risk level:** High`, `| risk_level | high |`,
 * 风险等级：高, and those in broken JSON. The ranges in `leftOut` hold JSON that was read already. Linear.
 */
export function labelledLevels(text: string, leftOut: readonly Range[]): readonly StatedLevel[] {
  const stated: StatedLevel[] = [];
  let next = 0;
  for (const match of text.matchAll(LABEL)) {
    while (next < leftOut.length && (leftOut[next]?.to ?? 0) <= match.index) next++;
    if (match.index >= (leftOut[next]?.from ?? Infinity)) continue;
    SEPARATOR.lastIndex = match.index + match[0].length;
    if (SEPARATOR.exec(text) === null) continue;
    LEVEL.lastIndex = SEPARATOR.lastIndex;
    const level = LEVEL.exec(text)?.[0] ?? '';
    // "high|medium" is a list of levels, "high | 0.9 |" a row of a table.
    const whole = statedLevel(level);
    stated.push(whole === 'unclear' ? statedLevel(level.split(/\s\|/, 1)[0] ?? '') : whole);
    if (stated.length >= MOST_LABELS) stated.push('unclear');
    if (stated.length > MOST_LABELS) break;
  }
  return stated;
}

const LINE = /^[\s*_`|>#-]{0,8}([\p{L}][\p{L} _]{1,30})[*_`"|\s]{0,4}[:：=|][*_`"\s]{0,4}(.{0,600})$/u;
const MOST_LINES = 50;

/** The fields of an answer in lines of `name: value`, by plain name. */
export function labelledFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.slice(0, 20_000).split('\n', MOST_LINES)) {
    const match = LINE.exec(line.trim());
    const name = plainName(match?.[1] ?? '');
    if (match !== null && name !== '' && !fields.has(name))
      fields.set(name, (match[2] ?? '').replace(/["*_`|]+$/u, '').trim());
  }
  return fields;
}
