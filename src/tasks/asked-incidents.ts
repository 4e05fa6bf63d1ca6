import type { CameraId, RequestId } from '../messages/ids.ts';
import { groupKey } from '../messages/ids.ts';
import type { MeasuredIncident } from '../messages/incident.ts';
import { priorOfIncident } from './incident-prior.ts';
import { isMoreSevere } from './worth-asking.ts';

const MOST_INCIDENTS = 5_000;

interface AskingFrame {
  readonly cameraId: CameraId;
  readonly requestId: RequestId;
}

interface Asked {
  /** The frame that was asked about, and when that was, epoch ms. */
  readonly requestId: RequestId;
  readonly at: number;
  readonly prior: number;
}

/**
 * Incidents with a question under way, so that not every frame asks again. A question without any result is given up
 * after a time. Bounded: at the bound the oldest is forgotten, and its incident may be asked about twice. Pure.
 */
export class AskedIncidents {
  readonly #most: number;
  readonly #asked = new Map<string, Asked>();

  constructor(most = MOST_INCIDENTS) {
    this.#most = most;
  }

  get size(): number {
    return this.#asked.size;
  }

  /**
   * False while the question of another frame is under way and the incident is not more severe since. A repeated
   * delivery of a frame asks the same again.
   */
  mayAsk(frame: AskingFrame, incident: MeasuredIncident, now: number, waitMs: number): boolean {
    const asked = this.#asked.get(groupKey(frame.cameraId, incident.incidentId));
    return (
      asked === undefined ||
      asked.requestId === frame.requestId ||
      now - asked.at >= waitMs ||
      isMoreSevere(incident, asked)
    );
  }

  asks(frame: AskingFrame, incident: MeasuredIncident, now: number): void {
    const key = groupKey(frame.cameraId, incident.incidentId);
    this.#asked.delete(key);
    this.#asked.set(key, { requestId: frame.requestId, at: now, prior: priorOfIncident(incident).value });
    const [oldest] = this.#asked.size > this.#most ? this.#asked.keys() : [];
    if (oldest !== undefined) this.#asked.delete(oldest);
  }

  /** There is a result about it in this frame, of whatever kind. */
  answered({ cameraId, requestId }: AskingFrame, groupId: string): void {
    const key = groupKey(cameraId, groupId);
    if (this.#asked.get(key)?.requestId === requestId) this.#asked.delete(key);
  }
}
