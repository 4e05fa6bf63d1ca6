import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publisherActor } from '../../src/actors/publisher.ts';
import { PUBLISHER } from '../../src/actors/publisher.types.ts';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { Detection } from '../../src/messages/detection.ts';
import { streams } from '../../src/messages/subjects.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { memoryLog } from '../support/log.ts';
import { CALM, detection, group } from '../support/samples.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const DANGER = { ...CALM, personCount: 1, minPersonVehicleDistance: 0, maxSpeed: 500 };

test('a killed nats-server costs no frame within the bound: they come in order; lost ones are counted', async (t) => {
  const folder = temporaryFolder();
  const log = memoryLog();
  const server = await startNatsServer({ dataDir: folder, log });
  t.after(() => server.stop());
  const bus = await NatsBus.open({ url: server.url, startTimeoutMs: 30_000, log });
  t.after(() => bus.close());
  const shed: Detection[] = [];
  const published = new Set<string>();
  const init = {
    bus,
    onPublished: ({ requestId }: Detection) => void published.add(requestId),
    onShed: (frame: Detection) => void shed.push(frame),
  };
  const system = await startSystem(supervisor('root', [child('publisher', publisherActor, () => init)]), {
    log,
    onEscalation: (error) => assert.fail(error.message),
  });
  t.after(() => system.stop());
  const sent: Detection[] = [];
  const send = (count: number): void => {
    for (let i = 0; i < count; i += 1) {
      const frame = detection(sent.length % 50 === 0 ? [group(1, DANGER)] : 1, {
        cameraId: `cam-${sent.length % 7}`,
        frameNumber: sent.length + 1,
      });
      sent.push(frame);
      system.ref(PUBLISHER).tell({ type: 'publish', detection: frame });
    }
  };
  send(100);
  await until('some are there', () => published.size > 20);
  const pid = server.pid();
  assert.ok(pid);
  // In the middle of frames on their way, whose answers never come.
  send(100);
  process.kill(pid, 'SIGKILL');
  send(200);
  await until('the link notices', () => bus.state() === 'reconnecting');
  send(600);
  await until('reconnected', () => bus.state() === 'connected');
  send(10);
  await until('all are told of', () => published.size + shed.length === sent.length);

  const stored = (
    await bus.read({ stream: streams.detections, parser: Detection, from: { seq: 1 }, limit: 2_000 })
  ).map(({ body }) => body);
  assert.deepEqual(new Set(stored.map(({ requestId }) => requestId)), published);
  assert.equal(stored.length, published.size, 'none is there twice');
  assert.ok(shed.length > 0 && shed.length <= 500, `${shed.length} given up`);
  assert.ok(
    shed.every(({ trafficGroups }) => trafficGroups[0]?.features.personCount === 0),
    'what may become an alert is kept',
  );
  for (let camera = 0; camera < 7; camera += 1) {
    const numbers = stored.filter(({ cameraId }) => cameraId === `cam-${camera}`).map(({ frameNumber }) => frameNumber);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  }
});
