import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Answer } from '../../src/llm/answer.ts';
import { readAnswer } from '../../src/llm/read-answer.ts';

const high = { riskLevel: 'high', confidence: 0.9, riskTypes: ['conflict'], description: 'A person in front of a car.', dangerObjectCount: 2, triggerObjectIds: [10, 11] };
const low = { ...high, riskLevel: 'low' };
const text = (value: unknown): string => JSON.stringify(value);
const HIGH = text(high);
const LOW = text(low);
const NONE = text({ ...high, riskLevel: 'none' });
const levelWord = (word: unknown): string => text({ ...high, riskLevel: word });

/** The level read, or the reason why there is none. */
function outcome(said: unknown, cut = false): string {
  const read = readAnswer(said, cut);
  return read.ok ? Answer.parse(read.answer).riskLevel : read.reason;
}

type Case = readonly [situation: string, said: string, right: string, cut?: true];

function table(name: string, cases: readonly Case[]): void {
  describe(name, () => {
    for (const [situation, said, right, cut] of cases) {
      it(`${situation}: ${right}`, () => assert.equal(outcome(said, cut), right));
    }
  });
}

table('an answer as asked for', [
  ['plain', HIGH, 'high'],
  ['in a code fence', `\`\`\`json\n${HIGH}\n\`\`\``, 'high'],
  ['in a fence of an odd language', `\`\`\`javascript\n${LOW}\n\`\`\``, 'low'],
  ['in a fence without an end', `\`\`\`json\n${LOW}\n`, 'low'],
  ['in prose with brackets', `I think {so} [1]: ${HIGH} Hope that helps {}.`, 'high'],
  ['with braces in a string', text({ ...high, description: 'odd } text { "here" \\' }), 'high'],
  ['behind a byte order mark', `\uFEFF${LOW}`, 'low'],
  ['with zero-width characters', `\u200B{\u200B"riskLevel"\u200B:\u200B"low"\u200B}`, 'low'],
  ['as a JSON string', text(HIGH), 'high'],
  ['nothing', '   ', 'empty'],
  ['a bare word', 'high', 'no-json'],
  ['a bare word in quotes', '"none"', 'no-json'],
  ['null', 'null', 'no-json'],
  ['prose without a level', 'The cars are queueing at a red light.', 'no-json'],
  ['JSON of another kind', '{"error":"none"}', 'no-json'],
  ['a refusal', "I'm sorry, I cannot help with none of that.", 'refusal'],
  ['a refusal in Chinese', '抱歉，我无法评估这张图片。', 'refusal'],
]);

