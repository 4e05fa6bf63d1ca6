import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Answer } from '../../src/llm/answer.ts';
import { readAnswer } from '../../src/llm/read-answer.ts';
import { type Case, high, HIGH, levelWord, low, LOW, NONE, table, text, wrapper } from '../support/answers.ts';

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
  [
    'closed twice',
    '{"riskLevel":"high","confidence":0.9,"riskTypes":["wrong way"]}},"description":"A car drives the wrong way."}"',
    'high',
  ],
  ['closed twice before the level', '{"confidence":0.9}},"riskLevel":"high","description":"x"}', 'high'],
  ['closed twice before a worse level', '{"riskLevel":"none"}},"results":[{"riskLevel":"high"}]}', 'high'],
  ['broken, with one level in it', '{"riskLevel":"high","confidence":0 9}', 'high'],
  ['broken, and maybe cut', '{"riskLevel":"high" oops; "confidence" 0.9}', 'cut-off'],
  [
    'a string without an end that swallows a worse level',
    '{"riskLevel":"low","description":"open, "x":{"riskLevel":"high"}}',
    'high',
  ],
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
  [
    'the wrapper',
    text({ hasDangerousDriving: true, maxRiskLevel: 'high', results: [{ groupIndex: 1, ...high }] }),
    'high',
  ],
  ['worst of several', text({ hasDangerousDriving: true, results: [low, high] }), 'high'],
  ['worse than its entries', wrapper(['none'], 'high'), 'high'],
  ['better than its entries', wrapper(['high'], 'none'), 'high'],
  ['empty, nothing dangerous', text({ hasDangerousDriving: false, maxRiskLevel: 'none', results: [] }), 'none'],
  ['empty, no level, flag false', text({ hasDangerousDriving: false, results: [] }), 'none'],
  ['empty, no level, flag true', text({ hasDangerousDriving: true, results: [] }), 'bad-level'],
  ['empty, no level and no flag', text({ results: [] }), 'bad-level'],
  [
    'with an entry that is none',
    text({ hasDangerousDriving: false, maxRiskLevel: 'none', results: ['fine'] }),
    'bad-level',
  ],
  ['a list', text([{ ...high, riskLevel: 'medium' }]), 'medium'],
  ...[
    'group_assessment',
    'answer',
    'output',
    'data',
    'result',
    'response',
    'arguments',
    '评估结果',
    'properties',
    'analysis',
  ].map((key): Case => [`under "${key}"`, text({ [key]: high }), 'high']),
  ['under several keys', text({ data: { results: { first: [high] } } }), 'high'],
  ['a call of a tool in text', `<tool_call>{"name":"group_assessment","arguments":${HIGH}}</tool_call>`, 'high'],
  ['JSON in a string', text({ answer: HIGH }), 'high'],
  ['fenced JSON in a string', text({ output: { text: `\`\`\`json\n${HIGH}\n\`\`\`` } }), 'high'],
  ['one result by its name', text({ group1: low, group2: high }), 'high'],
  ['several JSONs: the worst counts', `${NONE} ... ${HIGH}`, 'high'],
  ['lines of JSON', `${HIGH}\n${NONE}`, 'high'],
  [
    'the schema first',
    `{"type":"object","properties":{"riskLevel":{"enum":["none","low","medium","high","unknown"]}}}\n${LOW}`,
    'low',
  ],
  [
    'the schema alone',
    '{"type":"object","properties":{"riskLevel":{"type":"string","enum":["none","low","medium","high","unknown"]}}}',
    'no-json',
  ],
  ['a template first', `{"riskLevel":"none|low|medium|high|unknown","confidence":"0 to 1"}\n${LOW}`, 'low'],
  ['a template alone', '{"riskLevel":"none, low, medium, high or unknown"}', 'no-json'],
  ['a template as a list', '{"riskLevel":["none","low","medium","high","unknown"]}', 'no-json'],
  ['a flag that contradicts the level', text({ hasDangerousDriving: true, riskLevel: 'none' }), 'bad-level'],
  ['a flag that contradicts the other way', text({ hasDangerousDriving: false, riskLevel: 'high' }), 'high'],
  ['a description that quotes a judgement', text({ ...low, description: HIGH }), 'low'],
]);

