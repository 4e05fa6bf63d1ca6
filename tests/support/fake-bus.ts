import type {
  Bus,
  BusState,
  Delivery,
  FollowOptions,
  ImageStore,
  Parser,
  PullConsumer,
  ReadOptions,
  Stored,
  StoredMessage,
  Trace,
  StoredImage,
} from '../../src/infra/bus.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import type { AssessmentResult } from '../../src/messages/assessment.ts';
import { consumers, subjects } from '../../src/messages/subjects.ts';
import { PRIORITIES, type AssessmentTask } from '../../src/messages/task.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { FakeStreams } from './fake-streams.ts';

interface Queued {
  readonly task: AssessmentTask;
  readonly seq: number;
  readonly storedAt: number;
  attempt: number;
}

/** A bus in memory with work queues by priority, which can be down. Settlements are recorded. */
export class FakeTaskBus implements Bus {
  readonly published: {
    readonly subject: string;
    readonly body: AssessmentResult;
    readonly trace: Trace;
    readonly id: string;
  }[] = [];
  readonly settled: {
    readonly taskId: string;
    readonly how: 'ack' | 'nak' | 'dead-letter';
    readonly delayMs?: number;
    readonly reason?: string;
  }[] = [];
  readonly beats = new Map<string, number>();
  readonly streams: FakeStreams;
  readonly #clock: Clock;
  readonly #queues = new Map<string, Queued[]>([
    ...PRIORITIES.map((priority) => [consumers.scheduler(priority), []] as [string, Queued[]]),
    [consumers.questions, []],
  ]);
  readonly #listeners = new Map<string, Set<(body: unknown) => void>>();
  readonly #waiting = new Map<() => void, readonly Queued[]>();
  #seq = 0;
  down = false;
  refusing = false;
  fetches = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.streams = new FakeStreams(clock);
  }

  /** Tasks with `freshUntil` are questions: of those the queue keeps the newest of each group, and listeners hear. */
  add(...tasks: readonly AssessmentTask[]): void {
    for (const task of tasks) {
      const queue = this.#queue(task);
      const older = queue.findIndex((one) => isQuestion(task) && subjectOf(one.task) === subjectOf(task));
      if (older !== -1) queue.splice(older, 1);
      queue.push({ task, seq: ++this.#seq, storedAt: this.#clock.now(), attempt: 0 });
      if (isQuestion(task)) this.#tell(subjects.questions, task);
    }
    this.#wake();
  }

  /** The result of this task; undefined while there is none. */
  result(task: AssessmentTask): AssessmentResult | undefined {
    return this.published.find((one) => one.id === task.taskId)?.body;
  }

  settlements(task: AssessmentTask): string[] {
    return this.settled.filter((one) => one.taskId === task.taskId).map((one) => one.how);
  }

  setDown(down: boolean): void {
    this.down = down;
    this.#wake();
  }

  state(): BusState {
    return this.down ? 'reconnecting' : 'connected';
  }

  publish(subject: string, body: object | string, trace: Trace, id: string): Promise<Stored> {
    if (this.down) return Promise.reject(new InfraError('BUS_DOWN', 'away'));
    if (this.refusing) return Promise.reject(new InfraError('BUS_REFUSED', 'refused'));
    // Beside the results: texts of prompts.
    const isResult = !subject.startsWith(subjects.promptText(''));
    if (isResult && !this.published.some((one) => one.id === id))
      this.published.push({ subject, body: body as AssessmentResult, trace, id });
    return Promise.resolve(this.streams.publish(subject, body, id));
  }

  read<T>(options: ReadOptions<T>): Promise<readonly StoredMessage<T>[]> {
    return this.down ? Promise.reject(new InfraError('BUS_DOWN', 'away')) : Promise.resolve(this.streams.read(options));
  }

  last<T>(options: {
    readonly stream: string;
    readonly subject: string;
    readonly parser: Parser<T>;
  }): Promise<StoredMessage<T> | null> {
    return this.down ? Promise.reject(new InfraError('BUS_DOWN', 'away')) : Promise.resolve(this.streams.last(options));
  }

  follow<T>(options: FollowOptions<T>): void {
    this.streams.follow(options);
  }

  streamEpoch(stream: string): Promise<string> {
    return this.down ? Promise.reject(new InfraError('BUS_DOWN', 'away')) : Promise.resolve(this.streams.epoch(stream));
  }

  broadcast(subject: string, body: object): void {
    if (!this.down) this.#tell(subject, body);
  }

  subscribe<T>(subject: string, parser: Parser<T>, listener: (body: T, subject: string) => void): () => void {
    const listeners = this.#listeners.get(subject) ?? new Set();
    const tell = (body: unknown): void => listener(parser.parse(structuredClone(body)), subject);
    this.#listeners.set(subject, listeners.add(tell));
    return () => void listeners.delete(tell);
  }

  #tell(subject: string, body: object): void {
    for (const listener of this.#listeners.get(subject) ?? []) listener(body);
  }

  pull<T>({ durable }: { readonly durable: string }): Promise<PullConsumer<T>> {
    if (this.down) return Promise.reject(new InfraError('BUS_DOWN', 'away'));
    const queue = this.#queues.get(durable) ?? [];
    const consumer: PullConsumer<AssessmentTask> = {
      receive: (max, waitMs, signal) => received(this.#fetch(queue, max, waitMs, signal)),
      fetch: (max, waitMs, signal) => this.#fetch(queue, max, waitMs, signal),
      lag: () => Promise.resolve({ waiting: queue.length, unsettled: 0 }),
      close: () => Promise.resolve(),
    };
    return Promise.resolve(consumer as unknown as PullConsumer<T>);
  }

  async #fetch(
    queue: Queued[],
    max: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly Delivery<AssessmentTask>[]> {
    this.fetches++;
    if (queue.length === 0 && !this.down && waitMs > 0 && signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const finish = (): void => {
          this.#waiting.delete(finish);
          this.#clock.clearTimeout(timer);
          resolve();
        };
        const timer = this.#clock.setTimeout(finish, waitMs);
        signal?.addEventListener('abort', finish, { once: true });
        this.#waiting.set(finish, queue);
      });
    }
    if (this.down) throw new InfraError('BUS_DOWN', 'away');
    return queue.splice(0, max).map((queued) => this.#deliver(queued));
  }

  #deliver(queued: Queued): Delivery<AssessmentTask> {
    const { task } = queued;
    const { taskId } = task;
    queued.attempt++;
    return {
      body: task,
      subject: subjectOf(task),
      attempt: queued.attempt,
      seq: queued.seq,
      storedAt: queued.storedAt,
      begin: () => undefined,
      ack: () => void this.settled.push({ taskId, how: 'ack' }),
      nak: (delayMs) => {
        this.settled.push({ taskId, how: 'nak', delayMs });
        this.#clock.setTimeout(() => {
          this.#queue(task).push(queued);
          this.#wake();
        }, delayMs);
      },
      deadLetter: (reason) => {
        this.settled.push({ taskId, how: 'dead-letter', reason });
        return Promise.resolve();
      },
      working: () => void this.beats.set(taskId, (this.beats.get(taskId) ?? 0) + 1),
    };
  }

  /** Ends as many fetches as there are messages, the longest under way first; all when the bus is down. */
  #wake(): void {
    const woken = new Map<readonly Queued[], number>();
    for (const [finish, queue] of this.#waiting) {
      const count = woken.get(queue) ?? 0;
      if (!this.down && count >= queue.length) continue;
      woken.set(queue, count + 1);
      finish();
    }
  }

  #queue(task: AssessmentTask): Queued[] {
    const queue = this.#queues.get(isQuestion(task) ? consumers.questions : consumers.scheduler(task.priority));
    if (queue === undefined) throw new Error(`no queue for priority ${task.priority}`);
    return queue;
  }
}

