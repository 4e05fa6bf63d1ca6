import { CAMERA_REGISTRY } from '../actors/camera-registry.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { CameraRates, type RatesReport, slowNotice } from './camera-rates.ts';
import { busyShare, type ProcessorTime, processorTime } from './processor-share.ts';

const EVERY_MS = 5_000;
const QUICK = { timeoutMs: 3_000 };
/** The processors are measured over some 15 s: a start or a model's reload is no overload. */
const READINGS = 4;

export interface CameraWatchOptions {
  readonly system: Pick<ActorSystem, 'ref'>;
  /** Default 5 s. */
  readonly everyMs?: number;
  /** Default: that of this machine or container. Gets a monotonic time in ms. */
  readonly processorTime?: (now: number) => Promise<ProcessorTime>;
}

/** Looks at this process's cameras every few seconds, and so knows whether they were analysed fast enough. */
export class CameraWatch {
  readonly #options: CameraWatchOptions;
  readonly #rates = new CameraRates();
  readonly #timer: NodeJS.Timeout;
  /** Oldest first. */
  #processors: readonly ProcessorTime[] = [];

  constructor(options: CameraWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.look(), options.everyMs ?? EVERY_MS).unref();
  }

  /** Never rejects: a registry that is being restarted is looked at again soon. */
  async look(): Promise<void> {
    try {
      const { system, processorTime: read = processorTime } = this.#options;
      const cameras = await system.ref(CAMERA_REGISTRY).ask({ type: 'list' }, QUICK);
      this.#rates.note(cameras, performance.now());
      this.#processors = [...this.#processors, await read(performance.now())].slice(-READINGS);
    } catch {
      // The tree shows that the registry does not answer.
    }
  }

  rates(): RatesReport {
    return this.#rates.report();
  }

  /** That cameras are slow because the processors are full; null while they are not. */
  notice(): string | null {
    const [first] = this.#processors;
    const last = this.#processors.at(-1);
    return first === undefined || last === undefined ? null : slowNotice(this.rates(), busyShare(first, last));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
