import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { nextStreak, restartDelay } from '../runtime/restart-policy.ts';
import type { DecodeTask, Part } from './decode-task.ts';
import type { DecoderChannel, DecoderGone, OpenDecoder } from './decoder-process.ts';
import type { FromDecoder } from './from-decoder.ts';
import type { ToDecoder } from './to-decoder.ts';

/** A part that takes longer has hung. */
const PART_LIMIT_MS = 5_000;
const START_LIMIT_MS = 20_000;
const GRACE_MS = 200;
const STOP_LIMIT_MS = 1_000;
/** One part that is decoded and one that waits in the process, so that it is never idle. */
const MOST_IN_FLIGHT = 2;
const BACKOFF = { minMs: 250, maxMs: 10_000, factor: 2, resetAfterMs: 10_000 };

/** The end of a decoder that nobody asked for. */
export interface DecoderLoss {
  /** The task whose part it had in hand, if any. */
  readonly inHand: DecodeTask | null;
  /** Tasks whose parts it had not begun. */
  readonly others: readonly DecodeTask[];
  readonly timedOut: boolean;
  readonly reason: string;
}

export interface SlotEvents {
  onReady(): void;
  onAnswer(task: DecodeTask, answer: Answer, blocks: readonly Uint8Array<ArrayBuffer>[]): void;
  onLost(slot: DecoderSlot, loss: DecoderLoss): void;
}

export type Answer = Exclude<FromDecoder, { type: 'ready' }>;

/** The place of one decoder process, which is started again when it ends: at once, then with growing pauses. */
export class DecoderSlot {
  readonly #open: OpenDecoder;
  readonly #clock: Clock;
  readonly #events: SlotEvents;
  /** The process; `isReady` when it takes parts. */
  #channel: DecoderChannel | null = null;
  #isReady = false;
  #startedAt = 0;
  #streak = 0;
  #inFlight: DecodeTask[] = [];
  #limit: TimerHandle | null = null;
  #restart: TimerHandle | null = null;
  #timedOut = false;
  #stopping: PromiseWithResolvers<void> | null = null;

  constructor(open: OpenDecoder, clock: Clock, events: SlotEvents) {
    this.#open = open;
    this.#clock = clock;
    this.#events = events;
  }

  get pid(): number | null {
    return this.#channel?.pid ?? null;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get inFlight(): readonly DecodeTask[] {
    return this.#inFlight;
  }

  /** True when it takes a further part. */
  get hasRoom(): boolean {
    return this.#isReady && this.#inFlight.length < MOST_IN_FLIGHT;
  }

  start(): void {
    this.#restart = null;
    this.#startedAt = this.#clock.now();
    this.#channel = this.#open({
      onMessage: (message, blocks) => {
        if (message.type === 'ready') this.#onReady();
        else this.#onAnswer(message, blocks);
      },
      onGone: (gone) => this.#onGone(gone),
    });
    this.#watch(START_LIMIT_MS);
  }

  send(task: DecodeTask, { message, blocks }: Part): void {
    this.#inFlight.push(task);
    if (this.#inFlight.length === 1) this.#watch(PART_LIMIT_MS);
    this.#channel?.send(message, blocks);
  }

  tell(message: Extract<ToDecoder, { type: 'forget' }>): void {
    if (this.#isReady) this.#channel?.send(message, []);
  }

  /** Ends the process, by force after 1 s. Its tasks are the caller's. */
  async stop(): Promise<void> {
    if (this.#restart !== null) this.#clock.clearTimeout(this.#restart);
    this.#isReady = false;
    if (this.#channel === null) return;
    const channel = this.#channel;
    this.#stopping ??= Promise.withResolvers<void>();
    channel.end();
    if (this.#limit !== null) this.#clock.clearTimeout(this.#limit);
    this.#limit = this.#clock.setTimeout(() => channel.kill(), STOP_LIMIT_MS);
    await this.#stopping.promise;
  }

  #onReady(): void {
    this.#watch(null);
    if (this.#stopping !== null) return;
    this.#isReady = true;
    this.#events.onReady();
  }

  #onAnswer(answer: Answer, blocks: readonly Uint8Array<ArrayBuffer>[]): void {
    const task = this.#inFlight.shift();
    if (task === undefined || this.#stopping !== null) return;
    this.#watch(this.#inFlight.length > 0 ? PART_LIMIT_MS : null);
    this.#events.onAnswer(task, answer, blocks);
  }

  /** Kills the process unless this is called again within `ms`. */
  #watch(ms: number | null): void {
    if (this.#limit !== null) this.#clock.clearTimeout(this.#limit);
    this.#limit = null;
    if (ms === null) return;
    const kill = (): void => {
      this.#timedOut = true;
      this.#channel?.kill();
    };
    // After a pause of this process, an answer may have come that is not read yet.
    this.#limit = this.#clock.setTimeout(() => (this.#limit = this.#clock.setTimeout(kill, GRACE_MS)), ms);
  }

  #onGone({ reason, byMemory }: DecoderGone): void {
    this.#watch(null);
    const wasReady = this.#isReady;
    const timedOut = this.#timedOut;
    const tasks = this.#inFlight;
    this.#isReady = false;
    this.#timedOut = false;
    this.#channel = null;
    this.#inFlight = [];
    if (this.#stopping !== null) {
      this.#stopping.resolve();
      return;
    }
    this.#planRestart(byMemory);
    const [head = null, ...others] = tasks;
    const loss = byMemory ? { inHand: null, others: tasks } : { inHand: head, others };
    const text = wasReady || !timedOut ? reason : `it did not start within ${START_LIMIT_MS / 1000} s`;
    this.#events.onLost(this, { ...loss, timedOut: timedOut && wasReady, reason: text });
  }

  #planRestart(byMemory: boolean): void {
    const streak = nextStreak(this.#streak, this.#clock.now() - this.#startedAt, BACKOFF);
    const waitMs = streak === 0 || byMemory ? 0 : restartDelay(streak - 1, BACKOFF, 0);
    this.#streak = streak + 1;
    this.#restart = this.#clock.setTimeout(() => this.start(), waitMs);
  }
}
