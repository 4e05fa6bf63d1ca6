/** One live run: a whole Gantry, provider, cameras and viewer, each in a process of its own. */
import { setTimeout as delay } from 'node:timers/promises';
import { nextOf, startChild } from '../child.ts';
import { wallOffset } from '../pipeline/clock.ts';
import { type Provider, startGantryProcess } from '../pipeline/stack.ts';
import { SLOWEST_ANSWER_MS } from './simulate.ts';
import type { KeyLimits } from './limits.ts';
import type { Log } from './log.ts';
import type { LoadEnd, LoadOrder, ProviderRecord, SeenVerdict, ViewerOrder, ViewerRecord } from './orders.ts';
import type { TrueLevel, WorldOptions } from './world.ts';

export interface LiveRun {
  /** Times in epoch ms. */
  readonly log: Log;
  readonly load: LoadEnd;
  readonly provider: ProviderRecord;
  readonly viewer: ViewerRecord;
  /** From the publish of a detection to the viewer's first message about it, ms. */
  readonly firstMs: readonly number[];
}

const PREFIX = 'scarce-';
/** After the last frame: the last answers reach the viewer. */
const DRAIN_MS = SLOWEST_ANSWER_MS + 1_500;

const startPart = (file: string, order: object): ReturnType<typeof startChild> =>
  startChild(import.meta.dirname, file, JSON.stringify(order));

export async function runLive(world: WorldOptions, limits: KeyLimits): Promise<LiveRun> {
  const offset = wallOffset();
  const provider = startPart('provider.ts', limits);
  try {
    const started = await nextOf<Pick<Provider, 'url' | 'model' | 'keys'>>(provider);
    const record = (): Promise<ProviderRecord> => {
      provider.send('record');
      return nextOf(provider);
    };
    const gantry = await startGantryProcess({ provider: started });
    try {
      return await watch(world, { offset, httpUrl: gantry.httpUrl, natsUrl: gantry.natsUrl, record });
    } finally {
      await gantry.stop();
    }
  } finally {
    provider.disconnect();
  }
}

interface Running {
  readonly offset: number;
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly record: () => Promise<ProviderRecord>;
}

async function watch(world: WorldOptions, { offset, httpUrl, natsUrl, record }: Running): Promise<LiveRun> {
  const watching: ViewerOrder = { url: httpUrl, offset, prefix: PREFIX };
  const viewer = startPart('viewer.ts', watching);
  try {
    await nextOf(viewer);
    const order: LoadOrder = { ...world, natsUrl, offset, prefix: PREFIX };
    const loader = startPart('load.ts', order);
    try {
      await nextOf(loader);
      loader.send('go');
      const load = await nextOf<LoadEnd>(loader);
      await delay(DRAIN_MS);
      viewer.send('report');
      return liveRun(load, await nextOf<ViewerRecord>(viewer), await record());
    } finally {
      if (loader.connected) loader.disconnect();
    }
  } finally {
    viewer.disconnect();
  }
}

function liveRun(load: LoadEnd, viewer: ViewerRecord, provider: ProviderRecord): LiveRun {
  const firsts = new Map(viewer.firsts.map(({ requestId, at }) => [requestId, at]));
  return {
    log: {
      questions: load.questions,
      verdicts: viewer.verdicts.flatMap(verdictOf),
      calls: provider.calls.map(({ camera, calledAt }) => ({ camera, at: calledAt })),
    },
    load,
    provider,
    viewer,
    firstMs: load.sent.map(({ requestId, at }) => (firsts.get(requestId) ?? Infinity) - at),
  };
}

const verdictOf = ({ cameraId, groupId, frameAt, seenAt, level }: SeenVerdict): Log['verdicts'] =>
  level === 'unknown'
    ? []
    : [
        {
          camera: Number(cameraId.slice(PREFIX.length)) - 1,
          groupId,
          frameAt,
          seenAt,
          level: level satisfies TrueLevel,
        },
      ];
