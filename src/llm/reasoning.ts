/** A part of a text; `to` is the position behind its end. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

const NAMES = 'think|thinking|thought|thoughts|reasoning|reason|reflection|scratchpad|analysis|draft|inner_monologue';
/** `<think>`, `</Thinking>`, `[THINK]`, `◁/think▷`, `<seed:think>`, `<|START_THINKING|>`, `&lt;think&gt;`. */
const TAG = new RegExp(
  '(?:<\\|?|&lt;|◁)(/?)\\s?(begin_of_|end_of_|start_|end_)?(?:[a-z]{1,12}:)?' +
    `(?:${NAMES})(?: [^<>\\n]{0,80})?(?:\\|?>|&gt;|▷)` +
    '|\\[(/?)(?:think|thinking|reasoning)\\]',
  'gi',
);
/** `<|channel|>analysis<|message|>`: only the channel `final` holds the answer. */
const CHANNEL = /<\|channel\|>\s{0,4}(\w{1,20})[^<]{0,40}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>/gi;
/** The same from a server that dropped the marks: "analysis... assistantfinal{...}". */
const BARE_CHANNEL = /assistant\s?final/g;
/** Reasoning as web front ends fold it away. */
const DETAILS = /<details[^<>]{0,200}>\s{0,40}<summary>[^<]{0,80}(?:think|thought|reason|思考|推理)|<\/details>/gi;

interface Mark {
  readonly at: number;
  readonly end: number;
  /** Whether reasoning ends or begins here. */
  readonly closes: boolean;
}

function marksIn(text: string): Mark[] {
  const marks: Mark[] = [];
  const add = (match: RegExpMatchArray, closes: boolean): void => {
    const at = match.index ?? 0;
    marks.push({ at, end: at + match[0].length, closes });
  };
  for (const match of text.matchAll(TAG)) {
    const closing = match[1] === '/' || match[3] === '/' || /^end/i.test(match[2] ?? '');
    add(match, closing);
  }
  for (const match of text.matchAll(CHANNEL)) add(match, match[1]?.toLowerCase() === 'final');
  if (/^\s*analysis/.test(text.slice(0, 100))) for (const match of text.matchAll(BARE_CHANNEL)) add(match, true);
  let folded = false;
  for (const match of text.matchAll(DETAILS)) {
    const closes = match[0] === '</details>';
    if (!closes || folded) add(match, closes);
    folded ||= !closes;
  }
  return marks.toSorted((a, b) => a.at - b.at);
}

/**
 * The range of the answer in a text: behind the last end of reasoning, and before reasoning that does not end. Marks
 * within `quoted` ranges are text that the answer quotes. Null when the text has no reasoning.
 */
export function answerPart(text: string, quoted: () => readonly Range[]): Range | null {
  const all = marksIn(text);
  if (all.length === 0) return null;
  const marks = outside(all, quoted());
  const last = marks.findLastIndex(({ closes }) => closes);
  const begins = marks[last + 1];
  if (marks.length === 0) return null;
  return { from: marks[last]?.end ?? 0, to: begins?.at ?? text.length };
}

/** The marks outside of all ranges; both are sorted. */
function outside(marks: readonly Mark[], ranges: readonly Range[]): Mark[] {
  let next = 0;
  return marks.filter(({ at }) => {
    while (next < ranges.length && (ranges[next]?.to ?? 0) <= at) next++;
    return !(at >= (ranges[next]?.from ?? Infinity));
  });
}

const FINAL = new RegExp(
  '\\bfinal[ _-]?(?:answer|output|result|verdict|judge?ment|assessment|response|json)\\b' +
    '|最终(?:答案|结果|输出|判断|评估|结论|回答)',
  'gi',
);
const ANSWER = /^[ \t#>*_-]{0,8}(?:answer|答案|回答)[ \t*_]{0,4}(?:[:：]|$)|<answer>/gim;

/** Positions behind words by which a text announces its answer, the plainest words first. */
export const answerMarks = (text: string, from: number): readonly number[] =>
  [FINAL, ANSWER].flatMap((pattern) => {
    pattern.lastIndex = from;
    const match = pattern.exec(text);
    return match === null ? [] : [match.index + match[0].length];
  });
