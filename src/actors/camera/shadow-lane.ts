import type { MetricRecorder } from '../../infra/metric-table.ts';
import type { Detection } from '../../messages/detection.ts';
import { frameImageId } from '../../messages/new-ids.ts';
import type { ReleaseOutcome } from '../../messages/release.ts';
import type { SceneConfig } from '../../messages/scene.ts';
import type { ActorContext } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { TrackedDetection } from '../../tracking/tracking.types.ts';
import type { FrameSize } from '../../vision/frame.ts';
import type { Detector } from '../../vision/vision.types.ts';
import { type ComparedIncident, type FoundIn, LaneComparison } from '../../watch/lane-comparison.ts';
import { PictureSpells } from '../../watch/picture-spells.ts';
import { type PictureWatch, watchPictures, type WatchPicturesOptions } from '../../watch/watch-pictures.ts';
import { INGEST } from '../ingest.types.ts';
import type { OpenDetector } from './camera-detector.ts';
import type { CameraWay, ShadowPlan } from './camera-way.types.ts';
import type { TakenPicture } from './picture-queue.ts';
import { type AnalysedPicture, PictureTally, type ReleaseTrial } from './release-trial.ts';
import { rounded, withAppearance } from './sightings.ts';

export interface ShadowLaneOptions {
  readonly ctx: Pick<ActorContext<never>, 'ref' | 'clock' | 'native' | 'metrics' | 'log'>;
  readonly cameraId: string;
  readonly plan: ShadowPlan;
  readonly scene: SceneConfig | null;
  /** As `PictureAnalyserOptions`. */
  readonly run: string;
  readonly confidence: number;
  readonly burstFps: number;
  readonly intervalMs: number;
  readonly open: OpenDetector;
  readonly tell: (outcome: ReleaseOutcome) => void;
  readonly watch?: ((options: WatchPicturesOptions) => PictureWatch) | undefined;
}

/** Incidents that begin so soon after the first picture don't count: nobody had tracks yet. */
const WARM_UP_MS = 2_000;
/** Longest wait for the ingest to say whether the processors have time to spare. */
const SPARE_WITHIN_MS = 1_000;

/** The candidate's watch of consecutive pictures of one size, and its incidents beside those of the present way. */
interface Spell {
  readonly display: FrameSize;
  readonly watch: PictureWatch;
  readonly comparison: LaneComparison;
}

/**
 * A candidate that judges the pictures of a camera out of sight. With thresholds alone it has the same detections as
 * the present way. With a detector, it looks at pictures by itself, within the release's budget and only while the
 * processors have time to spare, one at a time. A failure ends the lane and never the camera.
 */
export class ShadowLane implements ReleaseTrial {
  readonly #options: ShadowLaneOptions;
  readonly #metrics: MetricRecorder;
  readonly #present: PictureTally;
  readonly #candidate: PictureTally;
  readonly #spells: PictureSpells | null;
  #plan: ShadowPlan;
  #scene: SceneConfig | null;
  #spell: Spell | null = null;
  #spellCount = 0;
  #detector: Detector | null = null;
  /** The picture that the candidate's detector looks at; null for none. Never rejects. */
  #looking: Promise<void> | null = null;
  /** The newest frame that was published: pictures can be had under its ids. */
  #shown: FoundIn | null = null;
  #isOver = false;

  constructor(options: ShadowLaneOptions) {
    const { ctx, cameraId, plan, scene, tell, intervalMs } = options;
    this.#options = options;
    this.#metrics = ctx.metrics;
    this.#plan = plan;
    this.#scene = scene;
    const { releaseId, detector } = plan;
    this.#present = new PictureTally({ releaseId, cameraId, tell, way: 'present' });
    this.#candidate = new PictureTally({ releaseId, cameraId, tell, way: 'candidate' });
    this.#spells = detector === null ? null : new PictureSpells({ ...detector, intervalMs });
  }

