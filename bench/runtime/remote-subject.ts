import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { MeasureName, SubjectName } from './subject.ts';
import type { Answer, Order } from './subject-process.ts';

/**
 * With NODE_ENV=development, as a shell may have it, comedy's promises keep long stack traces and are 15 times slower.
 */
export const ENVIRONMENT = { ...process.env, NODE_ENV: 'production' };

/** A subject in its process, seen from the benchmark. */
export class RemoteSubject {
  readonly name: SubjectName;
  readonly #process: ChildProcess;

  private constructor(name: SubjectName, process: ChildProcess) {
    this.name = name;
    this.#process = process;
  }

  static async start(name: SubjectName): Promise<RemoteSubject> {
    const subject = new RemoteSubject(
      name,
      fork(fileURLToPath(new URL('subject-process.ts', import.meta.url)), [name], { env: ENVIRONMENT }),
    );
    await subject.#answer();
    return subject;
  }

  /** Milliseconds for `count` of it. */
  async measure(measure: MeasureName, count: number): Promise<number> {
    const order: Order = { measure, count };
    this.#process.send(order);
    const answer = await this.#answer();
    if ('ms' in answer) return answer.ms;
    throw new Error(`${this.name}, ${measure}: ${'error' in answer ? answer.error : 'answered out of turn'}`);
  }

  /** How many of it take about `ms`, once the compiler has seen it: found by doing. */
  async countFor(measure: MeasureName, ms: number): Promise<number> {
    let count = measure === 'spawn' || measure.startsWith('ask') ? 200 : 2_000;
    for (;;) {
      const took = await this.measure(measure, count);
      if (took >= ms / 2 || count >= 20_000_000) return Math.max(1, Math.round((count * ms) / took));
      count = Math.ceil(count * Math.min(8, Math.max(1.5, ms / took)));
    }
  }

  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5_000);
    this.#process.send('close');
    await exited;
    clearTimeout(timer);
  }

  async #answer(): Promise<Answer> {
    const gone = new AbortController();
    const onExit = (): void =>
      gone.abort(
        new Error(
          `the process of ${this.name} ended with ${this.#process.exitCode ?? this.#process.signalCode ?? 'nothing'}`,
        ),
      );
    this.#process.once('exit', onExit);
    try {
      const [answer]: Answer[] = await once(this.#process, 'message', { signal: gone.signal });
      if (answer === undefined) throw new Error(`${this.name} gave no answer`);
      return answer;
    } catch (thrown) {
      throw gone.signal.aborted ? gone.signal.reason : thrown;
    } finally {
      this.#process.removeListener('exit', onExit);
    }
  }
}
