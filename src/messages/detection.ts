import { z } from 'zod';
import { MOST } from './bounds.ts';
import { CameraPrompt, FreshnessSeconds } from './camera.ts';
import { Box, DetectedObject, EarlierMoment, ObjectClass } from './detection-parts.ts';
import { CameraId, ImageId, IsoTime, RequestId, TraceId } from './ids.ts';
import { MeasuredIncident } from './incident.ts';
import { ReleaseMark } from './release-mark.ts';

export * from './detection-parts.ts';
export * from './scene-constants.ts';

/** Measurements that a still picture cannot show. Distances in px, speeds in px/s of the analysed frame. */
export const GroupFeatures = z.object({
  /** Members per 10,000 px² of the group's box. */
  density: z.number(),
  /** Mean and least distance between member centres. */
  meanSpacing: z.number(),
  minSpacing: z.number(),
  vehicleCount: z.int(),
  personCount: z.int(),
  /** Least gap between a person's box and a vehicle's box (0 when they touch); null without such a pair. */
  minPersonVehicleDistance: z.number().nullable(),
  /** Fastest member; null when no member has a known velocity. */
  maxSpeed: z.number().nullable(),
  /** Fastest approach of two members; null without two known velocities, 0 when none approach. */
  maxClosingSpeed: z.number().nullable(),
});
export type GroupFeatures = z.infer<typeof GroupFeatures>;

export const TrafficGroup = z.object({
  /** 1..n within the frame, by order of discovery; not stable across frames. */
  groupIndex: z.int().min(1).max(999),
  /** Stable across frames: follows the tracks of the members. */
  groupId: z.string().max(MOST.name),
  objectCount: z.int().min(2).max(MOST.objects),
  classes: z.array(ObjectClass).max(MOST.objects),
  bbox: Box,
  averageConfidence: z.number().min(0).max(1),
  memberIndices: z.array(z.int().min(0)).max(MOST.objects),
  features: GroupFeatures,
  /**
   * Time of the first frame since which nothing about the group has changed: the same members, nobody moves, nearly the
   * same picture. Absent when it changed with this frame, or when nobody looked.
   */
  unchangedSince: IsoTime.optional(),
});
export type TrafficGroup = z.infer<typeof TrafficGroup>;

/** A group as published: with the claim check of its crop, null when the crop could not be stored. */
export const PublishedGroup = TrafficGroup.extend({
  cropId: ImageId.nullable(),
  /** Up to two moments of at most 2 s before, newest first, that differ from this one. Absent: none. */
  earlier: z.array(EarlierMoment).max(MOST.earlierMoments).optional(),
});
export type PublishedGroup = z.infer<typeof PublishedGroup>;

/**
 * The way of a frame up to its detection, in ms. Each part begins when the one before it ends, the first with the
 * picture's arrival.
 */
export const StageTimes = z.object({
  /** Until the coded picture was given to the decoders. */
  queuedMs: z.number().min(0),
  /** Until the decoded picture was there, with its wait for a free decoder. */
  decodeMs: z.number().min(0),
  /** Until its analysis began. */
  waitMs: z.number().min(0),
  /** The detector; 0 when nothing had moved. */
  detectMs: z.number().min(0),
  /** Tracks, groups and incidents. */
  trackMs: z.number().min(0),
});
export type StageTimes = z.infer<typeof StageTimes>;

/** Body of `detection-results.{cameraId}`: one analysed frame, with or without road users. */
export const Detection = z.object({
  requestId: RequestId,
  cameraId: CameraId,
  /** When the frame reached Gantry (ISO 8601 UTC). End-to-end latency counts from here. */
  timestamp: IsoTime,
  traceId: TraceId,
  /** Counts the analysed frames of this camera since its actor was created, from 1, without gaps, across restarts. */
  frameNumber: z.int().min(1),
  detectedObjects: z.array(DetectedObject).max(MOST.objects),
  trafficGroups: z.array(PublishedGroup).max(MOST.groups),
  /** The incidents that are open, and those that closed with this frame. */
  incidents: z.array(MeasuredIncident).max(MOST.incidents).default([]),
  imageWidth: z.int().positive().max(MOST.side),
  imageHeight: z.int().positive().max(MOST.side),
  /** Claim check of the whole frame; null when it could not be stored. */
  imageId: ImageId.nullable(),
  /** From the frame's arrival to the end of grouping, in seconds. */
  detectionLatency: z.number().min(0),
  modelType: z.string().max(MOST.name),
  /** Absent in detections of earlier versions. */
  stages: StageTimes.optional(),
  /** The camera's own {@link FreshnessSeconds}; absent: that of the key file. */
  freshnessSeconds: FreshnessSeconds.optional(),
  /** The camera's own text for the model. */
  prompt: CameraPrompt.optional(),
  /** Present when a release had a share in the cameras: the way of this one's detector and thresholds. */
  release: ReleaseMark.optional(),
  /** The frame that this one replays, to be assessed again. */
  replayOf: RequestId.optional(),
});
export type Detection = z.infer<typeof Detection>;
