import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Answer, ANSWER_JSON_SCHEMA, toGroupAssessment } from '../../src/llm/answer.ts';
import { plainTask } from '../support/assessment-task.ts';

const high = {
  riskLevel: 'high',
  confidence: 0.9,
  riskTypes: ['conflict'],
  description: 'A person in front of a car.',
  dangerObjectCount: 2,
  triggerObjectIds: [10, 11],
};
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
    assert.deepEqual(toGroupAssessment(answer, plainTask()), {
      groupIndex: 1,
      ...high,
      triggerObjectIds: [10],
      dangerObjectCount: 2,
    });
  });
});
