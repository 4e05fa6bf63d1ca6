import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { readAnswer } from '../../src/llm/read-answer.ts';
import { leastCpuMs } from '../support/cpu-ms.ts';
import { high, HIGH, levelWord, LOW, NONE, outcome, text, wrapper } from '../support/answers.ts';

describe('an answer of any size', () => {
  const many = (count: number): string => text({ ...high, riskTypes: Array.from({ length: count }, () => 'type') });
  const nested = (depth: number, inner: string): string => `${'{"a":'.repeat(depth)}${inner}${'}'.repeat(depth)}`;
  const sizes: readonly (readonly [string, (size: number) => string])[] = [
    ['a long description', (size) => text({ description: 'x'.repeat(size), riskLevel: 'high' })],
    ['many types', (size) => many(size / 8)],
    ['many results', (size) => `{"results":[${`${NONE},`.repeat(size / NONE.length)}${HIGH}]}`],
    ['many small results', (size) => `[${'{"level":"low"},'.repeat(size / 16)}]`],
    ['brackets', (size) => '{['.repeat(size / 2)],
    ['open quotes', (size) => '{"'.repeat(size / 2)],
    ['open keys', (size) => '{"a":'.repeat(size / 5)],
    ['nested', (size) => nested(size / 6, HIGH)],
    ['lists in lists', (size) => `${'['.repeat(size / 2)}${']'.repeat(size / 2)}`],
    ['spaces in a level', (size) => levelWord(`low${' '.repeat(size)}x`)],
    ['spaces', (size) => `{"riskLevel":${' '.repeat(size)}"high"}`],
    ['quotes in a string', (size) => `{"riskLevel":"high","description":"${'" '.repeat(size / 2)}`],
    ['commas and quotes', (size) => `{"riskLevel":"high","description":"${'", '.repeat(size / 3)}"}`],
    ['doubtful in doubtful', (size) => '{"a":"b"c,"d":"e"}'.repeat(size / 18)],
    ['backslashes', (size) => `{"riskLevel":"high","description":"${'\\'.repeat(size)}"}`],
    ['escapes', (size) => `{"riskLevel":"high","description":"${'\\u0041'.repeat(size / 6)}"}`],
    ['comments', (size) => `{${'/*'.repeat(size / 2)}`],
    ['comments that end', (size) => `{${'/**/'.repeat(size / 4)}"riskLevel":"high"}`],
    ['marks of reasoning', (size) => '<think>'.repeat(size / 7)],
    ['ends of reasoning', (size) => `${'</think>'.repeat(size / 8)}${LOW}`],
    ['marks in the making', (size) => '<think '.repeat(size / 7)],
    ['channels in the making', (size) => '<|channel|>final'.repeat(size / 16)],
    ['folds in the making', (size) => '<details '.repeat(size / 9)],
    ['labels', (size) => 'risk level: low\n'.repeat(size / 16)],
    ['labels in the making', (size) => 'risk level '.repeat(size / 11)],
    ['line breaks', (size) => `${'\n'.repeat(size)}${LOW}`],
    ['words for an answer', (size) => `${'final answer '.repeat(size / 13)}${LOW}`],
    [
      'risks in strings',
      (size) => text({ a: text({ a: text({ a: text({ a: '[{"riskLevel":"low"}]'.repeat(size / 80) }) }) }) }),
    ],
    ['commas', (size) => `{${','.repeat(size)}"riskLevel":"high"}`],
    ['a long level', (size) => levelWord('high '.repeat(size / 5))],
    ['Chinese without end', (size) => levelWord('高'.repeat(size))],
  ];
  for (const [name, make] of sizes) {
    it(`${name}: no milder level, and soon`, () => {
      // As much as is looked at, and as much as can come.
      for (const said of [make(64_000), make(990_000)]) {
        const read = outcome(said);
        if (said.includes('"high"')) assert.ok(!['none', 'low', 'medium', 'unknown'].includes(read), read);
        const ms = leastCpuMs(() => readAnswer(said), 500);
        assert.ok(ms < 500, `${ms.toFixed(1)} ms for ${said.length} characters`);
      }
    });
  }

  it('nested too deep for a stack', () => {
    let value: unknown = high;
    for (let i = 0; i < 100_000; i++) value = { a: value };
    assert.equal(outcome(value), 'cut-off');
  });
});

