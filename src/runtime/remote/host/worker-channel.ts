import { fork } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { childEnvironment } from '../../child-environment.ts';
import { NativeGuard } from '../native-guard.ts';
import type { FrameFromWorker } from '../from-worker.ts';
import type { WorkerMemory } from '../../supervision.ts';
import type { FrameToWorker } from '../to-worker.ts';

/** The host's end of the line to one thread or process. */
export interface WorkerChannel {
  readonly kind: 'thread' | 'process';
  /** Null in a process, which may be killed at any time. */
  readonly guard: NativeGuard | null;
  send(frame: FrameToWorker, transfer: readonly ArrayBuffer[]): void;
  onFrame(listener: (frame: FrameFromWorker) => void): void;
  /** Calls `listener` once, when the worker is gone, with the known reason. */
  onGone(
    listener: (how: {
      readonly text: string;
      readonly fields: Readonly<Record<string, unknown>>;
      readonly cause?: Error;
    }) => void,
  ): void;
  /** Ends the worker by force. False, and nothing done, for a thread inside native code. */
  kill(): boolean;
  /**
   * Ends a thread that spins in JavaScript, though native calls count as in flight: they run on the thread's own stack,
   * so they cannot be running. False, and nothing done, when it is idle or inside native code.
   */
  killIfSpinning(): Promise<boolean>;
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
}

const PROBES = 3;
const PROBE_EVERY_MS = 150;
const PROBE_ANSWER_MS = 50;

/**
 * True while a thread is busy in JavaScript all the time: its event loop never rests, and V8 answers requests that it
 * serves between any two steps of JavaScript but not inside native code.
 */
async function isSpinning(worker: Worker): Promise<boolean> {
  const before = worker.performance.eventLoopUtilization();
  for (let probe = 0; probe < PROBES; probe += 1) {
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
    const answered = await Promise.race([
      worker.getHeapStatistics().then(
        () => true,
        () => false,
      ),
      new Promise<false>((resolve) => setTimeout(resolve, PROBE_ANSWER_MS, false)),
    ]);
    if (!answered) return false;
  }
  return worker.performance.eventLoopUtilization(before).utilization > 0.98;
}

const ENTRY = new URL('../worker/entry.ts', import.meta.url);

export function openThread(name: string, { maxHeapMb, maxYoungMb }: WorkerMemory): WorkerChannel {
  const guard = new NativeGuard();
  const resourceLimits = {
    ...(maxHeapMb === undefined ? {} : { maxOldGenerationSizeMb: maxHeapMb }),
    ...(maxYoungMb === undefined ? {} : { maxYoungGenerationSizeMb: maxYoungMb }),
  };
  const worker = new Worker(ENTRY, { name, resourceLimits });
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  let cause: Error | undefined;
  worker.on('error', (error) => {
    cause = error instanceof Error ? error : new Error(String(error));
  });
  worker.once('exit', () => resolve());
  return {
    kind: 'thread',
    guard,
    gone,
    send: (frame, transfer) => worker.postMessage(frame, transfer),
    onFrame: (listener) => void worker.on('message', listener),
    onGone: (listener) =>
      void worker.once('exit', (exitCode) =>
        listener({
          text: cause === undefined ? `ended by itself with code ${exitCode}` : `ended: ${cause.message}`,
          fields: { exitCode },
          ...(cause === undefined ? {} : { cause }),
        }),
      ),
    kill: () => {
      if (!guard.doom()) return false;
      void worker.terminate();
      return true;
    },
    killIfSpinning: async () => {
      if (!(await isSpinning(worker))) return false;
      await worker.terminate();
      return true;
    },
  };
}

/** The young part of a heap is three semi-spaces. */
const SEMI_SPACES = 3;

export function openProcess(name: string, { maxHeapMb, maxYoungMb }: WorkerMemory): WorkerChannel {
  const child = fork(ENTRY, [name], {
    serialization: 'advanced',
    env: childEnvironment({ node: true }),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [
      ...(maxHeapMb === undefined ? [] : [`--max-old-space-size=${maxHeapMb}`]),
      ...(maxYoungMb === undefined ? [] : [`--max-semi-space-size=${Math.ceil(maxYoungMb / SEMI_SPACES)}`]),
    ],
  });
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  let cause: Error | undefined;
  child.on('error', (error) => {
    cause = error;
    // A process that could not be started at all never exits.
    if (child.pid === undefined) resolve();
  });
  child.once('exit', () => resolve());
  return {
    kind: 'process',
    guard: null,
    gone,
    send: (frame) => {
      if (child.connected) child.send([...frame]);
    },
    // What our own entry sends is a frame.
    onFrame: (listener) => void child.on('message', (frame) => listener(frame as unknown as FrameFromWorker)),
    onGone: (listener) =>
      void gone.then(() => {
        const { exitCode, signalCode } = child;
        const how = signalCode === null ? `ended by itself with code ${exitCode}` : `was ended by ${signalCode}`;
        listener({
          // A message sent to a process that is dying fails with an error of its own: the exit says more.
          text: cause === undefined || child.pid !== undefined ? how : `could not be used: ${cause.message}`,
          fields: { exitCode, signal: signalCode },
          ...(cause === undefined ? {} : { cause }),
        });
      }),
    kill: () => {
      child.kill('SIGKILL');
      return true;
    },
    killIfSpinning: async () => {
      child.kill('SIGKILL');
      await gone;
      return true;
    },
  };
}
