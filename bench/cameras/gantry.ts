/**
 * The program with a door for the benchmark: an order over its channel bursts cameras through the ingest actor. For
 * `--burst` only; everything else is measured with `src/main.ts` itself.
 */
import { INGEST } from '../../src/actors/ingest.types.ts';
import { runAsProgram } from '../../src/app/program.ts';
import { startGantry } from '../../src/main.ts';
import type { ActorSystem } from '../../src/runtime/system.ts';
import type { BurstOrder, BurstReport } from './orders.ts';

const ANSWER_MS = 30_000;

await runAsProgram(async (options) => {
  const gantry = await startGantry(options);
  process.on('message', (order: BurstOrder) => {
    void burst(gantry.system, order).then((report) => process.send?.(report));
  });
  return gantry;
});

async function burst(system: ActorSystem, { cameraIds, seconds, fps }: BurstOrder): Promise<BurstReport> {
  const from = Date.now();
  const to = from + seconds * 1_000;
  const answers = await Promise.allSettled(
    cameraIds.map((cameraId) =>
      system.ref(INGEST).ask({ type: 'burst', cameraId, from, to, fps }, { timeoutMs: ANSWER_MS }),
    ),
  );
  const missed: Record<string, number> = {};
  let sent = 0;
  const refused: string[] = [];
  for (const answer of answers) {
    if (answer.status === 'rejected') {
      refused.push(String(answer.reason));
      continue;
    }
    sent += answer.value.sent;
    for (const [reason, count] of Object.entries(answer.value.missed)) missed[reason] = (missed[reason] ?? 0) + count;
  }
  return { sent, missed, refused };
}
