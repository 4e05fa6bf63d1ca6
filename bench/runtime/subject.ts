/** What a library must show to be measured. Each runs in a process of its own: see `subject-process.ts`. */

/** Does `count` of what it measures and returns the milliseconds that took; throws when one of them was lost. */
export type Measure = (count: number) => Promise<number>;

export type MeasureName =
  | 'tell in thread'
  | 'ask in thread'
  | 'tell across threads'
  | 'tell across threads, batches of 100'
  | 'ask across threads'
  | 'spawn';

export interface Subject {
  readonly measures: Partial<Record<MeasureName, Measure>>;
  close(): Promise<void>;
}

/** What each `subjects/NAME.ts` exports. */
export interface SubjectModule {
  create(): Promise<Subject>;
  /** Makes `count` actors that stay and do nothing. Measured by `memory.ts`. */
  idle?(count: number): Promise<void>;
}

export const SUBJECTS = ['ours', 'nact', 'comedy', 'xstate', 'raw'] as const;
export type SubjectName = (typeof SUBJECTS)[number];

/** The message all tells carry: told apart by `type`, one number. */
export interface Add {
  readonly type: 'add';
  readonly by: number;
}

/** Tells go out in bursts of this many; the next burst waits until all are handled. */
export const BURST = 10_000;

/** Counts what a receiver in this thread handled. */
export class Tally {
  handled = 0;
  sum = 0;
  #target = 0;
  #reached: (() => void) | null = null;

  readonly add = (by: number): void => {
    this.sum += by;
    this.handled += 1;
    if (this.handled === this.#target) this.#reached?.();
  };

  /** Resolves when `target` messages were handled in all. */
  until(target: number): Promise<void> {
    if (this.handled >= target) return Promise.resolve();
    this.#target = target;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }
}

/** Tells `count` messages in bursts to a receiver in this thread. */
export function tellInThread(tally: Tally, tell: (message: Add) => void): Measure {
  return (count) =>
    inBursts(count, async (size) => {
      const target = tally.handled + size;
      for (let i = 0; i < size; i += 1) tell({ type: 'add', by: i });
      await tally.until(target);
    });
}

/** Tells over a thread's boundary to one receiver, in one way or several. */
export class TellAcross {
  readonly #handled: () => Promise<number>;
  #sent = 0;

  /** `handled` asks the receiver how many it has handled in all. */
  constructor(handled: () => Promise<number>) {
    this.#handled = handled;
  }

  /** `tellAll` sends so many messages; each burst waits until all are handled. */
  measure(tellAll: (size: number) => void): Measure {
    return (count) =>
      inBursts(count, async (size) => {
        tellAll(size);
        this.#sent += size;
        // A library that keeps no order may answer before the last tell is handled; one that loses messages never gets
        // there.
        for (let tries = 0; ; tries += 1) {
          const handled = await this.#handled();
          if (handled === this.#sent) return;
          if (handled > this.#sent || tries > 1_000)
            throw new Error(`${this.#sent} messages were sent, ${handled} were handled`);
        }
      });
  }

  oneByOne(tell: (message: Add) => void): Measure {
    return this.measure((size) => {
      for (let i = 0; i < size; i += 1) tell({ type: 'add', by: i });
    });
  }
}

/** One ask after the other. `ask` doubles a number, so that a wrong answer shows. */
export function askOneByOne(ask: (n: number) => Promise<number>): Measure {
  return async (count) => {
    const began = performance.now();
    for (let i = 0; i < count; i += 1) {
      const answer = await ask(i);
      if (answer !== i * 2) throw new Error(`asked to double ${i}, got ${answer}`);
    }
    return performance.now() - began;
  };
}

async function inBursts(count: number, burst: (size: number) => Promise<void>): Promise<number> {
  const began = performance.now();
  for (let left = count; left > 0; left -= BURST) await burst(Math.min(left, BURST));
  return performance.now() - began;
}
