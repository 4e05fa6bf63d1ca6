/**
 * `npm run bench:danger [-- --help]`: how many dangerous events are found, how soon, and how many alarms are false.
 *
 * Plays scenes (detections with jitter, misses and false boxes, and the truth about them) through the product's own
 * tracker, events, incidents and burst policy. Time is simulated; look-backs come late, as from an ingest.
 * `--scenes DIR` takes folders with `scene.json`, `frames.jsonl` and `truth.json`, gzipped or not. `--footage PATH`
 * plays videos instead, and tells their incidents.
 */
import { writeFileSync } from 'node:fs';
import { PRODUCT_PARTS } from '../../src/watch/watch-parts.ts';
import { machine, print } from '../harness.ts';
import { tellFootage } from './footage.ts';
import { type DangerOptions, readDangerOptions } from './options.ts';
import { crowdedScene, ownScenes, quietScenes } from './own-scenes.ts';
import { bars, crowdBar, details, kindTable, results } from './report.ts';
import { runScenes } from './run-scenes.ts';
import { type DangerScene, readScene, sceneNames } from './scene-folder.ts';
import { StageTimes } from './stage-times.ts';

/** `--quick` takes one of so many scenes. */
const QUICK_EVERY = 6;
/** Own scenes: so many of each kind. */
const OWN_ROUNDS = 3;

const options = readDangerOptions(process.argv.slice(2));
if (options.footage !== null) {
  await tellFootage(options.footage, options);
  process.exit(0);
}
const stages = new StageTimes();
const run = runScenes(scenesOf(options), stages.timed(PRODUCT_PARTS), options);
const crowd = runScenes([crowdedScene()], PRODUCT_PARTS, options);
const jsonLines = (lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
if (options.alarms !== null) writeFileSync(options.alarms, jsonLines(run.alarms));
if (options.tracks !== null) writeFileSync(options.tracks, jsonLines(run.lines));
if (options.details) console.log(details(run));
console.log(`\n${kindTable(run)}`);
print(
  {
    name: 'bench:danger',
    machine: machine(),
    results: results(run, stages.ms),
    bars: [...bars(run, options), crowdBar(crowd)],
  },
  options,
);

function scenesOf({ scenes: folder, only, quick, quietHours, seed }: DangerOptions): Iterable<DangerScene> {
  if (quietHours !== null) return quietScenes(seed, quietHours);
  if (folder === null) return ownScenes(seed, quick ? 1 : OWN_ROUNDS);
  return sceneNames(folder, only)
    .filter((_, index) => !quick || index % QUICK_EVERY === 0)
    .values()
    .map((name) => readScene(folder, name));
}