table('names of fields', [
  ...[
    'risk_level',
    'risk-level',
    'RISK_LEVEL',
    'Risk Level',
    'maxRiskLevel',
    'overall_risk_level',
    'dangerLevel',
    'level',
    'risk',
    'severity',
    '风险等级',
    '風險等級',
    '风险级别',
    '危险程度',
    '最高风险等级',
    '等级',
  ].map((name): Case => [name, text({ [name]: 'high' }), 'high']),
  ['a level in an object', text({ riskLevel: { value: 'high', confidence: 0.9 } }), 'high'],
  ['a level in a list', text({ riskLevel: ['high'] }), 'high'],
  ['a risk that is no level', text({ risk: 'rear-end collision', riskLevel: 'low' }), 'low'],
  ['confidence is no level', text({ confidence: 'high', confidenceLevel: 'high', riskLevel: 'low' }), 'low'],
]);

const words = (right: string, list: string): readonly Case[] =>
  list.split('|').map((word): Case => [`"${word}"`, levelWord(word), right]);
table('words for levels', [
  ...words('none', 'none|None|NONE| none |no risk|No danger|zero risk|无|无风险|没有风险|零风险|無風險'),
  ...words(
    'low',
    'low|LOW|Low Risk|minor|slight|very low|minimal|risk: low|低|低风险|较低|偏低|轻微|极低风险|低 风险|ｌｏｗ',
  ),
  ...words(
    'medium',
    'medium|Moderate|mid|中|中等|中等风险|中风险|中度|low to medium|low-medium|low/medium|中低|低至中',
  ),
  ...words(
    'high',
    'high|HIGH RISK|High.|severe|Critical|serious|extremely high|**high**|🔴 High|high ⚠️|Level 3: high|' +
      '高|高危|高风险|较高|很高|严重|重大风险|風險高|嚴重|中高|medium to high|moderate-high|' +
      'High - a person is in front of a car|高（逆行）|ｈｉｇｈ',
  ),
  ...words('unknown', 'unknown|Unknown|未知|无法判断'),
  ...words(
    'bad-level',
    'catastrophic|severe-ish|not high|non-high|no high risk|无高风险|不高|非高|safe|安全|normal|ok|3|n/a|' +
      'constructor|__proto__|low, not high|low (could become high)',
  ),
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
    const bent = {
      riskLevel: 'medium',
      confidence: '85%',
      riskTypes: 'tailgating',
      triggerObjectIds: ['3', 4, -1, 'x', '#7'],
      description: 7,
    };
    assert.deepEqual(fieldsOf(text(bent)), {
      riskLevel: 'medium',
      confidence: 0.85,
      riskTypes: ['tailgating'],
      description: '',
      dangerObjectCount: 3,
      triggerObjectIds: [3, 4, 7],
    });
    assert.deepEqual(fieldsOf(text({ ...high, riskTypes: ['a', ' ', 'b', 'c', 'd'] })).riskTypes, ['a', 'b', 'c']);
  });

  for (const [given, share] of [
    ['0.9', 0.9],
    ['90%', 0.9],
    ['９０％', 0.9],
    [85, 0.85],
    ['0,9', 0.9],
    ['9/10', 0.9],
    ['sure', 0],
    [-1, 0],
    [null, 0],
    [1e9, 0],
    ['high', 0],
  ] as const) {
    it(`confidence ${JSON.stringify(given)} is ${share}`, () =>
      assert.equal(fieldsOf(text({ ...high, confidence: given })).confidence, share));
  }

  it('comes from lines of text, too', () => {
    const answer = fieldsOf('**riskLevel**: high\n**confidence**: 0.9\n**description**: A car drives the wrong way.');
    assert.deepEqual(
      { riskLevel: answer.riskLevel, confidence: answer.confidence, description: answer.description },
      { riskLevel: 'high', confidence: 0.9, description: 'A car drives the wrong way.' },
    );
  });

  it('has neither control characters nor marks that turn the writing, nor half a character', () => {
    const { description } = fieldsOf(
      text({ ...high, description: `\u001b[31mred\u0000\u202eabc\n${'x'.repeat(480)}😀😀😀😀😀😀` }),
    );
    assert.ok(description.length <= 500 && description.isWellFormed());
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(description, /[\u0000-\u001f\u202e]/);
  });

  it('names the words of the worst result', () => {
    const wrapped = fieldsOf(
      text({
        maxRiskLevel: 'high',
        results: [
          { ...low, description: 'mild' },
          { ...high, description: 'wild' },
        ],
      }),
    );
    assert.deepEqual(
      { riskLevel: wrapped.riskLevel, description: wrapped.description },
      { riskLevel: 'high', description: 'wild' },
    );
  });
});
