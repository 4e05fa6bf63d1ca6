import { MOST } from '../../messages/bounds.ts';

/** A camera's turn comes when this part of the time has passed, so that it is asked about before the end. */
const DUE = 0.8;

/**
 * When each camera was last asked about, so that every one gets its turn however little its groups are worth. Bounded:
 * the camera seen first is forgotten first. Pure: every call takes the time (epoch ms).
 */
export class CameraTurns {
  readonly #askedAt = new Map<string, number>();

  /**
   * A question of this camera came. The turns of cameras that were never asked about are spread over the time, so that
   * they do not all come at once. `lastAt`: time of its group's last assessed frame, epoch ms.
   */
  seen(cameraId: string, lastAt: number, turnMs: number, now: number): void {
    const known = this.#askedAt.get(cameraId);
    if (known === undefined) this.#set(cameraId, Math.max(lastAt, now - spread(cameraId) * DUE * turnMs));
    else if (lastAt > known) this.#askedAt.set(cameraId, Math.min(lastAt, now));
  }

  /** A question of this camera is asked, here or by another scheduler. Returns when one was asked before. */
  asked(cameraId: string, now: number): number {
    const before = this.#askedAt.get(cameraId) ?? now;
    this.#set(cameraId, Math.max(now, before));
    return before;
  }

  /** It was not asked after all, as no key came free; `before`: as `asked` returned it. */
  notAsked(cameraId: string, before: number): void {
    if (this.#askedAt.has(cameraId)) this.#askedAt.set(cameraId, before);
  }

  /** How long its turn is overdue, in ms; null while it is not. */
  overdueMs(cameraId: string, turnMs: number, now: number): number | null {
    const overdue = now - (this.#askedAt.get(cameraId) ?? now) - DUE * turnMs;
    return overdue >= 0 ? overdue : null;
  }

  #set(cameraId: string, at: number): void {
    this.#askedAt.set(cameraId, at);
    if (this.#askedAt.size <= MOST.cameras) return;
    const [oldest] = this.#askedAt.keys();
    if (oldest !== undefined) this.#askedAt.delete(oldest);
  }
}

/** A number from 0 to 1 that is the same for a camera on every node. */
function spread(cameraId: string): number {
  let hash = 2_166_136_261;
  for (let index = 0; index < cameraId.length; index += 1)
    hash = Math.imul(hash ^ cameraId.charCodeAt(index), 16_777_619) >>> 0;
  return hash / 2 ** 32;
}
