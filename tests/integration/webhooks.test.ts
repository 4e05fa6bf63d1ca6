import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { callAlertHooks } from '../../src/actors/alert-hooks.ts';
import { webhooksActor, type WebhooksInit } from '../../src/actors/webhooks.ts';
import { webhooksInit } from '../../src/app/webhooks-init.ts';
import { readConfig } from '../../src/app/config.ts';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { Egress } from '../../src/infra/egress.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { JetStreamOnDemand } from '../../src/infra/nats/on-demand-store.ts';
import { Secret } from '../../src/keys/secret.ts';
import { newRequestId, newTraceId } from '../../src/messages/ids.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { aggregate } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';
import { type HttpReceiver, startReceiver } from '../support/http-receiver.ts';

const SECRET = new Secret('a-secret-of-this-test');
let folder: string;
let nats: EmbeddedService;
let bus: NatsBus;
let receiver: HttpReceiver;
let base: string;
let calls: HttpReceiver['calls'];

before(async () => {
  folder = temporaryFolder();
  nats = await startNatsServer({ dataDir: join(folder, 'nats'), log: memoryLog() });
  bus = await NatsBus.open({ url: nats.url, startTimeoutMs: 30_000, log: memoryLog() });
  receiver = await startReceiver();
  ({ base, calls } = receiver);
});
after(async () => {
  await bus.close();
  await nats.stop();
  await receiver.close();
});

async function started(alertHooks: readonly string[], over: Partial<WebhooksInit> = {}) {
  const log = memoryLog();
  const init: WebhooksInit = {
    ...webhooksInit({ hookSecret: SECRET, alertHooks }, bus, new Egress([]), new JetStreamOnDemand(bus), () => []),
    backoffMs: [50, 50, 50, 50],
    ...over,
  };
  const system = await startSystem(supervisor('root', [child('webhooks', webhooksActor, () => init)]), {
    log,
    onEscalation: (error) => assert.fail(error.message),
  });
  return { system, log };
}

// First, with nothing before it: a stop hands back what is just being delivered, which the server counts as an attempt.
test('a receiver that stays broken is called five times with the same delivery, then given up', async (t) => {
  calls.length = 0;
  receiver.status = 503;
  const { system, log } = await started([`${base}/down`]);
  t.after(() => system.stop());
  await callAlertHooks(bus, [`${base}/down`], aggregate('north', { risk: 'high' }));
  await until('it is given up', () => log.lines.some(({ message }) => /given up after 5 attempts/.test(message)));
  await new Promise((resolve) => setTimeout(resolve, 300));
  receiver.status = 204;
  await system.stop();
  assert.equal(calls.length, 5);
  assert.ok(calls[0]?.headers['gantry-delivery']);
  assert.equal(new Set(calls.map(({ headers }) => headers['gantry-delivery'])).size, 1);
});

test('each alert hook is called once per alert, signed, also for a revised one and on a private host', async (t) => {
  calls.length = 0;
  const hooks = [`${base}/a`, `${base}/b`];
  const { system } = await started(hooks);
  t.after(() => system.stop());
  const frame = aggregate('north', { risk: 'high' });
  await callAlertHooks(bus, hooks, frame);
  await callAlertHooks(bus, hooks, { ...frame, revision: 1 });
  await until('both are called', () => calls.length >= 2);
  const second = aggregate('north', { risk: 'high' });
  await callAlertHooks(bus, hooks, second);
  await until('the second alert', () => calls.filter(({ body }) => body.includes(second.requestId)).length === 2);
  assert.deepEqual(calls.map(({ path }) => path).toSorted(), ['/a', '/a', '/b', '/b']);
  for (const { body, headers } of calls) {
    const { 'gantry-delivery': id, 'gantry-event': event, 'gantry-signature': signature } = headers;
    const [, time = '', v1 = ''] = /^t=(\d+),v1=(.+)$/.exec(String(signature)) ?? [];
    assert.equal(v1, createHmac('sha256', SECRET.reveal()).update(`${time}.${body}`).digest('hex'));
    assert.deepEqual(
      { event, type: JSON.parse(body).type, id: JSON.parse(body).id },
      { event: 'alert', type: 'alert', id },
    );
  }
});

test('a delivery that waits for its next attempt survives a restart', async (t) => {
  calls.length = 0;
  receiver.status = 500;
  const first = await started([`${base}/later`], { backoffMs: [500, 500, 500] });
  t.after(() => first.system.stop());
  await callAlertHooks(bus, [`${base}/later`], aggregate('north', { risk: 'high' }));
  await until('the first attempt', () => calls.length === 1);
  await until('it will be tried again', () => first.log.lines.some(({ message }) => /called again/.test(message)));
  await first.system.stop();
  receiver.status = 204;
  const second = await started([`${base}/later`]);
  t.after(() => second.system.stop());
  await until('the second attempt', () => calls.length === 2);
});

test('a job that names a private host by itself is refused for good, without a call', async (t) => {
  calls.length = 0;
  const { system, log } = await started([]);
  t.after(() => system.stop());
  const requestId = newRequestId();
  const job = {
    id: 'x',
    kind: 'alert',
    url: `${base}/inside`,
    createdAt: new Date().toISOString(),
    assessmentId: null,
    body: '{}',
  };
  await bus.publish(subjects.webhook('alert'), job, { cameraId: 'north', requestId, traceId: newTraceId() }, 'x');
  await until('it is given up', () => log.lines.some(({ message }) => /given up after \d+ attempts/.test(message)));
  assert.equal(calls.length, 0);
});

test('settings of hooks that cannot work are refused at the start, without showing a secret', () => {
  const cases: readonly [Record<string, string>, RegExp][] = [
    [{ GANTRY_ALERT_HOOKS: 'https://example.com/hook' }, /needs GANTRY_HOOK_SECRET/],
    [{ GANTRY_HOOK_SECRET: 'tooshort' }, /at least 16/],
    [{ GANTRY_HOOK_SECRET: 'x'.repeat(20), GANTRY_ALERT_HOOKS: 'ftp://u:hidden@example.com/' }, /http or https/],
  ];
  for (const [env, message] of cases)
    assert.throws(
      () => readConfig([], env),
      (error: Error) =>
        message.test(error.message) && !error.message.includes('hidden') && !error.message.includes('tooshort'),
    );
  const config = readConfig([], {
    GANTRY_HOOK_SECRET: 'x'.repeat(20),
    GANTRY_ALERT_HOOKS: 'https://a.example/,https://b.example/',
  });
  assert.ok(config !== 'help');
  assert.equal(config.alertHooks.length, 2);
  assert.ok(!JSON.stringify(config).includes('x'.repeat(20)));
});
