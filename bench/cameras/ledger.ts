/** Joins the sightings of each frame at the viewer. Pure; times in epoch ms. */
import { type Percentiles, percentiles } from '../../src/cli/check/percentiles.ts';
import type { SeenFrame, ViewerBatch } from './orders.ts';

interface FrameRecord {
  readonly camera: number;
  readonly timestamp: number;
  readonly firstMs: number;
  readonly groups: number;
  readonly counts: Readonly<Record<string, number>> | null;
  /** From the frame's arrival to its verdicts by the model, ms, by group. */
  readonly verdicts: Map<number, number>;
}

/** Frames that reached Gantry in a span of time. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface SpanFigures {
  readonly frames: number;
  readonly groups: number;
  /** Analysed frames as a share of the wanted ones: of all cameras, and of the worst. */
  readonly mean: number;
  readonly worst: number;
  readonly worstCamera: number;
  readonly first: Percentiles | null;
  readonly verdict: Percentiles | null;
}

/** Objects of one analysed frame, by class. */
export interface Counted {
  readonly camera: number;
  readonly timestamp: number;
  readonly counts: Readonly<Record<string, number>>;
}

export class CamerasLedger {
  readonly #frames = new Map<string, FrameRecord>();
  #alerts = 0;
  #skipped = 0;

  note(batch: ViewerBatch): void {
    this.#alerts += batch.alerts;
    this.#skipped += batch.skipped;
    for (const seen of batch.frames) this.#see(seen);
  }

  get alerts(): number {
    return this.#alerts;
  }

  /** Frames that the feed left out for this viewer. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Figures of `cameras`, each of which is to be analysed every `intervalMs`. */
  figures(span: Span, cameras: readonly number[], intervalMs: number): SpanFigures {
    const frames = this.#within(span).filter(({ camera }) => cameras.includes(camera));
    const byCamera = Map.groupBy(frames, ({ camera }) => camera);
    const wanted = (span.to - span.from) / intervalMs;
    const shares = cameras.map((camera) => (byCamera.get(camera)?.length ?? 0) / wanted);
    const worst = Math.min(...shares);
    return {
      frames: frames.length,
      groups: frames.reduce((sum, { groups }) => sum + groups, 0),
      mean: shares.reduce((sum, share) => sum + share, 0) / shares.length,
      worst,
      worstCamera: cameras[shares.indexOf(worst)] ?? 0,
      first: percentiles(frames.map(({ firstMs }) => firstMs)),
      verdict: percentiles(frames.flatMap(({ verdicts }) => [...verdicts.values()])),
    };
  }

  counted(span: Span): readonly Counted[] {
    return this.#within(span).flatMap(({ camera, timestamp, counts }) =>
      counts === null ? [] : [{ camera, timestamp, counts }],
    );
  }

  #within({ from, to }: Span): readonly FrameRecord[] {
    return [...this.#frames.values()].filter(({ timestamp }) => timestamp >= from && timestamp < to);
  }

  #see({ camera, requestId, timestamp, at, revision, groups, judged, counts }: SeenFrame): void {
    const ageMs = at - timestamp;
    const known = this.#frames.get(requestId);
    const record = known ?? {
      camera,
      timestamp,
      firstMs: ageMs,
      groups,
      counts: revision === 0 ? counts : null,
      verdicts: new Map(),
    };
    if (known === undefined) this.#frames.set(requestId, record);
    for (const group of judged) if (!record.verdicts.has(group)) record.verdicts.set(group, ageMs);
  }
}
