import type { LaneFigures, TrafficCounts } from '../messages/counted-bin.ts';
import type { CameraId } from '../messages/ids.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';

/** A lane in the newest finished minute of its camera. */
export interface LaneNow {
  readonly cameraId: CameraId;
  readonly lane: LaneFigures;
}

export type TrafficCountsMessage =
  | { type: 'counted'; counts: TrafficCounts }
  /** Without those whose camera has finished no minute for three. */
  | ({ type: 'lanes' } & Asking<readonly LaneNow[]>);
export const TRAFFIC_COUNTS = address<TrafficCountsMessage>('/traffic-counts');
