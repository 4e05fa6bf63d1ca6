/** Runs in a thread of the pool: plays frames through scenes. */
import { isMainThread } from 'node:worker_threads';
import type { DryRunJob, DryRunPlay } from './dry-run.types.ts';
import { playInTime } from './play-in-time.ts';

if (isMainThread) throw new Error('dry-run-worker.ts runs in a thread of the dry runs');

export default function play(job: DryRunJob): DryRunPlay {
  return playInTime(job, () => performance.now());
}
