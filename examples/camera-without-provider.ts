/**
 * Watches one camera without a model provider: without API keys, rules assess the groups (`source: "rules"`).
 *
 *   npm run example camera-without-provider                      the demo street
 *   npm run example camera-without-provider -- rtsp://user:password@10.0.0.8/stream1
 *   npm run example camera-without-provider -- my-street.mp4
 *
 * It starts a whole Gantry in this process, with its own NATS and Redis and a data folder that is removed at the end.
 * The first line of output is the address of the page and of the live feed (see feed-viewer.ts). Ctrl-C ends it.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../src/app/config.ts';
import { createLog } from '../src/infra/log.ts';
import { startGantry } from '../src/main.ts';
import type { Aggregate } from '../src/messages/aggregate.ts';

const source = process.argv[2];
const interrupted = new AbortController();
void Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]).then(() => interrupted.abort());

const dataDir = await mkdtemp(join(tmpdir(), 'gantry-example-'));
try {
  const keys = join(dataDir, 'no-keys.yaml');
  const args = ['--port', '0', '--data-dir', dataDir, '--keys', keys, ...(source ? ['--source', source] : [])];
  const config = readConfig(args, {});
  if (config === 'help') throw new Error('help was not asked for');
  const gantry = await startGantry({
    config,
    log: createLog('warn'),
    onLost: () => process.exit(1),
    signal: interrupted.signal,
  });
  console.log(`open ${gantry.url}`);
  await printNewest(gantry.url);
  await gantry.stop();
} finally {
  await rm(dataDir, { recursive: true, force: true });
}

/** Prints each new aggregate of the demo camera, about one every two seconds, until Ctrl-C. */
async function printNewest(url: string): Promise<void> {
  let printed = '';
  while (!interrupted.signal.aborted) {
    const reply = await fetch(new URL('/api/cameras/demo/latest', url));
    // 404 until the camera's first frame has been assessed.
    const newest = reply.ok ? ((await reply.json()) as Aggregate) : null;
    if (newest !== null && newest.requestId !== printed) {
      printed = newest.requestId;
      console.log(inOneLine(newest));
    }
    await sleep(500, undefined, { signal: interrupted.signal }).catch(() => undefined);
  }
}

function inOneLine({ timestamp, detectedObjects, trafficGroups, riskAssessment }: Aggregate): string {
  const { source: from, maxRiskLevel, results } = riskAssessment;
  const why = results.map(({ riskLevel, description }) => `\n  ${riskLevel}: ${description}`).join('');
  const counts = `${detectedObjects.length} objects in ${trafficGroups.length} groups`;
  return `${timestamp} ${counts}, risk ${maxRiskLevel} by ${from}${why}`;
}
