/** Gantry's HTTP server in a process of its own: one frame with a picture per camera and second, evenly spread. */
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { preciseNow } from '../../src/simulator/reply.ts';
import { fakeServer, FakeWorld } from '../../tests/support/http-fakes.ts';
import { sceneAt } from '../feed/protocol.ts';
import type { AlertSent, PageServerOrder, PageServerReady } from './messages.ts';

/** Different pictures; about 40 kB each, as of a street. */
const PICTURES = 8;
const WIDTH = 640;
const HEIGHT = 352;
/** Pictures that are kept for each camera. */
const KEPT = 5;

/** A picture with as much detail as a street has. */
function picture(seed: number): Promise<Buffer> {
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let index = 0; index < pixels.length; index += 1) {
    const [x, y] = [Math.floor(index / 3) % WIDTH, Math.floor(index / 3 / WIDTH)];
    pixels[index] = 90 + 60 * Math.sin((x * (seed + 3)) / 90) + 30 * Math.cos(y / 17) + ((index * 2_654_435_761) % 23);
  }
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .jpeg({ quality: 75 })
    .toBuffer();
}

async function serve({ cameras, alertsPerSecond }: PageServerOrder): Promise<void> {
  const ids = Array.from({ length: cameras }, (_, index) => `cam-${index + 1}`);
  const world = new FakeWorld().add(...ids);
  const server = await fakeServer(world, { limits: { heartbeatMs: 600_000 } });
  const pictures = await Promise.all(Array.from({ length: PICTURES }, (_, seed) => picture(seed)));
  const url = await server.listen('127.0.0.1', 0);
  server.feed.begin('bench', 0);
  process.send?.({ url } satisfies PageServerReady);

  const kept = ids.map((): string[] => []);
  const began = performance.now();
  const everyAlert = Math.max(1, Math.round(cameras / alertsPerSecond));
  for (let count = 0; process.connected; count += 1) {
    await delay(Math.max(0, began + (count * 1_000) / cameras - performance.now()));
    const index = count % cameras;
    const isAlert = count % everyAlert === everyAlert - 1;
    const plain = sceneAt(count);
    const frame = { ...plain, cameraId: ids[index] ?? '', timestamp: new Date().toISOString() };
    world.saw(frame, pictures[count % PICTURES] ?? Buffer.alloc(0));
    const names = kept[index] ?? [];
    if (frame.imageId !== null) names.push(frame.imageId);
    if (names.length > KEPT) world.images.delete(names.shift() ?? '');
    const results = frame.riskAssessment.results.map((result) => ({ ...result, riskLevel: 'high' as const }));
    const shown = isAlert
      ? { ...frame, riskAssessment: { ...frame.riskAssessment, maxRiskLevel: 'high' as const, results } }
      : frame;
    if (isAlert) process.send?.({ requestId: frame.requestId, at: preciseNow() } satisfies AlertSent);
    server.feed.publish(shown, { seq: count + 1, through: count + 1 });
  }
  await server.close();
}

process.once('message', (order: PageServerOrder) => {
  void serve(order).then(() => process.exit(0));
});
