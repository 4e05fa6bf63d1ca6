/** Runs in a thread of the pool: plays frames through scenes. */
import { isMainThread } from 'node:worker_threads';
import type { DryRunJob, DryRunOutcome } from './dry-run.types.ts';
import { playScenes } from './play-scene.ts';

if (isMainThread) throw new Error('dry-run-worker.ts runs in a thread of the dry runs');

export default function play(job: DryRunJob): readonly DryRunOutcome[] {
  return playScenes(job);
}
