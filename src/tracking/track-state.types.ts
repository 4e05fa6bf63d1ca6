import type { Box, ObjectClass } from '../messages/detection.ts';
import type { SizeRatio } from './apparent-size.ts';
import type { VelocityGuess } from './lane-prior.ts';
import type { MotionState } from './motion-filter.ts';
import type { Foot } from './sighting.ts';
import type { Step } from './smoothing.ts';
import type { TrackPoint, UserKind } from './tracking.types.ts';

/** A sighting of a track, as filtered: with those before it. */
export interface Moment {
  readonly at: number;
  readonly box: Box;
  readonly foot: Foot;
  readonly isRiding: boolean | null;
  readonly filtered: MotionState;
  /** From the moment before; null for the first. */
  readonly step: Step | null;
  readonly heading: number | null;
  /** Since when it has stood without a break, epoch ms; null: it moves. */
  readonly stoodSince: number | null;
}

/** Shared by all states of one track; 0 until it is named. */
export interface Identity {
  id: number;
}

/** A track as of its last sighting. Never changed: a new sighting makes a new state. */
export interface TrackState {
  readonly identity: Identity;
  readonly kind: UserKind;
  readonly class: ObjectClass;
  /** Sums of confidence, less where the size contradicts, in the order of `OBJECT_CLASSES`. */
  readonly votes: readonly number[];
  /** Sightings of the last seconds, oldest first, never empty; those before them are settled points. */
  readonly moments: readonly Moment[];
  readonly settled: readonly TrackPoint[];
  /** Of one that was seen once: how it may move. */
  readonly guesses: readonly VelocityGuess[];
  readonly bornAt: number;
  readonly seenAt: number;
  readonly hits: number;
  readonly confidenceSum: number;
  /** Sightings, those shortly after another counted in part. */
  readonly evidence: number;
  readonly ratio: SizeRatio;
  readonly appearance: Float32Array | null;
  /** Of a person: share of the last sightings on a two-wheeler, 0..1, of those that tell; and how many tell. */
  readonly riding: number;
  readonly ridingHits: number;
}
