import { availableParallelism } from 'node:os';
import type { ActorLog } from '../runtime/actor.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { AccessUnit } from '../video/access-unit.ts';
import { type Chain, lose, remember } from './camera-shares.ts';
import { DecodeTask, type TaskPlan } from './decode-task.ts';
import { DecoderPool } from './decoder-pool.ts';
import { openDecoderProcess } from './decoder-process.ts';
import {
  type BurstJob,
  type CutJob,
  DecodeError,
  type DecodedPicture,
  type Decoders,
  type DecoderStats,
  type PictureJob,
} from './decoding.types.ts';

const MOST_DECODERS = 8;
const BURST_SHARE = 0.3;
/** A picture of 8K at the best quality is smaller. */
const MAX_UNIT_BYTES = 16 * 1024 * 1024;
/** Units of one job: a group of pictures of 80 s at 50 a second. */
const MAX_UNITS = 4_000;
const MAX_CUTS = 64;

export interface DecodersOptions {
  /** Decoder processes, 1 to 64. Default: one a core, at most 8. */
  readonly count?: number;
  /** Part of the decoders' time that bursts may use, above 0 to 1. Default 0.3. */
  readonly burstShare?: number;
  readonly clock?: Clock;
  readonly log: ActorLog;
  /** Called for each process that begins or ends, so that none outlives its owner. */
  readonly onProcess: (event: 'began' | 'ended', pid: number) => void;
}

/** Starts the first decoder; others start when they are needed. */
export function openDecoders(options: DecodersOptions): Decoders & { pids(): readonly number[] } {
  const pool = new DecoderPool({
    count: options.count ?? Math.min(MOST_DECODERS, availableParallelism()),
    burstShare: options.burstShare ?? BURST_SHARE,
    clock: options.clock ?? systemClock,
    log: options.log,
    open: (events) => {
      const channel = openDecoderProcess({
        ...events,
        onGone: (gone) => {
          if (channel.pid !== null) options.onProcess('ended', channel.pid);
          events.onGone(gone);
        },
      });
      if (channel.pid !== null) options.onProcess('began', channel.pid);
      return channel;
    },
  });
  return new PooledDecoders(pool);
}

/** The calls of {@link Decoders} as tasks of a pool. */
export class PooledDecoders implements Decoders {
  readonly #pool: DecoderPool;
  #nextId = 1;
  #isStopped = false;

  constructor(pool: DecoderPool) {
    this.#pool = pool;
  }

