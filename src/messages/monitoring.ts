/** Alerts about Gantry itself, as nodes tell each other of them. */
import { z } from 'zod';
import { MOST } from './bounds.ts';
import { CameraId, IsoTime } from './ids.ts';

/** Alerts of one node that are told; further ones are counted only. */
export const MOST_NODE_ALERTS = 200;
export const MOST_SILENCES = 200;
/** A silence holds for at most so long. */
export const MOST_SILENCE_DAYS = 7;

const RuleName = z.string().max(64);
const Severity = z.enum(['warning', 'critical']);

/** The alerts of a rule, or of one camera of it, are not announced until a time. */
export const Silence = z.object({
  silenceId: z.string().max(MOST.name),
  rule: RuleName,
  /** Null: alerts of every camera, and of none. */
  cameraId: CameraId.nullable(),
  until: IsoTime,
  reason: z.string().max(MOST.shelfReason),
  by: z.string().max(MOST.name),
});
export type Silence = z.infer<typeof Silence>;

/** One alert: a rule and the thing that it is about. */
export const SystemAlert = z.object({
  rule: RuleName,
  severity: Severity,
  /** `pending`: for less than the rule's time. `clearing`: well again, for less than the time of that. */
  state: z.enum(['pending', 'firing', 'clearing']),
  /** When its reading went to the wrong side of the threshold. */
  since: IsoTime,
  /** Null while pending. */
  firedAt: IsoTime.nullable(),
  value: z.number(),
  threshold: z.number(),
  unit: z.string().max(20),
  /** Labels of the reading: a camera, a key, a consumer. */
  labels: z.record(z.string().max(64), z.string().max(MOST.name)),
  /** Null where it is about no camera. */
  cameraId: CameraId.nullable(),
  /** The node that found it. */
  node: z.string().max(MOST.name),
  /** Every node finds the same. */
  shared: z.boolean(),
  /** When the silence of it ends; null: it is announced. */
  silencedUntil: IsoTime.nullable(),
});
export type SystemAlert = z.infer<typeof SystemAlert>;

/** The alerts of one node, told every few seconds. */
export const NodeAlerts = z.object({
  nodeId: z.string().max(MOST.name),
  alerts: z.array(SystemAlert).max(MOST_NODE_ALERTS),
  /** The worst reading of each rule. */
  values: z.record(RuleName, z.number()),
});
export type NodeAlerts = z.infer<typeof NodeAlerts>;

/** An alert that was announced, and not yet that it ended. All nodes share these records. */
export const ToldAlert = z.object({
  /** Of its calls, so that a repeated one is recognised. */
  id: z.string().max(MOST.name),
  node: z.string().max(MOST.name),
  alert: SystemAlert,
  /** `opened`: the call may not have been stored yet. */
  stage: z.enum(['opened', 'told', 'ending']),
  at: IsoTime,
});
export type ToldAlert = z.infer<typeof ToldAlert>;
