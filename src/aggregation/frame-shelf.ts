import type { RequestId } from '../messages/ids.ts';
import type { AggregationOptions } from './aggregation.types.ts';
import type { Frame, FrameState } from './joined-frame.ts';

export type FrameShelfOptions = Pick<AggregationOptions, 'rememberFrames' | 'rememberAlerts' | 'rememberClosed'>;

/** The frames that are remembered, by their state. At a bound the oldest of its kind is forgotten. */
export class FrameShelf {
  readonly #options: FrameShelfOptions;
  readonly #isAlert: (frame: Frame) => boolean;
  readonly #frames = new Map<RequestId, Frame>();
  /** To be published, in order. */
  readonly #due = new Set<Frame>();
  /** Published, oldest first. */
  readonly #idle = new Set<Frame>();
  /** Alerts about remembered incidents, published, oldest first. */
  readonly #alerts = new Set<Frame>();
  /** Ids of published frames with all answers, oldest first. Keeping their content would take most of the memory. */
  readonly #closed = new Set<RequestId>();
  #forgottenAlerts = 0;

  /** @param isAlert whether more may be learnt about an incident of which the frame is the alert */
  constructor(options: FrameShelfOptions, isAlert: (frame: Frame) => boolean) {
    this.#options = options;
    this.#isAlert = isAlert;
  }

  /** Frames whose content is kept. */
  get size(): number {
    return this.#frames.size;
  }

  /** Frames to be published that were not taken yet. */
  get due(): number {
    return this.#due.size;
  }

  /** Frames of which only the id is kept. */
  get closed(): number {
    return this.#closed.size;
  }

  /** Alerts forgotten at the bound before their incidents. */
  get forgottenAlerts(): number {
    return this.#forgottenAlerts;
  }

  of(requestId: RequestId): Frame | undefined {
    return this.#frames.get(requestId);
  }

  /** Adds a frame, or its content again. */
  add(frame: Frame): void {
    this.#frames.set(frame.requestId, frame);
    this.#closed.delete(frame.requestId);
  }

  /** The frame to publish next. */
  first(): Frame | undefined {
    const [frame] = this.#due;
    return frame;
  }

  isClosed(requestId: RequestId): boolean {
    return this.#closed.has(requestId);
  }

  move(frame: Frame, state: FrameState): void {
    this.#due.delete(frame);
    this.#idle.delete(frame);
    this.#alerts.delete(frame);
    frame.state = state;
    if (state === 'due') this.#due.add(frame);
    else if (state === 'idle') this.#keep(frame);
  }

  #keep(frame: Frame): void {
    frame.trim();
    const { rememberFrames, rememberAlerts } = this.#options;
    if (this.#isAlert(frame)) this.#forgottenAlerts += this.#put(this.#alerts, frame, rememberAlerts);
    else if (frame.unsure === null && frame.complete) this.#close(frame.requestId);
    else this.#put(this.#idle, frame, rememberFrames);
  }

  /** Returns how many were forgotten for it. */
  #put(kept: Set<Frame>, frame: Frame, most: number): number {
    kept.add(frame);
    const [oldest] = kept;
    if (kept.size <= most || oldest === undefined) return 0;
    kept.delete(oldest);
    this.#frames.delete(oldest.requestId);
    return 1;
  }

  #close(requestId: RequestId): void {
    this.#frames.delete(requestId);
    this.#closed.add(requestId);
    const [oldest] = this.#closed;
    if (this.#closed.size > this.#options.rememberClosed && oldest !== undefined) this.#closed.delete(oldest);
  }
}
