import { URGENCY, type Urgency } from './decoding.types.ts';

/** The urgencies, the first to go first. */
export const BY_URGENCY = Object.keys(URGENCY) as readonly Urgency[];

/** Most waiting jobs of one camera, and of all. */
export const QUEUE_BOUNDS: Readonly<Record<Urgency, { readonly perCamera: number; readonly inAll: number }>> = {
  wanted: { perCamera: 64, inAll: 1_024 },
  // The one that has begun and the one that is replaced by each newer one.
  due: { perCamera: 2, inAll: 4_096 },
  burst: { perCamera: 2, inAll: 256 },
};

export interface Queued {
  readonly cameraId: string;
  readonly urgency: Urgency;
}

/** Waiting jobs by urgency; of the same urgency cameras in turn, and each camera's in the order of arrival. */
export class DecodeQueue<J extends Queued> {
  /** Cameras in the order of their turns. */
  readonly #cameras: Readonly<Record<Urgency, Map<string, J[]>>> = {
    wanted: new Map(),
    due: new Map(),
    burst: new Map(),
  };
  readonly #counts: Record<Urgency, number> = { wanted: 0, due: 0, burst: 0 };

  get counts(): Readonly<Record<Urgency, number>> {
    return this.#counts;
  }

  get size(): number {
    return BY_URGENCY.reduce((sum, urgency) => sum + this.#counts[urgency], 0);
  }

  /** False when too many wait already. */
  add(job: J): boolean {
    const { perCamera, inAll } = QUEUE_BOUNDS[job.urgency];
    const cameras = this.#cameras[job.urgency];
    const waiting = cameras.get(job.cameraId) ?? [];
    if (waiting.length >= perCamera || this.#counts[job.urgency] >= inAll) return false;
    waiting.push(job);
    cameras.set(job.cameraId, waiting);
    this.#counts[job.urgency] += 1;
    return true;
  }

  /** Puts a job that was taken back in front of its camera's, beyond any bound. */
  putBack(job: J): void {
    const cameras = this.#cameras[job.urgency];
    const waiting = cameras.get(job.cameraId) ?? [];
    waiting.unshift(job);
    cameras.set(job.cameraId, waiting);
    this.#counts[job.urgency] += 1;
  }

  /** Takes the first job of the first camera that fits; that camera's next turn is the last. */
  take(urgency: Urgency, fits: (job: J) => boolean): J | null {
    const cameras = this.#cameras[urgency];
    for (const [cameraId, waiting] of cameras) {
      const [job] = waiting;
      if (job === undefined || !fits(job)) continue;
      waiting.shift();
      cameras.delete(cameraId);
      if (waiting.length > 0) cameras.set(cameraId, waiting);
      this.#counts[urgency] -= 1;
      return job;
    }
    return null;
  }

  /** Removes and returns all jobs that fit, of one camera or of all. */
  remove(fits: (job: J) => boolean, cameraId?: string): J[] {
    const removed: J[] = [];
    for (const urgency of BY_URGENCY) {
      const cameras = this.#cameras[urgency];
      for (const id of cameraId === undefined ? [...cameras.keys()] : [cameraId]) {
        const waiting = cameras.get(id) ?? [];
        const left: J[] = [];
        for (const job of waiting) (fits(job) ? removed : left).push(job);
        if (left.length === waiting.length) continue;
        this.#counts[urgency] -= waiting.length - left.length;
        if (left.length > 0) cameras.set(id, left);
        else cameras.delete(id);
      }
    }
    return removed;
  }
}
