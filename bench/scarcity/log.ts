/** The record of a run, live or simulated, that all figures are computed from. Times in epoch ms, or ms of the run. */
import type { TrueLevel } from './world.ts';

/** A group in a frame: a question that could be asked. */
export interface LoggedQuestion {
  readonly camera: number;
  readonly groupId: string;
  /** Time of the frame. */
  readonly at: number;
  readonly truth: TrueLevel;
}

/** The model's answer about a frame's group, first on a screen. */
export interface LoggedVerdict {
  readonly camera: number;
  readonly groupId: string;
  readonly frameAt: number;
  readonly seenAt: number;
  readonly level: TrueLevel;
}

export interface LoggedCall {
  readonly camera: number;
  readonly at: number;
}

export interface Log {
  /** In order of time. */
  readonly questions: readonly LoggedQuestion[];
  readonly verdicts: readonly LoggedVerdict[];
  readonly calls: readonly LoggedCall[];
}
