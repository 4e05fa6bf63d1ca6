import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { KEY_POOL, keyPoolActor } from '../../src/actors/key-pool.ts';
import { schedulerActor } from '../../src/actors/scheduler/scheduler.ts';
import { schedulerSettings } from '../../src/actors/scheduler/scheduler.types.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import { Answer } from '../../src/llm/answer.ts';
import { createVlmClient, type VlmAccess, type VlmReply } from '../../src/llm/client.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { ON_DEMAND_CAMERA } from '../../src/messages/ids.ts';
import type { AssessmentTask } from '../../src/messages/task.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ANSWER_CASES, type AnswerCase } from '../../src/simulator/answers.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { DANGER } from '../support/assess-world.ts';
import { plainTask } from '../support/assessment-task.ts';
import { FakeImages, FakeTaskBus } from '../support/fake-bus.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { memoryLog } from '../support/log.ts';
import { leastLoopDelay } from '../support/loop-delay.ts';
import { until } from '../support/until.ts';

let sim: ProviderSimulator;
let jpeg: Buffer;
before(async () => {
  jpeg = await makeJpeg();
  sim = await startProviderSimulator({ keys: simulatedKeys(3, { qps: 500, rpm: 20_000 }) });
});
after(() => sim.close());

interface Right {
  /** As the model's level, or the level of a picture that nothing was measured on. */
  readonly level: string;
  readonly calls: number;
  /** `rules` where the model said nothing, or nothing that can be read. */
  readonly source: 'vlm' | 'rules';
}
const by = (level: string): Right => ({ level, calls: 1, source: 'vlm' });
const unread = (calls: number): Right => ({ level: 'unknown', calls, source: 'rules' });
const RIGHT: Readonly<Record<AnswerCase, Right>> = {
  'plain-low': by('low'),
  'plain-high': by('high'),
  'plain-none': by('none'),
  think: by('low'),
  'think-draft-high': by('low'),
  'think-end-only': by('low'),
  'think-without-end': unread(1),
  'think-eats-tokens': unread(1),
  'reasoning-field': unread(1),
  'reasoning-beside': by('low'),
  channels: by('low'),
  'cut-wrapper': unread(2),
  'cut-silently': unread(2),
  'trailing-comma': by('high'),
  'full-width': by('high'),
  'single-quotes': by('high'),
  'double-closed': by('high'),
  markdown: by('high'),
  'chinese-level': by('medium'),
  'strange-level': unread(2),
  denied: unread(2),
  'one-key-around': by('high'),
  'json-in-string': by('high'),
  'schema-first': by('high'),
  parts: by('high'),
  'tool-call': by('high'),
  declined: unread(1),
  'declined-in-words': unread(1),
  'content-filter': unread(1),
  nothing: unread(3),
  prose: unread(3),
};

describe('what models say, through provider, client, key pool and scheduler', () => {
  const bus = new FakeTaskBus(systemClock);
  let pool: () => Promise<{ readonly disabled_keys: number; readonly cooling_keys: number }>;
  let stop: () => Promise<void>;
  before(async () => {
    const config = parseKeyConfig({ api_keys: sim.keyEntries() }, {});
    const init = {
      bus,
      images: new FakeImages(jpeg),
      vlm: createVlmClient(),
      language: 'en' as const,
      settings: schedulerSettings(config.scheduler),
      metrics: { llmCall: () => undefined, assessment: () => undefined, shed: () => undefined },
    };
    const memory = new LimitMemory();
    const tree = supervisor('root', [
      child('key-pool', keyPoolActor, () => ({ config, memory })),
      child('scheduler', schedulerActor, () => init),
    ]);
    const system = await startSystem(tree, { log: memoryLog(), onEscalation: (error) => assert.fail(error.message) });
    pool = () => system.ref(KEY_POOL).ask({ type: 'stats' }, { timeoutMs: 30_000 });
    stop = () => system.stop();
  });
  after(() => stop());

  const answerTo = async (task: AssessmentTask): Promise<AssessmentResult> => {
    bus.add(task);
    await until(`${task.taskId} is answered`, () => bus.result(task) !== undefined);
    return AssessmentResult.parse(bus.result(task));
  };

  it('has an expectation for every case of the simulator', () => {
    assert.deepEqual(Object.keys(RIGHT).toSorted(), [...ANSWER_CASES].toSorted());
  });

  for (const [answer, right] of Object.entries(RIGHT) as [AnswerCase, Right][]) {
    it(`${answer}: ${right.level} by ${right.source}, in ${right.calls} calls`, async (t) => {
      t.after(sim.setBehaviour({ kind: 'says', answer }));
      const earlier = sim.calls().length;
      const alone = await answerTo({ ...plainTask({ cameraId: ON_DEMAND_CAMERA, priority: 5 }), members: [] });
      const calls = sim.calls().length - earlier;
      assert.deepEqual(
        { riskLevel: alone.results[0]?.riskLevel, calls },
        { riskLevel: right.level, calls: right.calls },
      );
      assert.equal(alone.error === undefined, right.level !== 'unknown');
      if (alone.error !== undefined) assert.ok(alone.error.message.length > 10, 'the reason is said');

      const group = await answerTo(plainTask());
      assert.deepEqual({ source: group.source, error: group.error }, { source: right.source, error: undefined });
      assert.equal(group.results[0]?.source, right.source);
      if (right.source === 'rules') {
        assert.ok(group.degraded === true && (group.degradedReason?.message.length ?? 0) > 10);
        assert.equal(group.results[0]?.reason, group.degradedReason?.code, 'no level is shown without its mark');
      }
      // No answer says anything about the key that brought it.
      assert.deepEqual(
        { disabled_keys: (await pool()).disabled_keys, cooling_keys: (await pool()).cooling_keys },
        { disabled_keys: 0, cooling_keys: 0 },
      );
    });
  }

  it('a level that what was measured disputes is marked, whatever a picture talked the model into', async (t) => {
    t.after(sim.setBehaviour({ kind: 'says', answer: 'plain-none' }));
    const { results, source } = await answerTo(DANGER());
    assert.deepEqual({ source, riskLevel: results[0]?.riskLevel }, { source: 'vlm', riskLevel: 'high' });
    assert.deepEqual(
      { measured: results[0]?.disputed?.measured, model: results[0]?.disputed?.model },
      { measured: 'high', model: 'none' },
    );
  });
});

