import type { Box, ObjectClass } from '../messages/detection.ts';
import type { ZoneKind } from '../messages/scene-constants.ts';

/** `[x, y]` in px of the picture as shown (`Detection.imageWidth`). */
export type Pixel = readonly [number, number];
/** `[x, y]` in metres on the road. */
export type Metres = readonly [number, number];

/** The plane of the road, and the picture of it. */
export interface RoadPlane {
  /** False: estimated from the sizes of road users. */
  readonly calibrated: boolean;
  /** Standard error of lengths, as a part of them, where they are estimated. */
  readonly scaleError?: number;
  /** Standard error of lengths at a pixel, as a part of them, that the pairs of a calibration leave; absent: none. */
  scaleDoubt?(pixel: Pixel): number;
  /** Changes when the plane does, so that positions computed with an earlier one are not mixed with new ones. */
  readonly version: number;
  /** Null at the horizon and above it. */
  toRoad(pixel: Pixel): Metres | null;
  /** Null for a place behind the camera. `height` above the road, m; 0 when not given. */
  toImage(place: Metres, height?: number): Pixel | null;
  /**
   * How far one px is at a pixel, in metres: along the unit vector `away`, which points away from the camera, and
   * across it. Null where `toRoad` is.
   */
  metresPerPixel(pixel: Pixel): { readonly along: number; readonly across: number; readonly away: Metres } | null;
}

export interface SceneZone {
  readonly id: string;
  readonly kind: ZoneKind;
  /** In px of the picture as shown. */
  readonly polygon: readonly Pixel[];
  /** Unit vector on the road in which traffic runs; null when not given. */
  readonly direction: Metres | null;
  readonly speedLimitKmh: number | null;
  contains(pixel: Pixel): boolean;
  /** In metres, 0 within it. Null for a place that the picture can't show. */
  distanceTo(place: Metres): number | null;
}

export interface SceneLine {
  readonly id: string;
  /** In px of the picture as shown. */
  readonly points: readonly [Pixel, Pixel];
}

/** The place that a camera sees. Zones are asked with places on the road: the middle of a footprint. */
export interface Scene {
  readonly plane: RoadPlane;
  readonly zones: readonly SceneZone[];
  readonly lines: readonly SceneLine[];
  /** Zones that contain the place; of one kind when it is given. Empty for a place that the picture can't show. */
  zonesAt(place: Metres, kind?: ZoneKind): readonly SceneZone[];
  /** The zone's own limit, or the scene's; null for none. */
  limitKmhAt(place: Metres): number | null;
  /** True in a zone of kind `ignore`. */
  ignores(pixel: Pixel): boolean;
  /**
   * Takes the boxes of one frame, in px of the picture as shown, in the order of time. Without calibration the scale of
   * metres is learnt from them: the scene with a better scale when it changed by more than a twentieth; else null.
   */
  learn(boxes: readonly SeenBox[]): Scene | null;
}

/** A road user as detected. */
export interface SeenBox {
  readonly class: ObjectClass;
  /** 0..1 */
  readonly confidence: number;
  readonly bbox: Box;
  /** px/s, as tracked: tells how a car is turned. */
  readonly velocity?: readonly [number, number] | null;
}

/** Length, width and height of a road user in metres. */
export interface Size3 {
  readonly length: number;
  readonly width: number;
  readonly height: number;
}
export type SizeOf = Readonly<Record<ObjectClass, Size3>>;
