import type { CameraId } from '../../messages/ids.ts';
import type { Detection } from '../../messages/detection.ts';
import type { ReleaseOutcome } from '../../messages/release.ts';
import type { ReleaseMark } from '../../messages/release-mark.ts';
import type { SceneConfig } from '../../messages/scene.ts';
import type { CameraWay } from './camera-way.types.ts';
import type { PictureOutcome } from './picture-analyser.ts';
import type { TakenPicture } from './picture-queue.ts';

/** A picture after its analysis, and after its detection was published. */
export interface AnalysedPicture {
  readonly taken: TakenPicture;
  readonly outcome: PictureOutcome;
  /** Time that the detector took, in ms; 0 where nothing had moved. */
  readonly detectMs: number;
  /** Null when the picture changed nothing that is shown. */
  readonly published: Detection | null;
}

/** The part of a camera in a release: it sees each picture after the present way is done with it. */
export interface ReleaseTrial {
  /** Goes on with this way, from the next picture on. False: it is the part of another way. */
  adapt(way: CameraWay, scene: SceneConfig | null): boolean;
  /** Never throws. */
  observe(picture: AnalysedPicture): void;
  /** Tells the last figures, and waits for work under way. */
  close(): Promise<void>;
}

const TALLY_MS = 60_000;

export interface TallyOptions extends ReleaseMark {
  readonly cameraId: CameraId;
  readonly tell: (outcome: ReleaseOutcome) => void;
}

/** Adds up the pictures that one way looked at. They are told once a minute, and at the end. */
export class PictureTally {
  readonly #options: TallyOptions;
  #since: number | null = null;
  #newest = 0;
  #counts = { pictures: 0, objects: 0, detectMs: 0, skipped: 0 };

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  /** @param at time of the picture, epoch ms */
  add(at: number, objects: number, detectMs: number): void {
    this.#counts.pictures += 1;
    this.#counts.objects += objects;
    this.#counts.detectMs += Math.max(0, detectMs);
    this.#note(at);
  }

  skip(at: number): void {
    this.#counts.skipped += 1;
    this.#note(at);
  }

  tellRest(): void {
    const { pictures, skipped } = this.#counts;
    if (pictures + skipped === 0) return;
    const { releaseId, way, cameraId, tell } = this.#options;
    tell({ type: 'pictures', releaseId, way, cameraId, at: new Date(this.#newest).toISOString(), ...this.#counts });
    this.#counts = { pictures: 0, objects: 0, detectMs: 0, skipped: 0 };
    this.#since = null;
  }

  #note(at: number): void {
    this.#newest = Math.max(this.#newest, at);
    this.#since ??= at;
    if (at - this.#since >= TALLY_MS) this.tellRest();
  }
}

/** Incidents remembered as told: more than are open at a time, with those that were merged. */
const MOST_TOLD = 400;

/** The part of a camera in a release with a share: it tells each incident once, as found by the camera's own way. */
export class ShareTrial implements ReleaseTrial {
  readonly #options: TallyOptions;
  readonly #tally: PictureTally;
  readonly #told = new Set<string>();
  /** Time of the first picture, ISO 8601: incidents that were found before are another way's. */
  #since: string | null = null;

  constructor(options: TallyOptions) {
    this.#options = options;
    this.#tally = new PictureTally(options);
  }

  adapt({ mark, shadow }: CameraWay): boolean {
    const { releaseId, way } = this.#options;
    return shadow === null && mark?.releaseId === releaseId && mark.way === way;
  }

  observe({ taken, outcome, detectMs, published }: AnalysedPicture): void {
    this.#since ??= new Date(taken.at).toISOString();
    this.#tally.add(taken.at, outcome.objects, detectMs);
    if (published !== null) this.#tellIncidents(published, this.#since);
  }

  close(): Promise<void> {
    this.#tally.tellRest();
    return Promise.resolve();
  }

  #tellIncidents({ incidents, requestId, timestamp }: Detection, since: string): void {
    const { releaseId, way, cameraId, tell } = this.#options;
    for (const { incidentId, foundAt, kind, severity, cropId } of incidents) {
      if (foundAt < since || this.#told.has(incidentId)) continue;
      this.#told.add(incidentId);
      const [oldest] = this.#told;
      if (this.#told.size > MOST_TOLD && oldest !== undefined) this.#told.delete(oldest);
      const found = { kind, severity, foundBy: [way] };
      tell({ type: 'incident', releaseId, cameraId, requestId, groupId: incidentId, at: timestamp, cropId, ...found });
    }
  }
}