describe('a thousand answers of any kind', () => {
  const stated = fc
    .record(
      { riskLevel: fc.constantFrom('none', 'low', 'medium', 'high', '高', 'catastrophic', '') },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value));
  const piece = fc.oneof(
    stated,
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      '<think>',
      '</think>',
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      '```json\n',
      '\n',
      '风险等级：',
      'risk level: ',
      '<|channel|>final<|message|>',
      '\u202e',
      '\u0000',
    ),
    fc
      .constantFrom(' ', '{"a":', '[[', '"', '\\"', '<think>', 'risk level ', '\n')
      .chain((unit) => fc.integer({ min: 1, max: 60_000 }).map((times) => unit.repeat(times))),
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  const content = fc.oneof(
    { weight: 2, arbitrary: stated },
    { weight: 4, arbitrary: text },
    fc.array(fc.record({ type: fc.constantFrom('text', 'thinking', 'x'), text }), { maxLength: 3 }),
    fc.jsonValue(),
  );
  const finish = fc.constantFrom('stop', 'length', 'content_filter', 'error', null, 7, 'x'.repeat(200_000));
  const completion = fc
    .record({
      content,
      finish,
      more: fc.dictionary(fc.constantFrom('refusal', 'reasoning', 'tool_calls', 'parsed'), fc.jsonValue(), {
        maxKeys: 2,
      }),
    })
    .map(({ content: said, finish: end, more }) => ({
      choices: [{ finish_reason: end, message: { content: said, ...more } }],
    }));
  const body = fc.oneof(
    { weight: 6, arbitrary: completion.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string() },
    {
      weight: 1,
      arbitrary: fc
        .jsonValue()
        .map((value) => JSON.stringify({ error: { code: 'x'.repeat(200_000), message: value } })),
    },
    {
      weight: 1,
      arbitrary: fc
        .integer({ min: 1, max: 100_000 })
        .map((depth) => `{"choices":${'['.repeat(depth)}${']'.repeat(depth)}}`),
    },
  );

  it('throw nothing, hold nothing up, and say none only where it stands', async () => {
    const client = createVlmClient();
    const [entry] = sim.keyEntries();
    const { keys } = parseKeyConfig({ api_keys: entry === undefined ? [] : [entry] }, {});
    const task = plainTask();
    const [key] = keys;
    assert.ok(key !== undefined);
    const access: VlmAccess = {
      keyName: 'fuzz',
      secret: key.secret,
      baseUrl: sim.url,
      model: sim.model,
      responseFormat: 'none',
    };
    const pictures = [{ jpeg, caption: '' }];
    const request = { access, prompt: buildPrompt(task, 'en'), pictures, traceId: task.traceId, timeoutMs: 20_000 };
    let longestMs = 0;
    const kinds = new Map<string, number>();
    for (const each of fc.sample(body, { numRuns: 1_000, seed: 15 })) {
      const clear = sim.setBehaviour({ kind: 'sends', body: each });
      let reply!: VlmReply;
      const delayMs = await leastLoopDelay(async () => (reply = await client.call(request)), 250);
      longestMs = Math.max(longestMs, delayMs);
      clear();
      const kind = reply.ok ? Answer.parse(reply.answer).riskLevel : reply.failure.kind;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (kind === 'none') assert.match(each, /none|false/i);
    }
    assert.ok(longestMs < 250, `${longestMs.toFixed(0)} ms`);
    // The sample really reaches both: what can be read and what cannot.
    for (const kind of ['high', 'low', 'unreadable'])
      assert.ok((kinds.get(kind) ?? 0) > 10, JSON.stringify([...kinds]));
  });
});
