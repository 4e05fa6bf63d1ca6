/** The record of a chaos run, from sources that do not depend on the code under test. Times are epoch ms. */
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { AssessmentSource, RiskLevel } from '../../src/messages/assessment.ts';
import type { Behaviour, SimulatedKeyEntry, Violation } from '../../src/simulator/simulator.types.ts';
import type { Fault } from './schedule.ts';

/** A detection as the camera's node was given it, before anything was done with it. */
export interface Emitted {
  readonly requestId: string;
  readonly cameraId: string;
  readonly groups: number;
  readonly at: number;
}

/** A result in its stream. */
export interface Answer {
  readonly taskId: string;
  readonly source: AssessmentSource;
  readonly level: RiskLevel;
}

/** A message of the live feed as a viewer got it. */
export interface Seen {
  readonly type: 'detection_result' | 'alert';
  readonly requestId: string;
  readonly revision: number;
  /** When the frame was taken. */
  readonly frameAt: number;
  readonly at: number;
}

export interface FaultRecord extends Fault {
  readonly beganAt: number;
  readonly endedAt: number;
  /** Why the fault could not be caused; then the entry proves nothing. */
  readonly skipped?: string;
}

export interface ChaosRecord {
  readonly emitted: readonly Emitted[];
  /** Detections that were never published, as their node counted and named them. */
  readonly shed: readonly string[];
  /** Their number by the metrics of that node. */
  readonly shedCounted: number;
  /** Everything in the stream of aggregates, in order, kept as it came so that its age limit does not matter. */
  readonly aggregates: readonly Aggregate[];
  /** All results in their stream, in order. */
  readonly answers: readonly Answer[];
  /** Alerts of the history by camera, final revisions, newest first; and those of Redis. */
  readonly history: Readonly<Record<string, readonly Aggregate[]>>;
  readonly redis: Readonly<Record<string, readonly Aggregate[]>>;
  /** Messages to a viewer that stays, and resumes from its offset when it is cut off. */
  readonly seen: readonly Seen[];
  /** Messages to a viewer that leaves at the start of every fault and comes back at its end. */
  readonly seenByReturning: readonly Seen[];
  readonly deadLetters: number;
  readonly faults: readonly FaultRecord[];
  /** Windows that the provider saw with more calls than allowed. */
  readonly violations: readonly Violation[];
}

/** A line of a node's journal. */
export type JournalLine =
  | ({ readonly type: 'emitted' } & Emitted)
  | { readonly type: 'shed'; readonly requestId: string };

/** Messages to a node, and from it. */
export type NodeOrder =
  | { readonly type: 'sabotage'; readonly cameraId: string }
  | {
      readonly type: 'emit';
      readonly cameraIds: readonly string[];
      readonly everyMs: number;
      readonly seed: number;
      readonly forMs?: number;
    }
  | { readonly type: 'quiet' }
  /** Its clock from now on, beside the machine's. */
  | { readonly type: 'clock'; readonly aheadMs: number };
export interface NodeAnswer {
  readonly type: 'up';
  readonly url: string;
}

export type ProviderOrder = { readonly type: 'behave'; readonly as: Behaviour | null } | { readonly type: 'record' };
export type ProviderAnswer =
  | { readonly type: 'up'; readonly url: string; readonly model: string; readonly keys: readonly SimulatedKeyEntry[] }
  | { readonly type: 'record'; readonly calls: number; readonly violations: readonly Violation[] };