const draft = 'Maybe {"riskLevel":"high","confidence":0.5}? No, they stand still.';
table('reasoning is no answer', [
  ['a draft in reasoning', `<think>${draft}</think>\n${LOW}`, 'low'],
  ['the other way round', `<think>${LOW}</think>\n${HIGH}`, 'high'],
  ...['thinking', 'THINK', 'Reasoning', 'thought', 'reflection', 'scratchpad', 'seed:think'].map(
    (name): Case => [`<${name}>`, `<${name}>${draft}</${name}>${LOW}`, 'low'],
  ),
  ['[THINK]', `[THINK]${draft}[/THINK]${LOW}`, 'low'],
  ['◁think▷', `◁think▷${draft}◁/think▷${LOW}`, 'low'],
  ['escaped tags', `&lt;think&gt;${draft}&lt;/think&gt;${LOW}`, 'low'],
  ['special tokens', `<|START_THINKING|>${draft}<|END_THINKING|>${LOW}`, 'low'],
  ['begin and end of thought', `<|begin_of_thought|>${draft}<|end_of_thought|>${LOW}`, 'low'],
  ['only the end of it', `${draft}</think>${LOW}`, 'low'],
  ['several blocks', `<think>${draft}</think><think>Or ${HIGH}?</think>${LOW}`, 'low'],
  ['nested', `<think><think>${draft}</think>${HIGH}</think>${LOW}`, 'low'],
  ['an empty block', `<think>\n\n</think>\n\n${LOW}`, 'low'],
  ['without an end', `<think>${draft} ${LOW}`, 'reasoning-only'],
  ['without an answer', `<think>${draft}</think>\n`, 'reasoning-only'],
  ['cut off', `<think>${'Let me look again. '.repeat(120)}`, 'reasoning-only', true],
  ['very long', `<think>${`${draft} `.repeat(8_000)}</think>${LOW}`, 'low'],
  ['very long, without an answer', `<think>${`${draft} `.repeat(8_000)}`, 'reasoning-only'],
  ['with an open draft', `<think>Maybe {"riskLevel":"high" hmm</think>${LOW}`, 'low'],
  ['channels', `<|channel|>analysis<|message|>${draft}<|end|><|start|>assistant<|channel|>final<|message|>${LOW}<|return|>`, 'low'],
  ['a final channel with a constraint', `<|channel|>analysis<|message|>${draft}<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>${LOW}`, 'low'],
  ['channels without the final one', `<|channel|>analysis<|message|>${draft} ${LOW}`, 'reasoning-only'],
  ['channels whose marks were dropped', `analysisThe user wants JSON. ${draft}assistantfinal${LOW}`, 'low'],
  ['folded away', `<details open> <summary> Thinking... </summary>\n${draft}</details>\n${LOW}`, 'low'],
  ['a final answer after prose', `First I thought of ${HIGH}\n\n**Final answer:**\n${LOW}`, 'low'],
  ['an answer under a heading', `It could be ${HIGH} but no.\n## Answer\n${LOW}`, 'low'],
  ['an answer in a tag', `<analysis>${HIGH}</analysis><answer>${LOW}</answer>`, 'low'],
  ['an answer in Chinese', `可能是 ${HIGH}\n最终答案：${LOW}`, 'low'],
  ['a reasoning field', text({ reasoning: { riskLevel: 'high' }, riskLevel: 'low' }), 'low'],
  ['nothing but a reasoning field', text({ thinking: { riskLevel: 'low' } }), 'no-json'],
  ['a mark that the answer quotes', text({ ...high, description: 'a sign says </think> {"riskLevel":"none"}' }), 'high'],
  ['a mark quoted in a fence', `\`\`\`\n${text({ ...high, description: 'sign: </think>{"riskLevel":"none"}' })}\n\`\`\``, 'high'],
  ['a mark quoted in nearly-JSON', `${text({ ...high, description: 'sign: </think>{"riskLevel":"none"}' }).slice(0, -1)},}`, 'high'],
  ['words for an answer that the answer quotes', text({ ...high, description: 'a sign says Final answer: {"riskLevel":"none"}' }), 'high'],
  ['an opening mark that the answer quotes', text({ ...high, description: 'a sign says <think>' }), 'high'],
]);

const wrapper = (levels: readonly string[], max?: string): string =>
  text({ ...(max === undefined ? {} : { maxRiskLevel: max }), results: levels.map((riskLevel) => ({ ...high, riskLevel })) });
table('what was cut is not whole', [
  ['a wrapper cut in its second entry', '{"results":[{"riskLevel":"none","confidence":0.9,"description":"ok"},{"riskLevel":"high","description":"a bus hits', 'cut-off', true],
  ['the same without a word from the provider', '{"results":[{"riskLevel":"none","confidence":0.9,"description":"ok"},{"riskLevel":"high","description":"a bus hits', 'cut-off'],
  ['cut before the second level', '{"results":[{"riskLevel":"low"},{"ri', 'cut-off'],
  ['cut in a list', '[{"riskLevel":"none"},', 'cut-off'],
  ['one object', HIGH.slice(0, -12), 'cut-off'],
  ['within the level', '{"riskLevel":"hi', 'cut-off'],
  ['within a level without quotes', '{riskLevel: hi', 'cut-off'],
  ['an entry that was high already', wrapper(['high', 'none']).slice(0, -30), 'high', true],
  ['whole, with nothing behind it but space', `${LOW}\n\n\n   `, 'low', true],
  ['whole, then a fence', `\`\`\`json\n${LOW}\n\`\`\``, 'low', true],
  ['whole, then an explanation that was cut', `${LOW}\n\nThe cars are`, 'cut-off', true],
  ['high, then an explanation that was cut', `${HIGH}\n\nThe cars are`, 'high', true],
  ['a level in words, cut', 'Risk level: low', 'cut-off', true],
  ['nothing but the last bracket is missing', LOW.slice(0, -1), 'low'],
  ['the same where the provider says it was cut', LOW.slice(0, -1), 'cut-off', true],
  ['the last bracket and fields are missing', '{"riskLevel":"low","confidence":0.9', 'cut-off'],
  ['a draft that is whole and an answer that is not', `${LOW} Better: {"riskLevel":"hig`, 'cut-off'],
]);

