import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Answer } from '../../src/llm/answer.ts';
import { readCompletion, unreadOutcome } from '../../src/llm/completion.ts';
import { leastCpuMs } from '../support/cpu-ms.ts';

const LOW = {
  riskLevel: 'low',
  confidence: 0.8,
  riskTypes: ['crowded'],
  description: 'Cars queue.',
  dangerObjectCount: 0,
  triggerObjectIds: [],
};
const HIGH = { ...LOW, riskLevel: 'high' };
const [low, high] = [JSON.stringify(LOW), JSON.stringify(HIGH)];
const none = JSON.stringify({ ...LOW, riskLevel: 'none' });
const CUT = '{"results":[{"riskLevel":"none"},{"riskLevel":"high","desc';

/** A completion with one choice. */
const said = (content: unknown, finish: string | null = 'stop', message: object = {}): object => ({
  id: 'c',
  object: 'chat.completion',
  model: 'fake',
  choices: [{ index: 0, finish_reason: finish, message: { role: 'assistant', content, ...message } }],
  usage: { prompt_tokens: 900, completion_tokens: 80, total_tokens: 980 },
});
const choices = (...contents: readonly string[]): object => ({
  choices: contents.map((content, index) => ({ index, finish_reason: 'stop', message: { content } })),
});

function outcome(completion: unknown): string {
  const read = readCompletion(completion);
  return read.ok ? Answer.parse(read.answer).riskLevel : read.reason;
}

for (const [name, cases] of Object.entries<
  readonly (readonly [situation: string, completion: unknown, right: string])[]
>({
  'an answer': [
    ['plain', said(low), 'low'],
    ['without a reason for its end', said(low, null), 'low'],
    [
      'as parts',
      said([
        { type: 'thinking', thinking: 'hm' },
        { type: 'text', text: high },
      ]),
      'high',
    ],
    [
      'as parts that belong together',
      said([
        { type: 'text', text: high.slice(0, 20) },
        { type: 'text', text: high.slice(20) },
      ]),
      'high',
    ],
    ['as parts without types', said([{ text: high }]), 'high'],
    ['as parts of texts', said([high]), 'high'],
    ['as a part of a newer kind', said([{ type: 'output_text', text: high }]), 'high'],
    ['as a part with the text in an object', said([{ type: 'text', text: { value: high } }]), 'high'],
    ['as an object', said(HIGH), 'high'],
    ['as a part that is an object', said([{ type: 'json', json: HIGH }]), 'high'],
    [
      'of a part that is a draft',
      said([
        { type: 'reasoning', text: high },
        { type: 'text', text: low },
      ]),
      'low',
    ],
    ['of a part marked as thought', said([{ thought: true, text: high }, { text: low }]), 'low'],
    ['beside reasoning in its own field', said(low, 'stop', { reasoning_content: `Maybe ${high}` }), 'low'],
    ['beside an empty error', { ...said(low), error: null }, 'low'],
    [
      'in the call of a tool',
      said(null, 'tool_calls', { tool_calls: [{ type: 'function', function: { name: 'x', arguments: high } }] }),
      'high',
    ],
    [
      'in the call of a tool, as an object',
      said('', 'tool_calls', { tool_calls: [{ function: { arguments: HIGH } }] }),
      'high',
    ],
    [
      'in the call of a function',
      said(null, 'function_call', { function_call: { name: 'x', arguments: high } }),
      'high',
    ],
    [
      'beside a sentence',
      said('Here is my judgement.', 'tool_calls', { tool_calls: [{ function: { arguments: high } }] }),
      'high',
    ],
    ['already parsed', said(null, 'stop', { parsed: HIGH }), 'high'],
    ['of several choices, the worst first', choices(high, low), 'high'],
    ['of several choices, the worst last', choices(low, high), 'high'],
    ['of several choices, one cut', choices(low, CUT), 'cut-off'],
    ['of several choices, one empty', choices('', low), 'low'],
    ['of a list of one completion', [said(high)], 'high'],
    ['under one more key', { data: said(high) }, 'high'],
    ['under two more keys', { code: 200, data: { output: said(high) } }, 'high'],
    ['of an old completion', { choices: [{ text: high, finish_reason: 'stop' }] }, 'high'],
    ['as one message', { message: { content: high }, done_reason: 'stop' }, 'high'],
    [
      'with keys of the prototype',
      JSON.parse(`{"__proto__":{"choices":[]},"choices":[{"message":{"content":${JSON.stringify(high)}}}]}`),
      'high',
    ],
  ],
  'what was cut': [
    ['the wrapper', said(CUT, 'length'), 'cut-off'],
    ['the wrapper, by another word', said(CUT, 'MAX_TOKENS'), 'cut-off'],
    ['prose with a level', said('Risk level: low', 'max_tokens'), 'cut-off'],
    ['a whole object behind which nothing is', said(`${low}\n\n\n`, 'length'), 'low'],
    ['broken off by the provider', said(low.slice(0, 40), 'insufficient_system_resource'), 'cut-off'],
    ['by a filter, high already', said(`${high} and`, 'content_filter'), 'high'],
    ['by a filter, nothing read', said('{"riskLevel":"no', 'content_filter'), 'cut-off'],
  ],
  'no answer': [
    ['a refusal', said(null, 'stop', { refusal: "I can't help" }), 'refusal'],
    ['a refusal in its part', said([{ type: 'refusal', refusal: 'no' }], 'stop', { refusal: 'no' }), 'refusal'],
    ['a refusal in words', said("I'm sorry, but I can't assist with that request."), 'refusal'],
    ['a filter', said(null, 'content_filter'), 'content-filter'],
    ['a filter by another name', said('', 'SAFETY'), 'content-filter'],
    ['nothing', said(''), 'empty'],
    ['null', said(null), 'empty'],
    ['nothing, all tokens used', said('', 'length'), 'reasoning-only'],
    ['reasoning in the text, cut', said(`<think>${'Let me look again. '.repeat(120)}`, 'length'), 'reasoning-only'],
    ['reasoning in its own field', said('', 'length', { reasoning_content: `It is ${high}` }), 'reasoning-only'],
    ['reasoning in its own field, not cut', said(null, 'stop', { reasoning: high }), 'reasoning-only'],
    ['parts of reasoning', said([{ type: 'thinking', thinking: high }]), 'reasoning-only'],
    ['prose', said('The cars stand.'), 'no-json'],
    ['a word that is no level', said('{"riskLevel":"catastrophic"}'), 'bad-level'],
    ['an error', { error: { message: 'Rate limit exceeded', code: 429 } }, 'error-in-body'],
    ['an error as text', { error: 'overloaded' }, 'error-in-body'],
    ['an error in a choice', { choices: [{ error: { code: 502 }, finish_reason: 'error' }] }, 'error-in-body'],
    ['an error in other words', { code: 'Throttling', message: 'slow down' }, 'error-in-body'],
    ['no choices', { choices: [] }, 'not-a-completion'],
    ['a choice without a message', { choices: [{}] }, 'not-a-completion'],
    ['something else', { hello: 'world' }, 'not-a-completion'],
    ['a text', 'none', 'not-a-completion'],
    ['nothing at all', null, 'not-a-completion'],
    ['a judgement that is no completion', LOW, 'not-a-completion'],
  ],
})) {
  describe(name, () => {
    for (const [situation, completion, right] of cases) {
      it(`${situation}: ${right}`, () => assert.equal(outcome(completion), right));
    }
  });
}

