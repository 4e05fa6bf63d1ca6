import type { CameraEntry } from '../actors/camera-registry.ts';

export type RatedCamera = Pick<CameraEntry, 'frames'> & {
  readonly config: Pick<CameraEntry['config'], 'cameraId' | 'intervalSeconds' | 'enabled'>;
  readonly status: Pick<CameraEntry['status'], 'state'>;
};

/** Analysed pictures a second of several cameras together. */
export interface Rates {
  readonly cameras: number;
  readonly wanted: number;
  readonly reached: number;
}

export interface RatesReport {
  /** Of all cameras that were online for the whole minute. */
  readonly all: Rates;
  /** Of those of them that are slower than nine tenths of what they should be. */
  readonly slow: Rates;
}

const WINDOW_MS = 60_000;
const LEAST_SHARE = 0.9;
/** A camera with a longer interval has too few pictures in a minute to tell a rate by, in seconds. */
const LONGEST_INTERVAL = 5;

interface Sample {
  readonly at: number;
  /** Frames so far of the cameras that were online. */
  readonly frames: ReadonlyMap<string, number>;
}

/** How fast cameras were analysed in the last minute, from regular looks at their counts of frames. */
export class CameraRates {
  /** Oldest first: those of the last minute, and one before. */
  #samples: readonly Sample[] = [];
  #cameras: readonly RatedCamera[] = [];

  /** @param now epoch ms */
  note(cameras: readonly RatedCamera[], now: number): void {
    const online = cameras.filter(({ config, status }) => config.enabled && status.state === 'online');
    const sample = { at: now, frames: new Map(online.map(({ config, frames }) => [config.cameraId, frames])) };
    const old = this.#samples.findLastIndex(({ at }) => now - at >= WINDOW_MS);
    this.#samples = [...this.#samples.slice(Math.max(0, old)), sample];
    this.#cameras = online;
  }

  report(): RatesReport {
    const rated = this.#cameras.flatMap((camera) => {
      const reached = this.#reached(camera);
      return reached === null ? [] : [{ wanted: 1 / camera.config.intervalSeconds, reached }];
    });
    return { all: sumOf(rated), slow: sumOf(rated.filter(({ wanted, reached }) => reached < LEAST_SHARE * wanted)) };
  }

  /** Null for a camera that was not online throughout, or was changed. */
  #reached({ config: { cameraId, intervalSeconds } }: RatedCamera): number | null {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < WINDOW_MS) return null;
    if (intervalSeconds > LONGEST_INTERVAL) return null;
    const counts = this.#samples.map(({ frames }) => frames.get(cameraId));
    const [from, to] = [counts[0], counts.at(-1)];
    if (from === undefined || to === undefined || counts.includes(undefined)) return null;
    return ((to - from) * 1_000) / (last.at - first.at);
  }
}

const sumOf = (rates: readonly { readonly wanted: number; readonly reached: number }[]): Rates => ({
  cameras: rates.length,
  wanted: rates.reduce((sum, { wanted }) => sum + wanted, 0),
  reached: rates.reduce((sum, { reached }) => sum + reached, 0),
});

/** From this share on, processors count as full. */
const FULL_SHARE = 0.9;

/**
 * A sentence for operators when cameras are slow because the processors are full; null otherwise: a camera that sends
 * fewer pictures than wanted is no trouble of this machine.
 *
 * @param busyShare of the processors, 0 to 1
 */
export function slowNotice({ all, slow }: RatesReport, busyShare: number): string | null {
  if (slow.cameras === 0 || busyShare < FULL_SHARE) return null;
  const [reached, wanted] = [slow.reached, slow.wanted].map((sum) => (sum / slow.cameras).toFixed(2));
  return (
    `${slow.cameras} of ${all.cameras} cameras get ${reached} of ${wanted} pictures a second: the processors ` +
    `are full (${Math.round(100 * busyShare)} % busy); choose a longer interval, fewer cameras or more cores`
  );
}
