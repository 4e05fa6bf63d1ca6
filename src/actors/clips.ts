import type { ClipStore, Requests } from '../infra/bus.ts';
import { clipped } from '../messages/bounds.ts';
import type { RequestId } from '../messages/ids.ts';
import { subjects } from '../messages/subjects.ts';
import { type ClipAnswer, ClipWanted } from '../messages/wanted.ts';
import { type ActorContext, defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { CAMERA_REGISTRY } from './camera-registry.ts';
import { INGEST } from './ingest.types.ts';

export interface ClipsInit {
  readonly requests: Pick<Requests, 'answer'>;
  readonly clips: Pick<ClipStore, 'find' | 'put'>;
}

/** A clip begins this long before its alert's frame and ends as long after it. */
export const CLIP_SIDE_MS = 5_000;
/** Clips in hand at once: each waits up to 5 s for its end, then is in memory until it is stored. */
const MOST_AT_ONCE = 24;
const QUICK = { timeoutMs: 2_000 };
/** The wait for a clip's end, and its making. */
const CLIP_MS = 12_000;

/**
 * Stores clips around alerts on request, from the streams of this node's cameras. Requests about other cameras are left
 * to other nodes. Shows in the tree how many clips are in hand and how many were stored.
 */
export const clipsActor = defineActor<never>()<ClipsInit>({
  kind: 'clips',
  mailbox: { capacity: 10, overflow: 'refuse' },
  start: (ctx, init) => {
    const maker = new ClipMaker(ctx, init.clips);
    const unsubscribe = init.requests.answer(subjects.clipsWanted, ClipWanted, (wanted) => maker.answer(wanted));
    return { handlers: {}, stop: unsubscribe };
  },
});

class ClipMaker {
  readonly #ctx: ActorContext<never>;
  readonly #clips: ClipsInit['clips'];
  /** Answers under way: an alert's revisions, or several nodes, may ask at once. */
  readonly #inHand = new Map<RequestId, Promise<ClipAnswer>>();
  #stored = 0;

  constructor(ctx: ActorContext<never>, clips: ClipsInit['clips']) {
    this.#ctx = ctx;
    this.#clips = clips;
  }

  /** Null for a camera that this node does not read. Rejects when nothing can be said now. */
  async answer(wanted: ClipWanted): Promise<ClipAnswer | null> {
    const { cameraId, requestId } = wanted;
    const camera = await this.#ctx.ref(CAMERA_REGISTRY).ask({ type: 'get', cameraId }, QUICK);
    if (camera === null) return null;
    const before = this.#inHand.get(requestId);
    if (before !== undefined) return before;
    if (this.#inHand.size >= MOST_AT_ONCE)
      return { outcome: 'later', reason: `${MOST_AT_ONCE} clips are being made already` };
    const answer = this.#make(wanted).finally(() => {
      this.#inHand.delete(requestId);
      this.#report();
    });
    this.#inHand.set(requestId, answer);
    this.#report();
    return answer;
  }

  async #make({ cameraId, requestId, timestamp }: ClipWanted): Promise<ClipAnswer> {
    try {
      const known = await this.#clips.find(requestId);
      if (known?.outcome === 'stored') return known;
      const at = Date.parse(timestamp);
      const [from, to] = [at - CLIP_SIDE_MS, at + CLIP_SIDE_MS];
      const clip = await this.#ctx.ref(INGEST).ask({ type: 'clip', cameraId, from, to }, { timeoutMs: CLIP_MS });
      if (!clip.ok) return { outcome: 'none', reason: clipped(clip.reason) };
      const span = { from: new Date(clip.from).toISOString(), to: new Date(clip.to).toISOString() };
      await this.#clips.put(requestId, clip.mp4, span);
      this.#stored += 1;
      return { outcome: 'stored', bytes: clip.mp4.byteLength, ...span };
    } catch (thrown) {
      const { message } = asError(thrown);
      const isTooLarge = thrown instanceof Error && 'code' in thrown && thrown.code === 'CLIP_TOO_LARGE';
      return { outcome: isTooLarge ? 'none' : 'later', reason: clipped(message) };
    }
  }

  #report(): void {
    this.#ctx.report({ inHand: this.#inHand.size, stored: this.#stored });
  }
}
