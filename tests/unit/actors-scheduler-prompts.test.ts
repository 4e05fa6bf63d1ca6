import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PromptTexts } from '../../src/actors/scheduler/prompt-texts.ts';
import { NO_CALL, withSpent } from '../../src/actors/scheduler/result.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import type { AssessmentResult } from '../../src/messages/assessment.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { plainTask } from '../support/assessment-task.ts';
import { memoryLog } from '../support/log.ts';

test('the text of a prompt is kept once a day, and again after a failure', async () => {
  const clock = new ManualClock();
  const texts: unknown[] = [];
  let failing = true;
  const publish = (subject: string, body: object | string) => {
    if (failing) return Promise.reject(new Error('no'));
    texts.push([subject, body]);
    return Promise.resolve({ seq: 1, duplicate: false });
  };
  const prompts = new PromptTexts({ publish }, clock, memoryLog());
  const task = plainTask();
  const prompt = buildPrompt(task, 'en');
  prompts.keep(prompt, task);
  await clock.advance(0);
  failing = false;
  for (let answer = 0; answer < 3; answer += 1) prompts.keep(prompt, task);
  assert.deepEqual(texts, [[`prompt-texts.${prompt.hash}`, { text: prompt.instructions }]]);
  await clock.advance(24 * 3_600_000);
  prompts.keep(prompt, task);
  assert.equal(texts.length, 2);
});

test('tokens and cost stand beside a reply that is kept', () => {
  const metadata = { ...NO_CALL, promptTokens: 800, completionTokens: 60 };
  const result = { metadata, results: [{ groupIndex: 1, reply: '{}' }] } as unknown as AssessmentResult;
  assert.deepEqual(withSpent(result, 0.002).results[0]?.spent, {
    promptTokens: 800,
    completionTokens: 60,
    cost: 0.002,
  });
  const plain = { metadata, results: [{ groupIndex: 1 }] } as unknown as AssessmentResult;
  assert.equal(withSpent(plain, 0.002).results[0]?.spent, undefined);
});
