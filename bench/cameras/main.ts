/**
 * `npm run bench:cameras [-- --help]`: a whole Gantry with real RTSP cameras. How many of the wanted pictures it
 * analyses, how soon a viewer sees them and the model's verdicts, and the CPU and memory by thread and process.
 *
 * The cameras are one process that sends a film of the demo's street over TCP, each camera from a place of its own.
 * They share the cores with everything else, so their CPU is shown apart. The provider is simulated, with keys
 * enough. `timestamp` of an aggregate is the arrival of its picture; a verdict counts when it is about that very frame.
 *
 * Objects are compared with the same detector on the same keyframes, decoded and scaled by plain ffmpeg.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { useModel } from '../../src/app/detector-model.ts';
import { createLog } from '../../src/infra/log.ts';
import { readManifest } from '../../src/model-store/manifest.ts';
import { type Bar, bar, machine, print, type Result, resultOf } from '../harness.ts';
import { ensureFilm } from './film.ts';
import { measure } from './measure.ts';
import { readCamerasOptions } from './options.ts';
import { countKeyframes } from './reference.ts';
import { planOf, report } from './report.ts';
import { holds, largest, MOST_CAMERAS } from './search.ts';
import { withWorld, type World } from './world.ts';

/** After the last camera is online: trackers and caches fill. */
const SETTLE_MS = 10_000;
const QUICK_SETTLE_MS = 4_000;

const options = readCamerasOptions(process.argv.slice(2));
const film = await ensureFilm((message) => console.log(message));
const most = options.search ? MOST_CAMERAS : options.cameras;
const { results, bars } = await withWorld(film, most, options, options.search ? search : measureAll);
print({ name: 'bench:cameras', machine: machine(), results, bars }, options);

async function search(world: World): Promise<{ readonly results: Result[]; readonly bars: Bar[] }> {
  const intervalMs = options.intervalSeconds * 1_000;
  const found = await largest(options.cameras, MOST_CAMERAS, (count) => holds(world, count, intervalMs));
  return {
    results: [resultOf('cameras that keep 95 % of the wanted rate', 'search', '', [found])],
    bars: [bar('cameras that keep 95 % of the wanted rate', found, '', '>=', 100)],
  };
}

async function measureAll(
  world: World,
): Promise<{ readonly results: readonly Result[]; readonly bars: readonly Bar[] }> {
  const name = options.model ?? (await readManifest()).default;
  const model = await useModel({ model: name, precision: 'auto' }, createLog('warn'));
  const reference = await countKeyframes(film, model);
  const plan = planOf(options);
  const began = performance.now();
  const online = await world.setCameras(options.cameras);
  const startMs = performance.now() - began;
  console.log(`${online} of ${options.cameras} cameras online after ${(startMs / 1_000).toFixed(1)} s; measuring ...`);
  await delay(options.quick ? QUICK_SETTLE_MS : SETTLE_MS);
  const found = report(world, await measure(world, plan), plan, reference);
  return {
    results: [resultOf('cameras added and online', `${options.cameras} cameras`, 'ms', [startMs]), ...found.results],
    bars: [bar('cameras online', online, '', '>=', options.cameras), ...found.bars],
  };
}
