import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { pullModel } from '../../src/model-store/pull.ts';
import { address } from '../../src/runtime/ref.ts';
import { child, dynamic, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { inferenceActor, type InferenceMessage } from '../support/inference-actor.ts';
import { memoryLog } from '../support/log.ts';
import { Random } from '../support/random.ts';
import { until } from '../support/until.ts';

/** 200 for the full proof, with the bound on memory; fewer in the daily run. */
const ROUNDS = Number(process.env['GANTRY_CHURN_ROUNDS'] ?? 15);
const FAULTS = ['stop', 'throw', 'throw-outside', 'exhaust-memory', 'spin'] as const;

test(
  `${ROUNDS} threads are ended in random ways while an inference runs: the process lives`,
  { timeout: 900_000 },
  async (t) => {
    const { spec } = await pullModel('ssd-mobilenet-v2');
    const system = await startSystem(
      supervisor('root', [dynamic('members', { intensity: { maxRestarts: 10_000, withinMs: 1000 } })]),
      { log: memoryLog(), onEscalation: (error) => assert.fail(error) },
    );
    t.after(() => system.stop());
    const random = new Random(20_261_121);
    const rss: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const fault = random.pick(FAULTS);
      const id = `d-${round}`;
      await system.startChild(
        '/members',
        child(id, inferenceActor, () => spec, {
          placement: { kind: 'thread', maxHeapMb: 64 },
          restart: 'temporary',
          shutdownTimeoutMs: 200,
        }),
      );
      const ref = system.ref(address<InferenceMessage>(`/members/${id}`));
      await until('inferences run', async () => (await ref.ask({ type: 'runs' }, { timeoutMs: 30_000 })) > 1);
      if (fault !== 'stop') ref.tell({ type: fault });
      if (fault === 'exhaust-memory' || fault.startsWith('throw'))
        await until(`${id} ended by ${fault}`, () => ref.tell({ type: 'throw' }) === 'dead', 60_000);
      else await delay(random.below(30));
      await system.stopChild(`/members/${id}`);
      rss.push(process.memoryUsage.rss());
    }
    assert.equal(rss.length, ROUNDS);
    if (ROUNDS < 100) return;
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    // The first quarter fills caches and arenas; a leak would show between the second quarter and the last.
    const [early, late] = [mean(rss.slice(ROUNDS / 4, ROUNDS / 2)), mean(rss.slice((3 * ROUNDS) / 4))];
    const [earlyMb, lateMb] = [early, late].map((bytes) => (bytes / 1e6).toFixed(0));
    console.log(`RSS ${earlyMb} MB in the second quarter, ${lateMb} MB in the last: ${(late / early).toFixed(3)}`);
    assert.ok(late <= 1.1 * early, `${early} -> ${late}`);
  },
);