table('nearly JSON with one reading', [
  ['trailing comma', `${HIGH.slice(0, -1)},}`, 'high'],
  ['trailing comma in a list', HIGH.replace('[10,11]', '[10,11,]'), 'high'],
  ['full-width punctuation', '{"riskLevel"：“high”，"confidence"：0.9}', 'high'],
  ['full-width brackets', '｛“riskLevel”：“high”｝', 'high'],
  ['smart quotes', '{“riskLevel”: “high”, “confidence”: 0.9}', 'high'],
  ['single quotes', `{'riskLevel': 'high', 'description': 'it's a car'}`, 'high'],
  ['no quotes', '{riskLevel: high, confidence: 0.9}', 'high'],
  ['lines without commas', '{\n"confidence": 0.9\n"riskLevel": "high"\n}', 'high'],
  ['literals of Python', "{'riskLevel': 'high', 'ok': True, 'why': None}", 'high'],
  ['no level in Python', "{'riskLevel': None}", 'bad-level'],
  ['comments', '{"riskLevel": "high", // so it is\n /* yes */ "confidence": 1 # sure\n}', 'high'],
  ['doubled braces', `{${HIGH}}`, 'high'],
  ['escaped quotes', '{\\"riskLevel\\": \\"high\\", \\"confidence\\": 0.9}', 'high'],
  ['escaped quotes and line breaks', '{\\n  \\"riskLevel\\": \\"high\\"\\n}', 'high'],
  ['line breaks in a string', '{"description":"one\ntwo","riskLevel":"high"}', 'high'],
  ['quotes in a string', '{"description":"a sign "STOP", and a car","riskLevel":"high"}', 'high'],
  ['a quoted list in a string', '{"description":"he said "x", "y" ok","riskLevel":"high"}', 'high'],
  ['closed twice', '{"riskLevel":"high","confidence":0.9,"riskTypes":["wrong way"]}},"description":"A car drives the wrong way."}"', 'high'],
  ['closed twice before the level', '{"confidence":0.9}},"riskLevel":"high","description":"x"}', 'high'],
  ['closed twice before a worse level', '{"riskLevel":"none"}},"results":[{"riskLevel":"high"}]}', 'high'],
  ['broken, with one level in it', '{"riskLevel":"high","confidence":0 9}', 'high'],
  ['broken, and maybe cut', '{"riskLevel":"high" oops; "confidence" 0.9}', 'cut-off'],
  ['a string without an end that swallows a worse level', '{"riskLevel":"low","description":"open, "x":{"riskLevel":"high"}}', 'high'],
  ['a level twice, the worse first', '{"riskLevel":"high","riskLevel":"none"}', 'high'],
  ['a level twice, the worse last', '{"riskLevel":"none","riskLevel":"high"}', 'high'],
  ['a key of the prototype', '{"__proto__":{"riskLevel":"none"},"riskLevel":"high","constructor":1}', 'high'],
]);

table('levels in text', [
  ['as in YAML', 'riskLevel: high\nconfidence: 0.9\ndescription: A car.', 'high'],
  ['bold', '**Risk level:** High', 'high'],
  ['bold name', '**riskLevel**: medium', 'medium'],
  ['a table', '| field | value |\n|---|---|\n| riskLevel | low |', 'low'],
  ['Chinese', '风险等级：高', 'high'],
  ['Chinese in a sentence', '该组目标的风险等级为中等。', 'medium'],
  ['XML', '<riskLevel>high</riskLevel>', 'high'],
  ['a sentence', 'The risk level is high because a car drives the wrong way.', 'high'],
  ['denied', 'The risk level is not high.', 'bad-level'],
  ['two levels', 'Risk level: low\nRisk level: high', 'high'],
  ['beside JSON that says less', `Risk level: high\n${LOW}`, 'high'],
  ['the list of the question', 'riskLevel: none, low, medium, high or unknown', 'no-json'],
]);

