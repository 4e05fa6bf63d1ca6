import type { SimulatedAnswer } from './simulated-answer.ts';

/** An answer as real models give it instead of a plain one. The level inside is `low` or `high`, by the case. */
interface Said {
  readonly content: unknown;
  /** Default `stop`. */
  readonly finish?: string;
  /** Further fields of the message. */
  readonly message?: object;
}

const LOW: SimulatedAnswer = {
  riskLevel: 'low',
  confidence: 0.8,
  riskTypes: ['crowded'],
  description: 'Cars stand in a queue.',
  dangerObjectCount: 0,
  triggerObjectIds: [],
};
const HIGH: SimulatedAnswer = {
  ...LOW,
  riskLevel: 'high',
  riskTypes: ['wrong way'],
  description: 'A car drives the wrong way.',
};
const low = JSON.stringify(LOW);
const high = JSON.stringify(HIGH);
const withLevel = (riskLevel: string): string => JSON.stringify({ ...HIGH, riskLevel });
const DRAFT = 'Maybe {"riskLevel":"high","confidence":0.5}? No, they stand still.';

const CASES = {
  'plain-low': { content: low },
  'plain-high': { content: high },
  'plain-none': { content: withLevel('none') },
  think: { content: `<think>The cars are close together.</think>\n${low}` },
  'think-draft-high': { content: `<think>${DRAFT}</think>\n${low}` },
  'think-end-only': { content: `${DRAFT}</think>\n${low}` },
  'think-without-end': { content: `<think>${DRAFT} ${low}` },
  'think-eats-tokens': { content: `<think>${'Let me look again. '.repeat(120)}`, finish: 'length' },
  'reasoning-field': { content: '', finish: 'length', message: { reasoning_content: `It may be ${high}` } },
  'reasoning-beside': { content: low, message: { reasoning_content: `It may be ${high}` } },
  channels: {
    content: `<|channel|>analysis<|message|>${DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>${low}`,
  },
  'cut-wrapper': {
    content:
      '{"results":[{"riskLevel":"none","confidence":0.9,"description":"ok"},' +
      '{"riskLevel":"high","description":"a bus hits',
    finish: 'length',
  },
  'cut-silently': { content: high.slice(0, -30) },
  'trailing-comma': { content: `${high.slice(0, -1)},}` },
  'full-width': { content: '{"riskLevel"：“high”，"confidence"：0.9}' },
  'single-quotes': { content: high.replaceAll('"', "'") },
  'double-closed': {
    content:
      '{"riskLevel":"high","confidence":0.9,"riskTypes":["wrong way"]}},"description":"A car drives the wrong way."}"',
  },
  markdown: { content: '**Risk level:** High\n**Description:** A car drives the wrong way.' },
  'chinese-level': { content: withLevel('中等风险') },
  'strange-level': { content: withLevel('catastrophic') },
  denied: { content: withLevel('not high') },
  'one-key-around': { content: `{"group_assessment":${high}}` },
  'json-in-string': { content: JSON.stringify(high) },
  'schema-first': {
    content: `{"type":"object","properties":{"riskLevel":{"enum":["none","low","medium","high","unknown"]}}}\n${high}`,
  },
  parts: {
    content: [
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: high },
    ],
  },
  'tool-call': {
    content: null,
    finish: 'tool_calls',
    message: { tool_calls: [{ id: 't', type: 'function', function: { name: 'assess', arguments: high } }] },
  },
  declined: { content: null, message: { refusal: "I can't help" } },
  'declined-in-words': { content: "I'm sorry, but I can't assist with that request." },
  'content-filter': { content: null, finish: 'content_filter' },
  nothing: { content: '' },
  prose: { content: 'The cars stand in a queue.' },
} as const satisfies Readonly<Record<string, Said>>;
export type AnswerCase = keyof typeof CASES;
export const ANSWER_CASES = Object.keys(CASES) as readonly AnswerCase[];

/** The body of a 200 with this answer. */
export function saidBody(answer: AnswerCase, model: string): object {
  const said: Said = CASES[answer];
  return {
    id: 'chatcmpl-sim',
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1_000),
    model,
    choices: [
      {
        index: 0,
        finish_reason: said.finish ?? 'stop',
        message: { role: 'assistant', content: said.content, ...said.message },
      },
    ],
    usage: { prompt_tokens: 900, completion_tokens: 80, total_tokens: 980 },
  };
}
