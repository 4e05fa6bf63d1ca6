import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Answer, ANSWER_JSON_SCHEMA, readAnswer, toGroupAssessment } from '../../src/llm/answer.ts';
import { plainTask } from '../support/assessment-task.ts';

const high = { riskLevel: 'high', confidence: 0.9, riskTypes: ['conflict'], description: 'A person in front of a car.', dangerObjectCount: 2, triggerObjectIds: [10, 11] };
const text = (value: unknown): string => JSON.stringify(value);

function levelOf(answer: string): string {
  const read = readAnswer(answer);
  return read.ok ? read.answer.riskLevel : read.code;
}

describe('reading an answer', () => {
  it('takes the flat shape as it is', () => {
    assert.deepEqual(readAnswer(text(high)), { ok: true, answer: high });
  });

  for (const [situation, answer, level] of [
    ['in a code fence', `\`\`\`json\n${text(high)}\n\`\`\``, 'high'],
    ['in prose with brackets', `I think {so} [1]: ${text(high)} Hope that helps {}.`, 'high'],
    ['with braces in a string', text({ ...high, description: 'odd } text { "here" \\' }), 'high'],
    ['in the wrapper', text({ hasDangerousDriving: true, maxRiskLevel: 'high', results: [{ groupIndex: 1, ...high }] }), 'high'],
    ['in the wrapper, worst of several', text({ hasDangerousDriving: true, maxRiskLevel: 'high', results: [{ ...high, riskLevel: 'low' }, high] }), 'high'],
    ['in the wrapper, whose level is worse than its entries', text({ maxRiskLevel: 'high', results: [{ ...high, riskLevel: 'none' }] }), 'high'],
    ['in the wrapper, whose level is better than its entries', text({ maxRiskLevel: 'none', results: [high] }), 'high'],
    ['an empty wrapper that says nothing is dangerous', text({ hasDangerousDriving: false, maxRiskLevel: 'none', results: [] }), 'none'],
    ['an empty wrapper without a level, flag false', text({ hasDangerousDriving: false, results: [] }), 'none'],
    ['an empty wrapper without a level, flag true', text({ hasDangerousDriving: true, results: [] }), 'unknown'],
    ['an empty wrapper without level and flag', text({ results: [] }), 'unknown'],
    ['a wrapper with an entry that is none', text({ hasDangerousDriving: false, maxRiskLevel: 'none', results: ['fine'] }), 'unknown'],
    ['a list', text([{ ...high, riskLevel: 'medium' }]), 'medium'],
    ['snake case', text({ risk_level: 'low' }), 'low'],
    ['upper case and the word risk', text({ riskLevel: 'High Risk' }), 'high'],
    ['Chinese level words', text({ riskLevel: '中风险' }), 'medium'],
    ['drafts before the answer: the worst counts', `${text({ riskLevel: 'none' })} ... ${text(high)}`, 'high'],
    ['an unknown level word', text({ ...high, riskLevel: 'catastrophic' }), 'unknown'],
    ['a level word from the prototype', text({ riskLevel: 'constructor' }), 'unknown'],
    ['a number for a level', text({ riskLevel: 0 }), 'unknown'],
    ['a level of null', text({ riskLevel: null }), 'unknown'],
    ['a flag that contradicts the level', text({ hasDangerousDriving: true, riskLevel: 'none' }), 'unknown'],
    ['a flag that contradicts the other way', text({ hasDangerousDriving: false, riskLevel: 'high' }), 'high'],
    ['nothing', '   ', 'unreadable-answer'],
    ['a refusal', "I'm sorry, I cannot help with none of that.", 'unreadable-answer'],
    ['an answer cut off', text(high).slice(0, -12), 'unreadable-answer'],
    ['JSON of another kind', '{"error":"none"}', 'unreadable-answer'],
    ['a bare word in quotes', '"none"', 'unreadable-answer'],
    ['null', 'null', 'unreadable-answer'],
  ] as const) {
    it(`${situation}: ${level}`, () => {
      assert.equal(levelOf(answer), level);
    });
  }

  it('bends what is nearly right: percentages, single texts, ids as text, too many types', () => {
    const read = readAnswer(text({ riskLevel: 'medium', confidence: '85%', riskTypes: 'tailgating', triggerObjectIds: ['3', 4, -1, 'x'], description: 7 }));
    assert.ok(read.ok);
    assert.deepEqual(read.answer, { riskLevel: 'medium', confidence: 0.85, riskTypes: ['tailgating'], description: '', dangerObjectCount: 2, triggerObjectIds: [3, 4] });
    const many = readAnswer(text({ ...high, confidence: 'sure', riskTypes: ['a', ' ', 'b', 'c', 'd'] }));
    assert.ok(many.ok);
    assert.deepEqual([many.answer.riskTypes, many.answer.confidence], [['a', 'b', 'c'], 0]);
  });

  it('is done soon with a text of nothing but brackets', () => {
    assert.equal(levelOf('{['.repeat(500_000)), 'unreadable-answer');
  });
});