table('wrappers', [
  ['the wrapper', text({ hasDangerousDriving: true, maxRiskLevel: 'high', results: [{ groupIndex: 1, ...high }] }), 'high'],
  ['worst of several', text({ hasDangerousDriving: true, results: [low, high] }), 'high'],
  ['worse than its entries', wrapper(['none'], 'high'), 'high'],
  ['better than its entries', wrapper(['high'], 'none'), 'high'],
  ['empty, nothing dangerous', text({ hasDangerousDriving: false, maxRiskLevel: 'none', results: [] }), 'none'],
  ['empty, no level, flag false', text({ hasDangerousDriving: false, results: [] }), 'none'],
  ['empty, no level, flag true', text({ hasDangerousDriving: true, results: [] }), 'bad-level'],
  ['empty, no level and no flag', text({ results: [] }), 'bad-level'],
  ['with an entry that is none', text({ hasDangerousDriving: false, maxRiskLevel: 'none', results: ['fine'] }), 'bad-level'],
  ['a list', text([{ ...high, riskLevel: 'medium' }]), 'medium'],
  ...['group_assessment', 'answer', 'output', 'data', 'result', 'response', 'arguments', '评估结果', 'properties', 'analysis'].map(
    (key): Case => [`under "${key}"`, text({ [key]: high }), 'high'],
  ),
  ['under several keys', text({ data: { results: { first: [high] } } }), 'high'],
  ['a call of a tool in text', `<tool_call>{"name":"group_assessment","arguments":${HIGH}}</tool_call>`, 'high'],
  ['JSON in a string', text({ answer: HIGH }), 'high'],
  ['fenced JSON in a string', text({ output: { text: `\`\`\`json\n${HIGH}\n\`\`\`` } }), 'high'],
  ['one result by its name', text({ group1: low, group2: high }), 'high'],
  ['several JSONs: the worst counts', `${NONE} ... ${HIGH}`, 'high'],
  ['lines of JSON', `${HIGH}\n${NONE}`, 'high'],
  ['the schema first', `{"type":"object","properties":{"riskLevel":{"type":"string","enum":["none","low","medium","high","unknown"]}}}\n${LOW}`, 'low'],
  ['the schema alone', '{"type":"object","properties":{"riskLevel":{"type":"string","enum":["none","low","medium","high","unknown"]}}}', 'no-json'],
  ['a template first', `{"riskLevel":"none|low|medium|high|unknown","confidence":"0 to 1"}\n${LOW}`, 'low'],
  ['a template alone', '{"riskLevel":"none, low, medium, high or unknown"}', 'no-json'],
  ['a template as a list', '{"riskLevel":["none","low","medium","high","unknown"]}', 'no-json'],
  ['a flag that contradicts the level', text({ hasDangerousDriving: true, riskLevel: 'none' }), 'bad-level'],
  ['a flag that contradicts the other way', text({ hasDangerousDriving: false, riskLevel: 'high' }), 'high'],
  ['a description that quotes a judgement', text({ ...low, description: HIGH }), 'low'],
]);

table('names of fields', [
  ...['risk_level', 'risk-level', 'RISK_LEVEL', 'Risk Level', 'maxRiskLevel', 'overall_risk_level', 'dangerLevel', 'level', 'risk', 'severity', '风险等级', '風險等級', '风险级别', '危险程度', '最高风险等级', '等级'].map(
    (name): Case => [name, text({ [name]: 'high' }), 'high'],
  ),
  ['a level in an object', text({ riskLevel: { value: 'high', confidence: 0.9 } }), 'high'],
  ['a level in a list', text({ riskLevel: ['high'] }), 'high'],
  ['a risk that is no level', text({ risk: 'rear-end collision', riskLevel: 'low' }), 'low'],
  ['confidence is no level', text({ confidence: 'high', confidenceLevel: 'high', riskLevel: 'low' }), 'low'],
]);

