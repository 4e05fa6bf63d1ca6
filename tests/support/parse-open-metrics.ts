import assert from 'node:assert/strict';

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar: (Pick<ParsedSample, 'labels' | 'value'> & { readonly timestamp: number }) | null;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABELS = String.raw`\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*)\}`;
const NUMBER = String.raw`(?:NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]\d+)?)`;
const SAMPLE = new RegExp(`^(${NAME})(?:${LABELS})? (${NUMBER})(?: # ${LABELS} (${NUMBER}) (${NUMBER}))?$`, 'u');
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/**
 * Reads OpenMetrics 1.0.0 as strictly as its specification: each family once and together, its samples with the
 * suffixes of its type, each series once, exemplars on buckets only and of 128 characters at most, `# EOF` at the end.
 */
export function parseOpenMetrics(text: string): {
  readonly families: ReadonlyMap<string, string>;
  readonly samples: readonly ParsedSample[];
} {
  assert.ok(text.endsWith('\n# EOF\n'), 'ends with # EOF');
  const families = new Map<string, string>();
  const names = new Set<string>();
  const series = new Set<string>();
  const samples: ParsedSample[] = [];
  let family = '';
  for (const line of text.slice(0, -'# EOF\n'.length).trimEnd().split('\n')) {
    const [, word = '', name = '', rest = ''] = /^# (TYPE|HELP) (\S+) (.*)$/u.exec(line) ?? [];
    if (word === 'TYPE') {
      assert.ok(!families.has(name), `${name} comes twice`);
      family = name;
      families.set(name, rest);
      for (const suffix of SUFFIXES[rest] ?? assert.fail(`${name} is a ${rest}`)) {
        assert.ok(!names.has(`${name}${suffix}`), `${name}${suffix} is a name of two families`);
        names.add(`${name}${suffix}`);
      }
    } else if (word === 'HELP') {
      assert.equal(name, family);
      assert.match(rest, /^(?:[^\\"\n]|\\[\\n"])*$/u);
    } else samples.push(sampleIn(line, family, families.get(family) ?? '', series));
  }
  return { families, samples };
}

function sampleIn(line: string, family: string, type: string, series: Set<string>): ParsedSample {
  const [, name = '', labels, value = '', exemplarLabels, exemplarValue = '', timestamp = ''] =
    SAMPLE.exec(line) ?? assert.fail(`not a sample: ${line}`);
  const suffix = name.slice(family.length);
  assert.ok(name.startsWith(family) && SUFFIXES[type]?.includes(suffix) === true, `${name} in the ${type} ${family}`);
  const key = line.slice(0, line.length - line.slice(name.length + (labels?.length ?? -2) + 2).length);
  assert.ok(!series.has(key), `${key} comes twice`);
  series.add(key);
  if (exemplarLabels === undefined) return { name, labels: labelsIn(labels), value: numberOf(value), exemplar: null };
  assert.equal(suffix, '_bucket', 'an exemplar of a bucket');
  const exemplar = {
    labels: labelsIn(exemplarLabels),
    value: numberOf(exemplarValue),
    timestamp: numberOf(timestamp),
  };
  assert.ok(Object.entries(exemplar.labels).flat().join('').length <= 128, 'a short exemplar');
  return { name, labels: labelsIn(labels), value: numberOf(value), exemplar };
}

function labelsIn(text = ''): Record<string, string> {
  const found = [...text.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"/gu)];
  const labels = found.map(([, name = '', value = '']) => [name, unescaped(value)] as const);
  assert.equal(new Set(labels.map(([name]) => name)).size, labels.length, 'each label once');
  return Object.fromEntries(labels);
}

const unescaped = (text: string): string => text.replaceAll(/\\(.)/gu, (_, of: string) => (of === 'n' ? '\n' : of));
const numberOf = (text: string): number => Number(text.replace('Inf', 'Infinity'));