const isQuestion = ({ freshUntil }: AssessmentTask): boolean => freshUntil !== undefined;

const subjectOf = (task: AssessmentTask): string =>
  isQuestion(task)
    ? subjects.question(task.priority, task.cameraId, task.group.groupId)
    : subjects.task(task.priority, task.cameraId);

/** What one fetch brought, as `PullConsumer.receive` yields it. */
export async function* received<T>(fetching: Promise<readonly Delivery<T>[]>): AsyncGenerator<Delivery<T>> {
  yield* await fetching;
}

/** Pictures in memory: every id has the same one, unless told that it is gone. */
export class FakeImages implements ImageStore {
  readonly #jpeg: Uint8Array;
  readonly gone = new Set<string>();
  down = false;

  constructor(jpeg: Uint8Array) {
    this.#jpeg = jpeg;
  }

  put(): Promise<void> {
    return Promise.resolve();
  }

  get(id: string): Promise<Uint8Array | null> {
    return this.find(id);
  }

  getAll(ids: readonly string[]): readonly Promise<Uint8Array | null>[] {
    return ids.map((id) => this.find(id));
  }

  async findStored(id: string): Promise<StoredImage | null> {
    const jpeg = await this.find(id);
    return jpeg === null ? null : { jpeg, cameraId: null };
  }

  find(id: string): Promise<Uint8Array | null> {
    if (this.down) return Promise.reject(new InfraError('BUS_DOWN', 'away'));
    return Promise.resolve(this.gone.has(id) ? null : this.#jpeg);
  }
}
