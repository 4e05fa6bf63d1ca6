import type { EarlierMoment } from '../../messages/detection.ts';
import type { RequestId } from '../../messages/ids.ts';
import { cropImageId } from '../../messages/new-ids.ts';

/** A group or an incident of a frame. */
export interface Subject {
  /** The same in every frame; of a group and an incident never the same. */
  readonly id: string;
  /** Within the frame. */
  readonly subjectIndex: number;
  /** Time of the first frame since which nothing about it has changed. */
  readonly unchangedSince?: string | undefined;
}

/** Oldest moment that tells something about a subject now, in ms: two seconds, and the jitter of a frame's arrival. */
const OLDEST_MS = 2_100;
/** Frames remembered: all of {@link OLDEST_MS} at the shortest interval, 0.1 s. */
const MOST_FRAMES = 24;

interface Past {
  readonly timeMs: number;
  /** Crops by the id of the subject. */
  readonly crops: ReadonlyMap<string, EarlierMoment>;
}

/** Remembers the crops of the last frames of one camera by subject. */
export class EarlierMoments {
  /** Newest first. */
  #past: Past[] = [];

  /**
   * Up to two earlier moments of each subject, newest first: the oldest of the last 2.1 s and the one nearest half-way
   * to it, without moments since which nothing about the subject has changed. Empty lists where there are none. The
   * frame is remembered.
   *
   * @param timeMs when the frame was taken, epoch ms
   */
  add(requestId: RequestId, subjects: readonly Subject[], timeMs: number): readonly (readonly EarlierMoment[])[] {
    this.#past = this.#past.filter((past) => past.timeMs < timeMs && timeMs - past.timeMs <= OLDEST_MS);
    const earlier = subjects.map((subject) => this.#of(subject, timeMs));
    const timestamp = new Date(timeMs).toISOString();
    const crops = subjects.map(
      ({ id, subjectIndex }) => [id, { cropId: cropImageId(requestId, subjectIndex), timestamp }] as const,
    );
    this.#past = [{ timeMs, crops: new Map(crops) }, ...this.#past].slice(0, MOST_FRAMES);
    return earlier;
  }

  #of({ id, unchangedSince }: Subject, timeMs: number): readonly EarlierMoment[] {
    const sameSince = unchangedSince === undefined ? Infinity : Date.parse(unchangedSince);
    const moments = this.#past.flatMap((past) => {
      const moment = past.timeMs < sameSince ? past.crops.get(id) : undefined;
      return moment === undefined ? [] : [{ moment, at: past.timeMs }];
    });
    const oldest = moments.at(-1);
    if (oldest === undefined) return [];
    const half = (timeMs + oldest.at) / 2;
    const [between] = moments.slice(0, -1).toSorted((a, b) => Math.abs(a.at - half) - Math.abs(b.at - half));
    return between === undefined ? [oldest.moment] : [between.moment, oldest.moment];
  }
}
