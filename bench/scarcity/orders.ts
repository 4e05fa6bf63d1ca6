/** Orders and reports of the benchmark's processes, as JSON over their channels. */
import type { RiskLevel } from '../../src/messages/assessment.ts';
import type { KeyLimits } from './limits.ts';
import type { LoggedQuestion } from './log.ts';
import type { Shown } from './pictures.ts';
import type { WorldOptions } from './world.ts';

export type ProviderOrder = KeyLimits;

/** A call that the provider let in and whose picture it saw. */
export interface SeenCall extends Shown {
  /** Epoch ms of its arrival. */
  readonly calledAt: number;
}

export interface ProviderRecord {
  readonly calls: readonly SeenCall[];
  /** Calls that were let in, and refused with 429, with their times. */
  readonly accepted: readonly number[];
  readonly refused: number;
  /** Windows with more calls than allowed. */
  readonly violations: number;
  /** Mean of the prompts with their pictures. */
  readonly promptTokens: number;
}

export interface LoadOrder extends WorldOptions {
  readonly natsUrl: string;
  /** See `pipeline/clock.ts`. */
  readonly offset: number;
  /** Prefix of the cameras' names. */
  readonly prefix: string;
}

/** A detection as it was published. */
export interface Sent {
  readonly requestId: string;
  /** Just before the publish, epoch ms on the common clock. */
  readonly at: number;
}

export interface LoadEnd {
  readonly beganAt: number;
  readonly questions: readonly LoggedQuestion[];
  readonly sent: readonly Sent[];
  readonly failed: number;
  /** How much later than planned a frame was published at worst, in ms. */
  readonly latestMs: number;
}

export interface ViewerOrder {
  readonly url: string;
  readonly offset: number;
  readonly prefix: string;
}

/** A model's verdict about a group's frame, when the viewer first had it. */
export interface SeenVerdict {
  readonly cameraId: string;
  readonly groupId: string;
  readonly requestId: string;
  /** The frame's own time, epoch ms. */
  readonly frameAt: number;
  readonly seenAt: number;
  /** The model's own level, before any dispute. */
  readonly level: RiskLevel;
}

export interface ViewerRecord {
  readonly verdicts: readonly SeenVerdict[];
  /** The first message about each frame. */
  readonly firsts: readonly { readonly requestId: string; readonly at: number; readonly revision: number }[];
  /** Groups shown as `unknown`, over all messages. */
  readonly unknown: number;
  /** Groups without a result, over all messages. */
  readonly missing: number;
  readonly aggregates: number;
}