const words = (right: string, list: string): readonly Case[] => list.split('|').map((word): Case => [`"${word}"`, levelWord(word), right]);
table('words for levels', [
  ...words('none', 'none|None|NONE| none |no risk|No danger|zero risk|无|无风险|没有风险|零风险|無風險'),
  ...words('low', 'low|LOW|Low Risk|minor|slight|very low|minimal|risk: low|低|低风险|较低|偏低|轻微|极低风险|低 风险|ｌｏｗ'),
  ...words('medium', 'medium|Moderate|mid|中|中等|中等风险|中风险|中度|low to medium|low-medium|low/medium|中低|低至中'),
  ...words('high', 'high|HIGH RISK|High.|severe|Critical|serious|extremely high|**high**|🔴 High|high ⚠️|Level 3: high|高|高危|高风险|较高|很高|严重|重大风险|風險高|嚴重|中高|medium to high|moderate-high|High - a person is in front of a car|高（逆行）|ｈｉｇｈ'),
  ...words('unknown', 'unknown|Unknown|未知|无法判断'),
  ...words('bad-level', 'catastrophic|severe-ish|not high|non-high|no high risk|无高风险|不高|非高|safe|安全|normal|ok|3|n/a|constructor|__proto__|low, not high|low (could become high)'),
  ['"high|medium"', levelWord('high|medium'), 'high'],
  ['"low|medium"', levelWord('low|medium'), 'medium'],
  ['a number', text({ riskLevel: 0 }), 'bad-level'],
  ['null', text({ riskLevel: null }), 'bad-level'],
  ['true', text({ riskLevel: true }), 'bad-level'],
  ['60,000 spaces before it', levelWord(`${' '.repeat(60_000)}high`), 'high'],
  ['60,000 spaces behind it', levelWord(`high${' '.repeat(60_000)}`), 'high'],
  ['60,000 spaces within it', levelWord(`high${' '.repeat(60_000)}risk`), 'high'],
  ['60,000 spaces, then a worse word', levelWord(`low${' '.repeat(60_000)}to high`), 'bad-level'],
]);

describe('the rest of an answer', () => {
  const fieldsOf = (said: string): Answer => {
    const read = readAnswer(said);
    assert.ok(read.ok, JSON.stringify(read));
    return Answer.parse(read.answer);
  };

  it('is taken as it is where it has the shape asked for', () => assert.deepEqual(fieldsOf(HIGH), high));

  it('is bent where it is nearly right', () => {
    const bent = { riskLevel: 'medium', confidence: '85%', riskTypes: 'tailgating', triggerObjectIds: ['3', 4, -1, 'x', '#7'], description: 7 };
    assert.deepEqual(fieldsOf(text(bent)), { riskLevel: 'medium', confidence: 0.85, riskTypes: ['tailgating'], description: '', dangerObjectCount: 3, triggerObjectIds: [3, 4, 7] });
    assert.deepEqual(fieldsOf(text({ ...high, riskTypes: ['a', ' ', 'b', 'c', 'd'] })).riskTypes, ['a', 'b', 'c']);
  });

  for (const [given, share] of [['0.9', 0.9], ['90%', 0.9], ['９０％', 0.9], [85, 0.85], ['0,9', 0.9], ['9/10', 0.9], ['sure', 0], [-1, 0], [null, 0], [1e9, 0], ['high', 0]] as const) {
    it(`confidence ${JSON.stringify(given)} is ${share}`, () => assert.equal(fieldsOf(text({ ...high, confidence: given })).confidence, share));
  }

  it('comes from lines of text, too', () => {
    const answer = fieldsOf('**riskLevel**: high\n**confidence**: 0.9\n**description**: A car drives the wrong way.');
    assert.deepEqual([answer.riskLevel, answer.confidence, answer.description], ['high', 0.9, 'A car drives the wrong way.']);
  });

  it('has neither control characters nor marks that turn the writing, nor half a character', () => {
    const { description } = fieldsOf(text({ ...high, description: `\u001b[31mred\u0000\u202eabc\n${'x'.repeat(480)}😀😀😀😀😀😀` }));
    assert.ok(description.length <= 500 && description.isWellFormed());
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(description, /[\u0000-\u001f\u202e]/);
  });

  it('names the words of the worst result', () => {
    const wrapped = fieldsOf(text({ maxRiskLevel: 'high', results: [{ ...low, description: 'mild' }, { ...high, description: 'wild' }] }));
    assert.deepEqual([wrapped.riskLevel, wrapped.description], ['high', 'wild']);
  });
});

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
    ['judgements in strings', (size) => text({ a: text({ a: text({ a: text({ a: '[{"riskLevel":"low"}]'.repeat(size / 80) }) }) }) })],
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
        // The best of several runs: the machine may be busy.
        let ms = Infinity;
        for (let run = 0; run < 10 && ms >= 50; run++) ms = Math.min(ms, timed(() => readAnswer(said)));
        assert.ok(ms < 50, `${ms.toFixed(1)} ms for ${said.length} characters`);
      }
    });
  }

  it('nested too deep for a stack', () => {
    let value: unknown = high;
    for (let i = 0; i < 100_000; i++) value = { a: value };
    assert.equal(outcome(value), 'cut-off');
  });
});

