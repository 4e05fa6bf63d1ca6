import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { monitorActor } from '../../src/actors/monitor.ts';
import { webhooksActor } from '../../src/actors/webhooks.ts';
import { StartStack } from '../../src/app/start-stack.ts';
import { useMonitoring } from '../../src/app/use-monitoring.ts';
import { webhooksInit } from '../../src/app/webhooks-init.ts';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { Egress } from '../../src/infra/egress.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { JetStreamOnDemand } from '../../src/infra/nats/on-demand-store.ts';
import { Secret } from '../../src/keys/secret.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { type ActorSystem, startSystem } from '../../src/runtime/system.ts';
import { type HttpReceiver, startReceiver } from '../support/http-receiver.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const SECRET = new Secret('a-secret-of-this-test');
/** Every rule at once, so that a test need not wait for its time. */
const RULES = ['camera_dark', 'consumer_lag'].map((rule) => `  ${rule}: { for_seconds: 0, clear_seconds: 0 }`);

interface Call {
  readonly event: 'firing' | 'resolved';
  readonly rule: string;
  readonly node: string;
  readonly delivery: unknown;
}

describe('alerts about Gantry on two nodes', () => {
  const folder = temporaryFolder();
  const monitoringFile = join(folder, 'monitoring.yaml');
  let nats: EmbeddedService;
  let receiver: HttpReceiver;
  const calls = (): Call[] =>
    receiver.calls.map(({ body, headers }) => {
      const { data } = JSON.parse(body) as { data: { event: Call['event']; alert: { rule: string; node: string } } };
      return { event: data.event, ...data.alert, delivery: headers['gantry-delivery'] };
    });
  const told = (): string[] => calls().map(({ event, rule }) => `${event} ${rule}`);

  before(async () => {
    nats = await startNatsServer({ dataDir: join(folder, 'nats'), log: memoryLog() });
    receiver = await startReceiver();
    writeFileSync(monitoringFile, ['rules:', ...RULES, `hook_urls: ['${receiver.base}/hook']`].join('\n'));
  });
  after(async () => {
    await nats.stop();
    await receiver.close();
  });

  /** A node with the engine, and with the caller of webhooks. */
  async function node(nodeId: string) {
    const log = memoryLog();
    const stack = new StartStack(log as never);
    const bus = await stack.step(
      'bus',
      () => NatsBus.open({ url: nats.url, startTimeoutMs: 30_000, log }),
      (opened) => opened.close(),
    );
    const metrics = createMetrics({ log, process: false });
    const config = { monitoringFile, hookSecret: SECRET };
    const { monitoring } = await useMonitoring(stack, { config, bus, nodeId, metrics, log });
    const start = (): Promise<ActorSystem> =>
      startSystem(
        supervisor('root', [
          child('webhooks', webhooksActor, () =>
            webhooksInit(
              { hookSecret: SECRET, alertHooks: [] },
              bus,
              new Egress([]),
              new JetStreamOnDemand(bus),
              () => monitoring.settings.now.hookUrls,
            ),
          ),
          child('monitor', monitorActor, () => ({ ...monitoring.init(), everyMs: 50 })),
        ]),
        { log, onEscalation: (error) => assert.fail(error.message) },
      );
    let system: ActorSystem = await stack.step('actors', start, () => system.stop());
    const { port } = monitoring;
    return {
      metrics,
      port,
      shown: () =>
        port.state().alerts.map(({ rule, silencedUntil }) => rule + (silencedUntil === null ? '' : ' (silent)')),
      restart: async () => {
        await system.stop();
        system = await start();
      },
      stop: () => stack.stop(),
    };
  }

  it('shows all of them on each, calls once for each, and again when it is over', async (t) => {
    const first = await node('node-1');
    t.after(() => first.stop());
    const second = await node('node-2');
    t.after(() => second.stop());
    first.metrics.set('camera_dark_seconds', 90, { camera_id: 'north' });
    for (const each of [first, second]) each.metrics.set('nats_consumer_lag', 2_000, { consumer: 'scheduler' });
    const both = ['camera_dark', 'consumer_lag'];
    for (const each of [first, second])
      await until('both alerts on each node', () => each.shown().toSorted().join() === both.join());
    await until('the calls', () => receiver.calls.length >= 2);
    assert.deepEqual(told().toSorted(), ['firing camera_dark', 'firing consumer_lag']);

    assert.match(await first.metrics.render(), /^monitoring_alerts\{rule="camera_dark",severity="critical"\} 1$/mu);

    // The engine of the one that found both begins anew, and announces nothing again.
    await first.restart();
    const inAWeek = new Date(Date.now() + 6 * 86_400_000).toISOString();
    const silence = {
      silenceId: 's-1',
      rule: 'camera_dark',
      cameraId: 'north',
      until: inAWeek,
      reason: 'r',
      by: 'ann',
    };
    assert.equal(await second.port.addSilence(silence), 'added');
    await until('the silence on the other node', () => first.shown().includes('camera_dark (silent)'));
    assert.equal(await first.port.removeSilence('s-1'), true);
    await until('no silence', () => second.shown().includes('camera_dark'));
    assert.equal(receiver.calls.length, 2);

    first.metrics.set('camera_dark_seconds', 0, { camera_id: 'north' });
    for (const each of [first, second]) each.metrics.set('nats_consumer_lag', 0, { consumer: 'scheduler' });
    await until('both are over', () => receiver.calls.length >= 4);
    assert.deepEqual(told().slice(2).toSorted(), ['resolved camera_dark', 'resolved consumer_lag']);
    assert.equal(new Set(calls().map(({ delivery }) => delivery)).size, 4);
    await until('an empty board', () => first.shown().length === 0 && second.shown().length === 0);
  });
});
