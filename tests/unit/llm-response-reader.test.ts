import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Adaptations } from '../../src/llm/adaptations.ts';
import { readCompletion } from '../../src/llm/completion.ts';
import { meaningOf } from '../../src/llm/error-meanings.ts';
import { errorInAnswer, readProviderError } from '../../src/llm/provider-error.ts';
import { readAnswer } from '../../src/llm/read-answer.ts';
import { readBody } from '../../src/llm/response-reader.ts';
import type { Shape } from '../../src/llm/request-shape.ts';
import { statedWaitMs } from '../../src/llm/waits.ts';

const high = JSON.stringify({ riskLevel: 'high', confidence: 0.9, description: 'A bus drives the wrong way.' });
const pieces = Array.from({ length: Math.ceil(high.length / 20) }, (_, index) =>
  high.slice(index * 20, index * 20 + 20),
);
const chunk = (delta: object, finish: string | null = null): string =>
  JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] });
const stream = (chunks: readonly string[], end = '\n\n'): string =>
  [...chunks, '[DONE]'].map((data) => `data: ${data}${end}`).join('');
const plain = [...pieces.map((content) => chunk({ content })), chunk({}, 'stop')];

function levelOf(text: string): string {
  const body = readBody(text);
  if (body.kind === 'text') return 'text';
  const read = readCompletion(body.value);
  return read.ok ? read.answer.riskLevel : read.reason;
}

describe('a streamed answer', () => {
  const spread =
    `data: {"choices":[{"index":0,\ndata: "delta":{"content":${JSON.stringify(high)}},` +
    '\ndata: "finish_reason":"stop"}]}';
  const tool = pieces.map((part) => chunk({ tool_calls: [{ index: 0, function: { arguments: part } }] }));
  for (const [name, text, right] of [
    ['LF', stream(plain), 'high'],
    ['CR LF', stream(plain, '\r\n\r\n'), 'high'],
    ['nothing but CR', stream(plain, '\r\r'), 'high'],
    ['no empty lines between pieces', stream(plain, '\n'), 'high'],
    ['a piece on several lines', `${spread}\n\ndata: [DONE]\n\n`, 'high'],
    ['a call of a tool, in pieces', stream([...tool, chunk({}, 'tool_calls')]), 'high'],
    [
      'a call of a function, in pieces',
      stream([...pieces.map((part) => chunk({ function_call: { arguments: part } })), chunk({}, 'function_call')]),
      'high',
    ],
    ['breaks off within a piece', stream(plain).slice(0, -120), 'text'],
    ['a call that was cut', stream([...tool.slice(0, 1), chunk({}, 'length')]), 'cut-off'],
  ] as const)
    it(name, () => assert.equal(levelOf(text), right));

  it('costs linear time in line ends of any kind', () => {
    for (const end of ['\n', '\r', '\r\n']) assert.equal(levelOf(`data: {}${end.repeat(400_000)}`), 'empty');
  });
});

describe('answers and errors of more providers', () => {
  it('reads a bare text of DashScope', () =>
    assert.equal(levelOf(JSON.stringify({ output: { text: high, finish_reason: 'stop' } })), 'high'));
  it('takes what Gemini blocks for a refusal of the content', () => {
    for (const body of [
      { choices: [{ finish_reason: 'content_filter: SAFETY', message: { content: null } }] },
      { candidates: [], promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } },
    ])
      assert.equal(levelOf(JSON.stringify(body)), 'content-filter');
  });
  it('finds an error in a wrapper', () => {
    const error = errorInAnswer({ data: { error: { code: 'invalid_api_key', message: 'Incorrect API key' } } });
    assert.equal(error === null ? null : meaningOf(error), 'bad-key');
  });
  for (const [fields, ms] of [
    [{ retry_after: 20 }, 20_000],
    [{ retry_after_ms: 1_500 }, 1_500],
    [{ retry_after: -5 }, null],
    [{ retry_after: 86_400 }, null],
  ] as const)
    it(`waits for ${JSON.stringify(fields)}`, () => {
      const { wait } = readProviderError(429, JSON.stringify({ error: { message: 'slow down', ...fields } }));
      assert.equal(statedWaitMs({ headers: null, wait, message: '', limit: 'rate', now: 1e12 }), ms);
    });
  for (const [message, streams] of [
    ['stream=false is not supported by this model', true],
    ['Non-streaming calls are not supported for this model, use stream=true', true],
    ['该模型不支持非流式调用', true],
    ['parameter.enable_thinking must be set to false for non-streaming calls', false],
  ] as const)
    it(`${streams ? 'streams' : 'does not stream'} after: ${message}`, () => {
      const adaptations = new Adaptations(() => 0);
      const wanted = { responseFormat: 'auto', extraFields: [], pictures: 1 } as const;
      const error = readProviderError(400, JSON.stringify({ error: { message } }));
      assert.equal(adaptations.refused('t', wanted, adaptations.choose('t', wanted), error), true);
      const { stream: streamed }: Shape = adaptations.choose('t', wanted).shape;
      assert.equal(streamed, streams);
    });
  for (const [name, text, right] of [
    ['a missing comma on one line', '{"riskLevel":"high" "confidence":0.9}', 'high'],
    ['quotes in a string are no missing comma', '{"description":"a "red" car","riskLevel":"low"}', 'low'],
    ['spaces before it', `${' '.repeat(200_000)}${high}`, 'high'],
    ['a name with a dot', '{"riskLevel":"RiskLevel.HIGH"}', 'high'],
    ['one word', '{"riskLevel":"HighRisk"}', 'high'],
    ['another word', '{"riskLevel":"significant"}', 'high'],
    ['no level', '{"riskLevel":"RiskLevel"}', 'bad-level'],
  ] as const)
    it(name, () => {
      const read = readAnswer(text);
      assert.equal(read.ok ? read.answer.riskLevel : read.reason, right);
    });
});