  /** Thresholds may be others. After a failure, the next settings begin a new lane. */
  adapt({ shadow: plan }: CameraWay, scene: SceneConfig | null): boolean {
    const now = this.#plan;
    if (this.#isOver || plan === null || plan.releaseId !== now.releaseId || !sameDetector(plan, now)) return false;
    this.#plan = plan;
    this.#scene = scene;
    this.#spell?.watch.setScene({ scene, thresholds: plan.thresholds });
    return true;
  }

  observe(picture: AnalysedPicture): void {
    if (this.#isOver) return;
    try {
      this.#observe(picture);
    } catch (thrown) {
      this.#fail(asError(thrown));
    }
  }

  async close(): Promise<void> {
    if (!this.#isOver) this.#tellRest();
    this.#isOver = true;
    this.#spell = null;
    await this.#looking;
    await this.#releaseDetector();
  }

  #observe({ taken, outcome, detectMs, published }: AnalysedPicture): void {
    const { at } = taken;
    this.#present.add(at, outcome.objects, detectMs);
    if (published !== null) this.#shown = shownIn(published);
    const isPaid = this.#spells?.take(at) ?? true;
    if (this.#spells?.isOpen === false) {
      this.#spell = null;
      this.#skip(at, 'budget');
      return;
    }
    const spell = this.#spellOf(taken);
    if (published !== null) this.#notePresent(spell, published);
    if (this.#spells === null) this.#judge(spell, taken, outcome.sightings, 0);
    else if (!isPaid) this.#skip(at, 'budget');
    else if (this.#looking !== null) this.#skip(at, 'busy');
    else this.#begin(spell, taken);
    for (const compared of spell.comparison.settle(at)) this.#tell(compared);
  }

  #begin(spell: Spell, taken: TakenPicture): void {
    this.#looking = this.#look(spell, taken)
      .catch((thrown: unknown) => this.#fail(asError(thrown)))
      .finally(() => {
        this.#looking = null;
      });
  }

  /** The present way goes on meanwhile. */
  async #look(spell: Spell, taken: TakenPicture): Promise<void> {
    const { ctx, open } = this.#options;
    const { frame, at } = taken;
    if (!(await this.#hasSpareTime())) {
      this.#skip(at, 'busy');
      return;
    }
    this.#detector ??= await open(this.#plan.detector?.model ?? null);
    const began = ctx.clock.now();
    const raw = await this.#detector.detect(frame, (work) => ctx.native(work));
    const detectMs = ctx.clock.now() - began;
    // The spell ended meanwhile, or the lane.
    if (this.#spell !== spell) return;
    const sightings = raw.flatMap(rounded).map((detection) => withAppearance(frame, detection));
    this.#judge(spell, taken, sightings, detectMs);
  }

  #judge(
    { watch, comparison }: Spell,
    { at, burst }: TakenPicture,
    detections: readonly TrackedDetection[],
    detectMs: number,
  ): void {
    const { incidents, assignments } = watch.observe({ at, detections, burst });
    this.#candidate.add(at, assignments.filter((assignment) => assignment !== null).length, detectMs);
    this.#metrics.inc('shadow_pictures_total', 1, { outcome: 'judged' });
    const shown = this.#shown;
    if (shown === null) return;
    for (const incident of incidents) comparison.note('candidate', incident, { ...shown, at });
  }

  #notePresent({ comparison }: Spell, { incidents, requestId, timestamp }: Detection): void {
    const at = Date.parse(timestamp);
    for (const incident of incidents) {
      const { cropId } = incident;
      comparison.note('present', incident, { requestId, cropId: cropId ?? frameImageId(requestId), at });
    }
  }

  #tell({ incidentId, kind, severity, foundBy, requestId, cropId, at }: ComparedIncident): void {
    const { cameraId, tell } = this.#options;
    const { releaseId } = this.#plan;
    tell({
      type: 'incident',
      releaseId,
      cameraId,
      requestId,
      groupId: incidentId,
      at: new Date(at).toISOString(),
      cropId,
      kind,
      severity,
      foundBy: [...foundBy],
    });
  }

  #spellOf({ frame: { display }, at }: TakenPicture): Spell {
    const known = this.#spell;
    if (known !== null && known.display.width === display.width && known.display.height === display.height)
      return known;
    const { cameraId, run, confidence, burstFps, watch = watchPictures } = this.#options;
    this.#spellCount += 1;
    this.#spell = {
      display,
      watch: watch({
        scene: this.#scene,
        thresholds: this.#plan.thresholds,
        picture: display,
        // Not those of the present way.
        idPrefix: `${cameraId}-${run}-shadow${this.#spellCount}-`,
        confidence,
        burstFps,
        // The present way tells them.
        onProblem: () => undefined,
      }),
      comparison: new LaneComparison(at + WARM_UP_MS),
    };
    return this.#spell;
  }

  /** No answer in time is a no. */
  #hasSpareTime(): Promise<boolean> {
    return this.#options.ctx
      .ref(INGEST)
      .ask({ type: 'spare' }, { timeoutMs: SPARE_WITHIN_MS })
      .catch(() => false);
  }

  #skip(at: number, outcome: 'budget' | 'busy'): void {
    this.#candidate.skip(at);
    this.#metrics.inc('shadow_pictures_total', 1, { outcome });
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    const { ctx, cameraId } = this.#options;
    const { releaseId } = this.#plan;
    this.#isOver = true;
    this.#spell = null;
    this.#metrics.inc('shadow_pictures_total', 1, { outcome: 'failed' });
    ctx.log.error(
      { cameraId, releaseId, err: error },
      `the shadow of release ${releaseId} ended at camera ${cameraId}, which goes on: ${error.message}`,
    );
    this.#tellRest();
  }

  #tellRest(): void {
    this.#present.tellRest();
    this.#candidate.tellRest();
  }

  async #releaseDetector(): Promise<void> {
    const { ctx, cameraId } = this.#options;
    const detector = this.#detector;
    this.#detector = null;
    await detector
      ?.release((work) => ctx.native(work))
      .catch((thrown: unknown) =>
        ctx.log.warn({ cameraId, err: asError(thrown) }, `${detector.modelType} could not be released`),
      );
  }
}

const shownIn = ({ requestId, timestamp }: Detection): FoundIn => ({
  requestId,
  cropId: frameImageId(requestId),
  at: Date.parse(timestamp),
});

function sameDetector({ detector: one }: ShadowPlan, { detector: other }: ShadowPlan): boolean {
  if (one === null || other === null) return one === other;
  return (
    one.model?.path === other.model?.path &&
    one.picturesPerMinute === other.picturesPerMinute &&
    one.phase === other.phase
  );
}
