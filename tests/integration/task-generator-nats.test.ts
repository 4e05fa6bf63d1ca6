import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TASK_GENERATOR, taskGeneratorActor } from '../../src/actors/task-generator.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { AssessmentTask } from '../../src/messages/task.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { startBus } from '../support/aggregator.ts';
import { memoryLog } from '../support/log.ts';
import { detection, group, result } from '../support/samples.ts';
import { until } from '../support/until.ts';

let world: Awaited<ReturnType<typeof startBus>>;
before(async () => {
  world = await startBus();
});
after(() => world.stop());

/** A frame taken now of one parked group, unchanged for ten minutes. */
const parked = (cameraId: string): Detection =>
  detection([{ ...group(1), unchangedSince: new Date(Date.now() - 600_000).toISOString() }], {
    cameraId,
    requestId: newRequestId(),
    timestamp: new Date().toISOString(),
  });
const publish = (frame: Detection) =>
  world.bus.publish(subjects.detection(frame.cameraId), frame, frame, frame.requestId);
const question = async (subject: string) =>
  (await world.bus.last({ stream: streams.questions, subject, parser: AssessmentTask }))?.body;

async function started() {
  const init = () => ({ bus: world.bus, validityMs: 30_000 });
  const system = await startSystem(supervisor('root', [child('task-generator', taskGeneratorActor, init)]), {
    log: memoryLog(),
    onEscalation: (error) => assert.fail(error.message),
  });
  const stats = () => system.ref(TASK_GENERATOR).ask({ type: 'stats' }, { timeoutMs: 30_000 });
  return { system, stats };
}

const answered = async (frame: Detection): Promise<void> => {
  const body = { ...result(frame, 1, 'low'), groupId: 'g1', frameTimestamp: frame.timestamp, prior: 0.1 };
  await world.bus.publish(subjects.result(frame.cameraId), body, frame, body.taskId);
};

test('an unchanged group with an answer is not asked about; a generator started later knows it too', async (t) => {
  const first = await started();
  t.after(() => first.system.stop());
  const asked = parked('lot');
  await publish(asked);
  const { requestId } = await until('the question', () => question('assessment-tasks.p2.lot.g1'));
  assert.equal(requestId, asked.requestId);

  await answered(asked);
  // The subscription and the frames take different ways.
  await until('a saved call', async () => {
    await publish(parked('lot'));
    return (await first.stats()).carried > 0;
  });
  await first.system.stop();

  const second = await started();
  t.after(() => second.system.stop());
  await until('a saved call of the second', async () => {
    await publish(parked('lot'));
    return (await second.stats()).carried > 0;
  });
});

test('a newer question takes the place of one that was not fetched, and of that group alone', async (t) => {
  const { system, stats } = await started();
  t.after(() => system.stop());
  const frames = [1, 2, 3].map(() => detection(2, { cameraId: 'road', timestamp: new Date().toISOString() }));
  for (const [index, frame] of frames.entries()) {
    await publish(frame);
    await until('its questions', async () => (await stats()).byCamera['road']?.tasks === 2 * (index + 1));
  }
  const jsm = await world.bus.link.nc.jetstreamManager({ checkAPI: false });
  const { state } = await jsm.streams.info(streams.questions, { subjects_filter: 'assessment-tasks.*.road.*' });
  assert.deepEqual(state.subjects, { 'assessment-tasks.p2.road.g1': 1, 'assessment-tasks.p2.road.g2': 1 });
  for (const subject of Object.keys(state.subjects ?? {}))
    assert.equal((await question(subject))?.requestId, frames[2]?.requestId);
});