/** Every way in which words can say "none". */
const SAYS_NONE = /(none|no risk|无)|(hasDangerousDriving|has_dangerous_driving)"\s*:\s*false/i;

describe('any text at all', () => {
  const word = fc.constantFrom(
    'none',
    'low',
    'medium',
    'high',
    'None',
    'safe',
    'ok',
    '',
    'nothing',
    '无',
    '高',
    'n/a',
    'not high',
  );
  const field = fc.constantFrom(
    'riskLevel',
    'risk_level',
    'maxRiskLevel',
    'hasDangerousDriving',
    'results',
    'description',
    'level',
    'confidence',
    'reasoning',
    '__proto__',
  );
  const json = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      word,
      fc.boolean(),
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(field, tie('value'), { maxKeys: 4 }),
    ),
  })).value;
  const anything = fc.oneof(
    fc.string(),
    fc.json(),
    json.map(text),
    // Nearly right ones, so that some are read.
    fc.tuple(field, word).map(([name, value]) => text({ [name]: value })),
    fc.tuple(fc.string(), json.map(text), fc.string()).map((parts) => parts.join(' ')),
  );

  it('is never read as none unless its words say so, and what is read has the shape', () => {
    let nones = 0;
    fc.assert(
      fc.property(anything, fc.boolean(), (answer, cut) => {
        if (outcome(answer, cut) !== 'none') return;
        nones += 1;
        assert.match(answer, SAYS_NONE);
      }),
      { numRuns: 3_000 },
    );
    assert.ok(nones > 0);
  });

  const noise = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '{',
      '}',
      '[',
      '"',
      "'",
      '```',
      '\n',
      'risk level ',
      LOW,
      NONE,
      '{"riskLevel":"low",',
      'Answer: ',
      '…',
    ),
  );

  it('with a whole high in it is never read as a milder level', () => {
    fc.assert(
      fc.property(
        fc.array(noise, { maxLength: 5 }),
        fc.array(noise, { maxLength: 5 }),
        fc.boolean(),
        (before, after, cut) => {
          // Words by which the text itself says that what is before them is a draft.
          fc.pre(!/answer|think/i.test(after.join('')));
          const read = outcome(`${before.join('')}\n${HIGH}\n${after.join('')}`, cut);
          assert.ok(!['none', 'low', 'medium', 'unknown'].includes(read), read);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('cut off anywhere is not read as a milder level', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('none', 'low', 'high'), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.boolean(),
        (levels, at, cut) => {
          const whole = wrapper([...levels, 'high']);
          const read = outcome(whole.slice(0, at % whole.length), cut);
          assert.ok(!['none', 'low', 'medium', 'unknown'].includes(read), read);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('bent in any way that leaves one reading is read as the same level', () => {
    const bends: readonly ((said: string) => string)[] = [
      (said) => `${said.slice(0, -1)},}`,
      (said) => said.replaceAll(':', '：').replaceAll(',"', '，"'),
      (said) => `<think>${HIGH}${NONE}</think>${said}`,
      (said) => `\`\`\`json\n${said}\n\`\`\``,
      (said) => `{"x":${said}}`,
      (said) => `[${said}]`,
      (said) => said.replaceAll('"', "'"),
      (said) => text({ answer: said }),
      (said) => `// json\n${said}`,
      (said) => `{${said}}`,
    ];
    fc.assert(
      fc.property(
        fc.constantFrom('none', 'low', 'medium', 'high'),
        fc.array(fc.constantFrom(...bends.keys()), { maxLength: 2 }),
        (level, chosen) => {
          const bent = chosen.reduce(
            (said, index) => (bends[index] as (said: string) => string)(said),
            levelWord(level),
          );
          const read = outcome(bent);
          assert.ok(read === level || !['none', 'low', 'medium', 'high'].includes(read), `${read} of ${bent}`);
          if (chosen.length < 2) assert.equal(read, level, bent);
        },
      ),
      { numRuns: 500 },
    );
  });
});