  async picture(job: PictureJob): Promise<DecodedPicture> {
    const { cameraId } = job;
    this.#continueChain('picture', job);
    const waiting = this.#pool.queue.remove((task) => task.urgency === 'due' && !task.hasBegun, cameraId);
    const [older] = waiting;
    const merged = older !== undefined && job.continues ? [...older.plan.units, ...job.units] : job.units;
    older?.fail(new DecodeError('REPLACED', 'a newer picture of the camera is due'));
    const continues = job.continues && (older?.plan.continues ?? true);
    const share = this.#pool.shares.used(cameraId);
    const pictures = await this.#run('picture', { ...job, units: merged, continues }, null, {
      urgency: 'due',
      keep: share.keepsPictures || merged.length > 1,
      wanted: [merged.length - 1],
      fit: job.fit,
      keepAs: merged.at(-1)?.at ?? null,
      cuts: null,
      isPictureNeeded: true,
    });
    const [picture] = pictures;
    if (picture === undefined) throw new DecodeError('UNDECODABLE', 'the picture did not come out');
    return picture;
  }

  async burst(job: BurstJob, signal: AbortSignal): Promise<void> {
    this.#continueChain('burst', job);
    await this.#run('burst', job, signal, {
      urgency: 'burst',
      // The next slice of a look-back comes soon, and the decoder forgets what nobody continues.
      keep: true,
      wanted: job.wanted,
      fit: job.fit,
      keepAs: null,
      cuts: null,
      isPictureNeeded: false,
      onPicture: job.onPicture,
    });
  }

  async cut(job: CutJob): Promise<readonly DecodedPicture[]> {
    if (job.continues) throw new DecodeError('NEEDS_KEYFRAME', 'cuts are made from a keyframe on');
    if (job.cuts.length > MAX_CUTS)
      throw new DecodeError('TOO_MANY', `${job.cuts.length} cuts of a picture, more than ${MAX_CUTS}`);
    return this.#run(null, job, null, {
      urgency: 'wanted',
      keep: false,
      wanted: [],
      fit: null,
      keepAs: job.picture.at,
      cuts: { at: job.picture.at, cuts: job.cuts },
      isPictureNeeded: false,
    });
  }

  forget(cameraId: string): void {
    this.#pool.forget(cameraId);
  }

  stats(): DecoderStats {
    return this.#pool.stats();
  }

  pids(): readonly number[] {
    return this.#pool.pids();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#pool.stop();
  }

  /** Refuses a job that continues a stream whose state is known to be lost. */
  #continueChain(chain: Chain, job: PictureJob | BurstJob): void {
    const share = this.#pool.shares.used(job.cameraId);
    if (job.continues && chain === 'picture') share.keepsPictures = true;
    if (job.continues && !share.streams[chain].includes(job.stream))
      throw new DecodeError('NEEDS_KEYFRAME', 'no earlier job left state that this one could continue');
    remember(share, chain, job.stream);
  }

  async #run(
    chain: Chain | null,
    job: PictureJob | BurstJob | CutJob,
    signal: AbortSignal | null,
    plan: Omit<TaskPlan, 'cameraId' | 'units' | 'stream' | 'continues' | 'onPicture' | 'onDone'> &
      Partial<Pick<TaskPlan, 'onPicture'>>,
  ): Promise<readonly DecodedPicture[]> {
    const pictures: DecodedPicture[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const task = new DecodeTask(this.#nextId++, {
      onPicture: (_index, picture) => void pictures.push(picture),
      ...plan,
      cameraId: job.cameraId,
      units: job.units,
      stream: job.stream,
      continues: job.continues,
      onDone: (error) => (error === null ? resolve() : reject(error)),
    });
    const abort = (): void => this.#pool.drop(task, new DecodeError('STOPPED', 'the burst was ended'));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      this.#add(task, signal);
      await promise;
    } catch (thrown) {
      if (chain !== null) this.#breakChain(chain, job, thrown);
      throw thrown;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    return pictures;
  }

  #add(task: DecodeTask, signal: AbortSignal | null): void {
    const refusal = this.#isStopped || signal?.aborted === true ? stopped() : problemOf(task.plan.units, task.plan);
    if (refusal !== null) task.fail(refusal);
    else if (!this.#pool.queue.add(task)) task.fail(new DecodeError('TOO_MANY', 'too many jobs of this kind wait'));
    else this.#pool.dispatch();
  }

  /** After a job whose units were not all decoded, the next must not continue. */
  #breakChain(chain: Chain, job: Pick<PictureJob, 'cameraId' | 'stream'>, thrown: unknown): void {
    const share = this.#pool.shares.get(job.cameraId);
    const code = thrown instanceof DecodeError ? thrown.code : null;
    if (share === null || code === 'REPLACED' || code === 'UNDECODABLE') return;
    lose(share, chain, job.stream);
  }
}

const stopped = (): DecodeError => new DecodeError('STOPPED', 'the burst or the decoders were stopped');

/** Null for units within all bounds. A cut may come without units: it fails when the picture is not kept. */
function problemOf(units: readonly AccessUnit[], plan: TaskPlan): DecodeError | null {
  if (units.length === 0 && plan.cuts === null) return new DecodeError('UNDECODABLE', 'a job without units');
  if (units.length > MAX_UNITS)
    return new DecodeError('NEEDS_KEYFRAME', `${units.length} units in one job, more than ${MAX_UNITS}`);
  const large = units.find(({ data }) => data.length === 0 || data.length > MAX_UNIT_BYTES);
  if (large === undefined) return null;
  return new DecodeError(
    'UNDECODABLE',
    `a coded picture of ${large.data.length} bytes, 1 to ${MAX_UNIT_BYTES} are taken`,
  );
}