describe('a completion', () => {
  it('brings model, end and tokens; tokens also where nothing could be read', () => {
    const whole = readCompletion(said(low));
    assert.ok(whole.ok);
    assert.deepEqual(
      {
        model: whole.model,
        finish: whole.finish,
        promptTokens: whole.promptTokens,
        completionTokens: whole.completionTokens,
      },
      { model: 'fake', finish: 'stop', promptTokens: 900, completionTokens: 80 },
    );
    const cut = readCompletion(said(CUT, 'length'));
    assert.deepEqual(cut, {
      ok: false,
      reason: 'cut-off',
      message: 'the answer was cut off',
      promptTokens: 900,
      completionTokens: 80,
    });
  });

  it('that refuses the content is an outcome of its own, unless part of an answer came', () => {
    assert.equal(unreadOutcome('refusal', 'no').kind, 'content-refused');
    assert.equal(unreadOutcome('content-filter', 'no').kind, 'content-refused');
    assert.deepEqual(unreadOutcome('cut-off', 'cut'), { kind: 'unreadable', reason: 'cut-off', message: 'cut' });
  });

  it('of any shape at all throws nothing, and is read as none only where it says so', () => {
    const key = fc.constantFrom(
      'choices',
      'message',
      'content',
      'text',
      'error',
      'data',
      'output',
      'parsed',
      'tool_calls',
      'function',
      'arguments',
      'finish_reason',
      'type',
      'riskLevel',
      '__proto__',
    );
    const leaf = fc.oneof(
      fc.constantFrom(low, high, CUT, 'none', 'stop', 'length', '', '<think>'),
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        leaf,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    }));
    const answer = fc.constantFrom(none, low, high, CUT, 'none');
    const completions = fc.oneof(
      { weight: 9, arbitrary: value },
      // Nearly right ones, so that some are read.
      {
        weight: 1,
        arbitrary: fc.tuple(answer, value).map(([content, other]) => ({ other, choices: [{ message: { content } }] })),
      },
    );
    let nones = 0;
    fc.assert(
      fc.property(completions, (completion) => {
        if (outcome(completion) !== 'none') return;
        nones += 1;
        assert.match(JSON.stringify(completion), /none/);
      }),
      { numRuns: 2_000 },
    );
    assert.ok(nones > 0);
  });

  for (const [situation, make] of [
    ['many choices', () => ({ choices: Array.from({ length: 300_000 }, () => ({})) })],
    ['many parts', () => said(Array.from({ length: 60_000 }, () => ({ text: 'a' })))],
    ['nested deep', () => JSON.parse(`${'{"data":'.repeat(100_000)}1${'}'.repeat(100_000)}`) as unknown],
    ['a content nested deep', () => said(JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`))],
    [
      'many calls of tools',
      () =>
        said(null, 'stop', { tool_calls: Array.from({ length: 50_000 }, () => ({ function: { arguments: '{}' } })) }),
    ],
    ['a model and an end of 200 kB', () => ({ ...said(low, 'x'.repeat(200_000)), model: 'x'.repeat(200_000) })],
  ] as const) {
    it(`${situation}: read soon`, () => {
      const completion = make();
      // Square time would be seconds.
      const ms = leastCpuMs(() => readCompletion(completion), 500);
      assert.ok(ms < 500, `${ms} ms`);
    });
  }
});

describe('the reply of a completion', () => {
  it('is the answer as it was written, that of the worst choice, cut to a thousand characters', () => {
    const replyOf = (completion: unknown): string => {
      const read = readCompletion(completion);
      return read.ok ? read.reply : assert.fail(read.message);
    };
    assert.equal(replyOf(said(` ${low}\n`)), low);
    assert.equal(replyOf(choices(low, high)), high);
    const long = replyOf(said(`${' '.repeat(50)}${low}${' and so on'.repeat(200)}`));
    assert.deepEqual([long.length, long.startsWith(low)], [1_000, true]);
  });
});
