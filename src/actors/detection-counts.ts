import type { MetricRecorder } from '../infra/metric-table.ts';
import type { Detection } from '../messages/detection.ts';
import type { CameraId } from '../messages/ids.ts';

/** Cameras whose open incidents are remembered: more than one process reads. */
const MOST_CAMERAS = 1_000;

/** Counts the content of published detections, each incident once. */
export class DetectionCounts {
  readonly #metrics: Pick<MetricRecorder, 'inc'>;
  /** The incidents of each camera's last detection: an incident is in every one until it ends. */
  readonly #known = new Map<CameraId, ReadonlySet<string>>();

  constructor(metrics: Pick<MetricRecorder, 'inc'>) {
    this.#metrics = metrics;
  }

  published({ cameraId, detectedObjects, trafficGroups, incidents }: Detection): void {
    const byClass = new Map<string, number>();
    for (const { class: name } of detectedObjects) byClass.set(name, (byClass.get(name) ?? 0) + 1);
    for (const [name, count] of byClass)
      this.#metrics.inc('detected_objects_total', count, { camera_id: cameraId, class_name: name });
    if (trafficGroups.length > 0)
      this.#metrics.inc('traffic_groups_total', trafficGroups.length, { camera_id: cameraId });
    this.#countIncidents(cameraId, incidents);
  }

  #countIncidents(cameraId: CameraId, incidents: Detection['incidents']): void {
    const known = this.#known.get(cameraId);
    for (const { incidentId, kind, severity } of incidents)
      if (known?.has(incidentId) !== true) this.#metrics.inc('incidents_total', 1, { kind, severity });
    this.#known.delete(cameraId);
    if (incidents.length === 0) return;
    this.#known.set(cameraId, new Set(incidents.map(({ incidentId }) => incidentId)));
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_CAMERAS && oldest !== undefined) this.#known.delete(oldest);
  }
}