/** Every way in which a JSON can say "none". */
const SAYS_NONE = /"(riskLevel|risk_level|maxRiskLevel|max_risk_level)"\s*:\s*"\s*(none|无)|"(hasDangerousDriving|has_dangerous_driving)"\s*:\s*false/i;

describe('any text at all', () => {
  const word = fc.constantFrom('none', 'low', 'medium', 'high', 'None', 'safe', 'ok', '', 'nothing', '无', '高', 'n/a');
  const field = fc.constantFrom('riskLevel', 'risk_level', 'maxRiskLevel', 'hasDangerousDriving', 'results', 'description', 'level', 'confidence');
  const json = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, word, fc.boolean(), fc.integer(), fc.constant(null), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(field, tie('value'), { maxKeys: 4 })),
  })).value;

  it('is never read as none unless its JSON says so', () => {
    const anything = fc.oneof(fc.string(), fc.json(), json.map(text), fc.tuple(fc.string(), json.map(text), fc.string()).map((parts) => parts.join(' ')));
    fc.assert(
      fc.property(anything, (answer) => {
        const read = readAnswer(answer);
        if (read.ok) Answer.parse(read.answer);
        if (read.ok && read.answer.riskLevel === 'none') assert.match(answer, SAYS_NONE);
      }),
      { numRuns: 3000 },
    );
  });

  it('cut off anywhere is not read as a milder level', () => {
    fc.assert(
      fc.property(fc.constantFrom('low', 'medium', 'high'), fc.nat(), (riskLevel, at) => {
        const whole = text({ hasDangerousDriving: riskLevel !== 'low', maxRiskLevel: riskLevel, results: [{ ...high, riskLevel }] });
        const read = readAnswer(whole.slice(0, at % whole.length));
        if (read.ok) assert.ok(['unknown', riskLevel].includes(read.answer.riskLevel), read.answer.riskLevel);
      }),
    );
  });
});

describe('the schema', () => {
  it('is one for asking and for checking: every field required, nothing else allowed', () => {
    const schema = ANSWER_JSON_SCHEMA as { required: string[]; properties: object; additionalProperties: boolean };
    assert.deepEqual(schema.required.toSorted(), Object.keys(Answer.shape).toSorted());
    assert.deepEqual(Object.keys(schema.properties).toSorted(), Object.keys(Answer.shape).toSorted());
    assert.equal(schema.additionalProperties, false);
    assert.ok(!('$schema' in schema));
  });

  it('becomes the assessment of the group, with no object from outside it', () => {
    const answer = Answer.parse({ ...high, triggerObjectIds: [10, 99, 10], dangerObjectCount: 40 });
    assert.deepEqual(toGroupAssessment(answer, plainTask()), { groupIndex: 1, ...high, triggerObjectIds: [10], dangerObjectCount: 2 });
  });
});