function timed(work: () => void): number {
  const from = performance.now();
  work();
  return performance.now() - from;
}

/** Every way in which words can say "none". */
const SAYS_NONE = /(none|no risk|无)|(hasDangerousDriving|has_dangerous_driving)"\s*:\s*false/i;

describe('any text at all', () => {
  const word = fc.constantFrom('none', 'low', 'medium', 'high', 'None', 'safe', 'ok', '', 'nothing', '无', '高', 'n/a', 'not high');
  const field = fc.constantFrom('riskLevel', 'risk_level', 'maxRiskLevel', 'hasDangerousDriving', 'results', 'description', 'level', 'confidence', 'reasoning', '__proto__');
  const json = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, word, fc.boolean(), fc.integer(), fc.constant(null), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(field, tie('value'), { maxKeys: 4 })),
  })).value;
  const anything = fc.oneof(fc.string(), fc.json(), json.map(text), fc.tuple(fc.string(), json.map(text), fc.string()).map((parts) => parts.join(' ')));

  it('is never read as none unless its words say so, and what is read has the shape', () => {
    fc.assert(
      fc.property(anything, fc.boolean(), (answer, cut) => {
        if (outcome(answer, cut) === 'none') assert.match(answer, SAYS_NONE);
      }),
      { numRuns: 3_000 },
    );
  });

  const noise = fc.oneof(fc.string(), fc.constantFrom('{', '}', '[', '"', "'", '```', '\n', 'risk level ', LOW, NONE, '{"riskLevel":"low",', 'Answer: ', '…'));

  it('with a whole high in it is never read as a milder level', () => {
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 5 }), fc.array(noise, { maxLength: 5 }), fc.boolean(), (before, after, cut) => {
        // Words by which the text itself says that what is before them is a draft.
        fc.pre(!/answer|think/i.test(after.join('')));
        const read = outcome(`${before.join('')}\n${HIGH}\n${after.join('')}`, cut);
        assert.ok(!['none', 'low', 'medium', 'unknown'].includes(read), read);
      }),
      { numRuns: 3_000 },
    );
  });

  it('cut off anywhere is not read as a milder level', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('none', 'low', 'high'), { minLength: 1, maxLength: 4 }), fc.nat(), fc.boolean(), (levels, at, cut) => {
        const whole = wrapper([...levels, 'high']);
        const read = outcome(whole.slice(0, at % whole.length), cut);
        assert.ok(!['none', 'low', 'medium', 'unknown'].includes(read), read);
      }),
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
      fc.property(fc.constantFrom('none', 'low', 'medium', 'high'), fc.array(fc.constantFrom(...bends.keys()), { maxLength: 2 }), (level, chosen) => {
        const bent = chosen.reduce((said, index) => (bends[index] as (said: string) => string)(said), levelWord(level));
        const read = outcome(bent);
        assert.ok(read === level || !['none', 'low', 'medium', 'high'].includes(read), `${read} of ${bent}`);
        if (chosen.length < 2) assert.equal(read, level, bent);
      }),
      { numRuns: 500 },
    );
  });
});
