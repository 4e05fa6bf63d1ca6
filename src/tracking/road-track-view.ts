import type { ObjectClass } from '../messages/detection.ts';
import type { Size3 } from '../scene/scene.types.ts';
import { historyOf } from './track-history.ts';
import { newest, sizeOf } from './track-state.ts';
import type { TrackState } from './track-state.types.ts';
import type { RoadTrack, TrackPoint, UserKind } from './tracking.types.ts';

/** So much evidence makes a track believed. */
const ENOUGH = 2;
/** From this share of its sightings on a two-wheeler on, a person is its rider. */
const RIDER_SHARE = 0.4;

/** A track as others see it at the frame of `at`. Its history is smoothed when it is asked for. */
export class RoadTrackView implements RoadTrack {
  readonly #track: TrackState;
  readonly #at: number;
  #history: readonly TrackPoint[] | null = null;

  constructor(track: TrackState, at: number) {
    this.#track = track;
    this.#at = at;
  }

  get trackId(): number {
    return this.#track.identity.id;
  }

  get kind(): UserKind {
    return this.#track.kind;
  }

  get class(): ObjectClass {
    return this.#track.class;
  }

  get size(): Size3 {
    return sizeOf(this.#track);
  }

  get heading(): number | null {
    return newest(this.#track).heading;
  }

  get history(): readonly TrackPoint[] {
    this.#history ??= historyOf(this.#track, this.#at);
    return this.#history;
  }

  get bornAt(): number {
    return this.#track.bornAt;
  }

  get seenAt(): number {
    return this.#track.seenAt;
  }

  get hits(): number {
    return this.#track.hits;
  }

  get confirmed(): boolean {
    return this.#track.hits > 1 && this.#track.evidence >= ENOUGH;
  }

  get confidence(): number {
    return this.#track.confidenceSum / this.#track.hits;
  }

  get isRider(): boolean {
    return this.#track.riding >= RIDER_SHARE;
  }
}
