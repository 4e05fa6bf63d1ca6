/** A frame's trace for a terminal. Pure. */
import type { Span } from '../../tracing/span.ts';
import { inOrder, type SpanNode } from '../../tracing/span-tree.ts';

const BAR = 30;
const LABEL = 26;
/** Attributes that are told beside a span, in this order, with the word before each. */
const TOLD: readonly (readonly [name: string, word: string])[] = [
  ['gantry.frame_number', 'frame '],
  ['gantry.objects', 'objects '],
  ['gantry.groups', 'groups '],
  ['gantry.incidents', 'incidents '],
  ['gantry.model', ''],
  ['gantry.detect_ms', 'inference ms '],
  ['gantry.track_ms', 'tracking ms '],
  ['gantry.group_index', 'subject '],
  ['gantry.revision', 'revision '],
  ['gantry.risk_level', ''],
  ['gantry.source', 'by '],
  ['gantry.reason', 'reason '],
  ['gantry.key', 'key '],
  ['gen_ai.request.model', ''],
  ['gantry.hedge', 'hedge '],
  ['gantry.outcome', ''],
  ['gantry.send_ms', 'send ms '],
  ['gantry.model_ms', 'model ms '],
  ['gantry.alert', 'alert '],
];

/** One line for each span: its place in the tree, when it began after the frame, how long it took, and a bar. */
export function traceLines(nodes: readonly SpanNode[]): string[] {
  const rows = inOrder(nodes);
  const from = Math.min(...rows.map(({ span }) => span.startMs));
  const to = Math.max(...rows.map(({ span }) => span.endMs), from + 1);
  return rows.map(({ span, depth }) => {
    const label = `${'  '.repeat(depth)}${span.name}`.padEnd(LABEL);
    if (span.missing !== undefined)
      return `${label}${' '.repeat(2 * TIME + BAR + 4)}${toldOf(span)}(${span.missing})`.trimEnd();
    const times = `+${ms(span.startMs - from)} ${ms(span.endMs - span.startMs)}`;
    const error = span.error === null ? '' : `FAILED ${span.error}`;
    return `${label}${times} |${barOf(span, from, to)}| ${toldOf(span)}${error}`.trimEnd();
  });
}

const TIME = 9;
const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`.padStart(TIME);

function barOf({ startMs, endMs }: Span, from: number, to: number): string {
  const at = (time: number): number => Math.round(((time - from) / (to - from)) * BAR);
  const start = Math.min(BAR - 1, at(startMs));
  const length = Math.max(1, Math.min(BAR, at(endMs)) - start);
  return `${' '.repeat(start)}${'='.repeat(length)}`.padEnd(BAR);
}

const toldOf = ({ attributes }: Span): string =>
  TOLD.flatMap(([name, word]) => {
    const value = attributes[name];
    return value === undefined ? [] : [`${word}${value === true ? '' : String(value)}`.trim()];
  })
    .map((text) => `${text}  `)
    .join('');
