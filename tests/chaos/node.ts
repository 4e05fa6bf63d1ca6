/**
 * A Gantry node as `npm start` runs it, for chaos runs: it writes down every detection before anything is done with it,
 * its cameras can be sabotaged, its clock set, and it can be told to emit detections of simulated cameras beside the
 * real ones.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { FrameMaker } from '../../bench/pipeline/frames.ts';
import { makePictures } from '../../bench/pipeline/pictures.ts';
import { PUBLISHER } from '../../src/actors/publisher.types.ts';
import { runAsProgram } from '../../src/app/program.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { JetStreamImages } from '../../src/infra/nats/image-store.ts';
import { startGantry } from '../../src/main.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { address } from '../../src/runtime/ref.ts';
import type { ActorSystem } from '../../src/runtime/system.ts';
import { Random } from '../support/random.ts';
import { memoryLog } from '../support/log.ts';
import { saboteurCamera, type Sabotage } from '../support/saboteur-camera.ts';
import type { JournalLine, NodeOrder } from './record.ts';

const STORE_MS = 300;
/** One frame in so many shows nobody, and one group in so many a person in the way of a fast car. */
const EMPTY_IN = 4;
const DANGER_IN = 4;

const journal = process.env['CHAOS_JOURNAL'];
const note = (line: JournalLine): void => {
  if (journal !== undefined) appendFileSync(journal, `${JSON.stringify(line)}\n`);
};

/** The clock that all parts of the node read; timers do not follow it, as when a machine's clock is set. */
const machineNow = Date.now.bind(Date);
let aheadMs = 0;
Date.now = () => machineNow() + aheadMs;

const emitting = new AbortController();

await runAsProgram(async (options) => {
  const gantry = await startGantry({
    ...options,
    cameraActor: saboteurCamera,
    onDetected: ({ requestId, cameraId, trafficGroups }) =>
      note({ type: 'emitted', requestId, cameraId, groups: trafficGroups.length, at: Date.now() }),
    onShed: ({ requestId }) => note({ type: 'shed', requestId }),
  });
  process.on('message', (order: NodeOrder) => {
    if (order.type === 'sabotage')
      gantry.system.ref(address<Sabotage>(`/cameras/${order.cameraId}`)).tell({ type: 'end-thread' });
    if (order.type === 'clock') aheadMs = order.aheadMs;
    if (order.type === 'quiet') emitting.abort();
    if (order.type === 'emit')
      emit(order, gantry.system, gantry.natsUrl).catch((thrown: unknown) =>
        options.log.error({ err: thrown }, 'the simulated cameras failed'),
      );
  });
  // The parent is gone: leave nothing behind.
  process.on('disconnect', () => process.exit(1));
  process.send?.({ type: 'up', url: gantry.url });
  return gantry;
});

async function emit(
  { cameraIds, everyMs, seed, forMs }: Extract<NodeOrder, { type: 'emit' }>,
  system: ActorSystem,
  natsUrl: string,
): Promise<void> {
  const bus = await NatsBus.open({ url: natsUrl, startTimeoutMs: 10_000, log: memoryLog() });
  const images = new JetStreamImages(bus);
  const { crops } = await makePictures();
  const until = forMs === undefined ? emitting.signal : AbortSignal.any([emitting.signal, AbortSignal.timeout(forMs)]);
  const stored = async (id: string, index: number): Promise<boolean> => {
    const crop = crops[index % crops.length];
    if (crop === undefined || bus.state() !== 'connected') return false;
    return Promise.race([
      images.put(id, crop, cameraIds[0] ?? 'chaos').then(
        () => true,
        () => false,
      ),
      delay(STORE_MS).then(() => false),
    ]);
  };
  const camera = async (cameraId: string, index: number): Promise<void> => {
    const maker = new FrameMaker(cameraId, seed + index);
    const random = new Random(seed * 100 + index);
    await delay((everyMs * index) / cameraIds.length);
    while (!until.aborted) {
      const frame = maker.next(Date.now());
      const [first] = frame.trafficGroups;
      const trafficGroups =
        random.below(EMPTY_IN) === 0 || first === undefined
          ? []
          : [random.below(DANGER_IN) === 0 ? dangerous(first) : first];
      // As in a camera: a detection whose picture cannot be stored in time goes on without it.
      const group = trafficGroups[0];
      const cropId =
        group !== undefined && group.cropId !== null && (await stored(group.cropId, index)) ? group.cropId : null;
      system.ref(PUBLISHER).tell({
        type: 'publish',
        detection: { ...frame, imageId: null, trafficGroups: group === undefined ? [] : [{ ...group, cropId }] },
      });
      await delay(everyMs, undefined, { signal: until }).catch(() => undefined);
    }
  };
  await Promise.all(cameraIds.map(camera));
  await bus.close();
}

const dangerous = (group: Detection['trafficGroups'][number]): Detection['trafficGroups'][number] => ({
  ...group,
  features: {
    ...group.features,
    personCount: 1,
    vehicleCount: 1,
    minPersonVehicleDistance: 0,
    maxSpeed: 500,
    maxClosingSpeed: 400,
  },
});
