import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Answer } from '../../src/llm/answer.ts';
import { readAnswer } from '../../src/llm/read-answer.ts';

export const high = {
  riskLevel: 'high',
  confidence: 0.9,
  riskTypes: ['conflict'],
  description: 'A person in front of a car.',
  dangerObjectCount: 2,
  triggerObjectIds: [10, 11],
};
export const low = { ...high, riskLevel: 'low' };
export const text = (value: unknown): string => JSON.stringify(value);
export const HIGH = text(high);
export const LOW = text(low);
export const NONE = text({ ...high, riskLevel: 'none' });
export const levelWord = (word: unknown): string => text({ ...high, riskLevel: word });

/** The level read, or the reason why there is none. */
export function outcome(said: unknown, cut = false): string {
  const read = readAnswer(said, cut);
  return read.ok ? Answer.parse(read.answer).riskLevel : read.reason;
}

export type Case = readonly [situation: string, said: string, right: string, cut?: true];

export function table(name: string, cases: readonly Case[]): void {
  describe(name, () => {
    for (const [situation, said, right, cut] of cases) {
      it(`${situation}: ${right}`, () => assert.equal(outcome(said, cut), right));
    }
  });
}

export const wrapper = (levels: readonly string[], max?: string): string =>
  text({
    ...(max === undefined ? {} : { maxRiskLevel: max }),
    results: levels.map((riskLevel) => ({ ...high, riskLevel })),
  });
