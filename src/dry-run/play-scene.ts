import { thresholdsWith } from '../messages/event-thresholds.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import type { SceneConfig } from '../messages/scene.ts';
import type { FrameSize } from '../vision/frame.ts';
import { watchPictures } from '../watch/watch-pictures.ts';
import type { WatchedIncident } from '../watch/watch.types.ts';
import type { DryRunJob, DryRunOutcome, FoundIncident, PlayedFrame } from './dry-run.types.ts';

/** Incidents that are told; all are counted. */
export const MOST_FOUND = 200;

/** The incidents that would have come of the job's frames with each of its scenes. Pure. */
export const playScenes = ({ frames, scenes, confidence }: DryRunJob): readonly DryRunOutcome[] =>
  scenes.map((scene) => playScene(frames, scene, confidence));

/** `frames`: oldest first. Those of another size begin anew: positions in them are others. */
export function playScene(
  frames: readonly PlayedFrame[],
  scene: SceneConfig | null,
  confidence: number,
): DryRunOutcome {
  const found = new Map<string, FoundIncident>();
  let problem: string | null = null;
  for (const [index, run] of runsOfOneSize(frames).entries()) {
    const watch = watchPictures({
      scene,
      thresholds: thresholdsWith(scene?.thresholds),
      picture: run.size,
      confidence,
      idPrefix: `dry-${index}-`,
      // The frames are those that there are: no look-back can be asked for.
      burstFps: 0,
      onProblem: (sentence) => (problem ??= sentence),
    });
    for (const frame of run.frames) {
      const { incidents } = watch.observe({ at: frame.at, detections: frame.objects, burst: false });
      for (const incident of incidents) note(found, incident, frame);
    }
  }
  return { ...summaryOf([...found.values()]), problem };
}

interface Run {
  readonly size: FrameSize;
  readonly frames: PlayedFrame[];
}

function runsOfOneSize(frames: readonly PlayedFrame[]): readonly Run[] {
  const runs: Run[] = [];
  for (const frame of frames) {
    const last = runs.at(-1);
    if (last?.size.width === frame.width && last.size.height === frame.height) last.frames.push(frame);
    else runs.push({ size: { width: frame.width, height: frame.height }, frames: [frame] });
  }
  return runs;
}

function note(found: Map<string, FoundIncident>, incident: WatchedIncident, frame: PlayedFrame): void {
  const { incidentId, kind, onset, endedAt = null, zone, severity, evidence, bbox, mergedInto } = incident;
  // It went on in another incident, which is told.
  if (mergedInto !== undefined) {
    found.delete(incidentId);
    return;
  }
  const first = found.get(incidentId) ?? { bbox, requestId: frame.requestId, imageId: frame.imageId };
  const { requestId, imageId } = first;
  // The box is that of the frame in which it was found, as the picture shows it.
  found.set(incidentId, { kind, onset, endedAt, zone, severity, evidence, bbox: first.bbox, requestId, imageId });
}

function summaryOf(found: readonly FoundIncident[]): Omit<DryRunOutcome, 'problem'> {
  const counts: Partial<Record<EventKind, number>> = {};
  for (const { kind } of found) counts[kind] = (counts[kind] ?? 0) + 1;
  // ISO times of one zone sort as texts.
  const newestFirst = found.toSorted((a, b) => (a.onset < b.onset ? 1 : a.onset > b.onset ? -1 : 0));
  return { incidents: newestFirst.slice(0, MOST_FOUND), counts };
}
