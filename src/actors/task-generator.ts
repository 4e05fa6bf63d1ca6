import type { Bus } from '../infra/bus.ts';
import type { MetricRecorder } from '../infra/metric-table.ts';
import { Stage } from '../infra/stage.ts';
import type { Handle } from '../infra/stage-processor.ts';
import { MOST } from '../messages/bounds.ts';
import { Detection } from '../messages/detection.ts';
import { type CameraId, taskId } from '../messages/ids.ts';
import type { MeasuredIncident } from '../messages/incident.ts';
import { consumers, streams, subjects } from '../messages/subjects.ts';
import type { AssessmentTask } from '../messages/task.ts';
import { spanIdOf } from '../messages/trace-context.ts';
import { type ActorContext, defineActor } from '../runtime/actor.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';
import { settlesWithin } from '../runtime/time-limit.ts';
import { AskedIncidents } from '../tasks/asked-incidents.ts';
import { AssessedGroups, GroupAnswer } from '../tasks/assessed-groups.ts';
import { tasksOf } from '../tasks/explode.ts';
import { DEFAULT_FRESHNESS, type FreshnessSettings } from '../tasks/freshness.ts';

export interface CameraQuestions {
  /** Tasks on the bus. */
  readonly tasks: number;
  /** Groups not asked about, as the model's last answer still holds or their incident is asked about: saved calls. */
  readonly carried: number;
}

export interface TaskGeneratorStats extends CameraQuestions {
  /** Detections whose tasks are on the bus. */
  readonly detections: number;
  /** Detections to be delivered again, because the bus refused their tasks. */
  readonly retried: number;
  /** By camera id, for the first {@link MOST.cameras} cameras; the others are in the totals alone. */
  readonly byCamera: Readonly<Record<CameraId, CameraQuestions>>;
}

export type TaskGeneratorMessage =
  | ({ type: 'stats' } & Asking<TaskGeneratorStats>)
  /** New settings, for detections from now on. */
  | { readonly type: 'configure'; readonly freshness: FreshnessSettings };
export const TASK_GENERATOR = address<TaskGeneratorMessage>('/task-generator');

export interface TaskGeneratorInit {
  readonly bus: Bus;
  /** How long after its frame a task is worth an answer while the model cannot be reached, in ms. */
  readonly validityMs: number;
  /** As at the start; `configure` replaces it. Default {@link DEFAULT_FRESHNESS}. */
  readonly freshness?: FreshnessSettings;
}

/** Few: those requested by a node that hangs reach another one only after the ack wait. */
const IN_FLIGHT = 16;
const FLUSH_MS = 2_000;
/** Answers read back at the start, and the longest that this may take. */
const READ_BACK_MOST = 10_000;
const READ_BACK_MS = 10_000;

/**
 * Explodes each detection's groups and incidents into prioritised tasks, without those that the model need not be asked
 * about; acks the detection when all its tasks are on the bus.
 */
export const taskGeneratorActor = defineActor<TaskGeneratorMessage>()<TaskGeneratorInit>({
  kind: 'task-generator',
  mailbox: { capacity: 256, overflow: 'back-pressure' },
  start: (ctx, init) => {
    const { bus, validityMs } = init;
    let freshness = init.freshness ?? DEFAULT_FRESHNESS;
    const assessed = new AssessedGroups(lifeOf(freshness));
    const asked = new AskedIncidents();
    const counts = new QuestionCounts(ctx.metrics);

    // Task ids are deterministic: a task that is on the bus already is recognised and not doubled.
    const explode: Handle<Detection> = ({ body, storedAt }) => {
      const { cameraId, requestId, traceId } = body;
      const now = ctx.clock.now();
      const lastAssessed = (groupId: string) => assessed.of(cameraId, groupId, now);
      const mayAsk = (incident: MeasuredIncident) => asked.mayAsk(body, incident, now, freshness.freshnessMs);
      const tasks = tasksOf(body, { validityMs, replayedAt: storedAt, freshness, lastAssessed, mayAsk });
      if (body.replayOf === undefined)
        for (const { incident } of tasks) if (incident !== undefined) asked.asks(body, incident, now);
      const messages = tasks.map((task) => ({
        subject: subjectOf(task),
        body: task,
        trace: { cameraId, requestId, traceId, spanId: spanIdOf(traceId, 'task', task.taskId) },
        id: task.taskId,
      }));
      return { kind: 'publish', messages };
    };

    const stage = new Stage({
      ctx,
      bus,
      stream: streams.detections,
      durable: consumers.taskGenerator,
      parser: Detection,
      inFlight: IN_FLIGHT,
      handle: explode,
      onSettled: (settlement, { body: { cameraId, requestId, trafficGroups } }) => {
        if (settlement.kind === 'retry') counts.retried += 1;
        if (settlement.kind !== 'publish') return;
        const ofGroups = new Set(trafficGroups.map(({ groupIndex }) => taskId(requestId, groupIndex)));
        const groupTasks = settlement.messages.filter(({ id }) => ofGroups.has(id ?? '')).length;
        counts.exploded(cameraId, settlement.messages.length, trafficGroups.length - groupTasks);
        ctx.report(counts.totals());
      },
    });
    const unsubscribe = bus.subscribe(subjects.results, GroupAnswer, (answer) => {
      assessed.note(answer, ctx.clock.now());
      if (answer.groupId !== undefined) asked.answered(answer, answer.groupId);
    });
    void readBack(ctx, bus, assessed, freshness.recheckMs);

    return {
      handlers: {
        stats: () => counts.stats(),
        configure: ({ freshness: now }) => {
          freshness = now;
          assessed.setLife(lifeOf(now));
        },
      },
      stop: () => {
        unsubscribe();
        return stage.stop(FLUSH_MS);
      },
    };
  },
});

/** An answer tells something about its group for longer than it stands in for the next one. */
const lifeOf = ({ recheckMs }: FreshnessSettings): number => 2 * recheckMs;

/** Replayed frames wait their turn; of the questions about a camera's group the newest is enough. */
const subjectOf = ({ priority, cameraId, freshUntil, group: { groupId } }: AssessmentTask): string =>
  freshUntil === undefined ? subjects.task(priority, cameraId) : subjects.question(priority, cameraId, groupId);

/**
 * Remembers the answers of before the start. Never rejects: without them their groups are asked about once more, so
 * nothing waits for it.
 */
async function readBack(
  { clock, log }: Pick<ActorContext<never>, 'clock' | 'log'>,
  bus: Bus,
  assessed: AssessedGroups,
  recheckMs: number,
): Promise<void> {
  const from = { time: clock.now() - recheckMs };
  const reading = bus.read({ stream: streams.results, parser: GroupAnswer, from, limit: READ_BACK_MOST });
  const { value, error, timedOut } = await settlesWithin(clock, reading, READ_BACK_MS);
  for (const { body } of value ?? []) assessed.note(body, clock.now());
  if (value !== null) return;
  const err = timedOut ? `no answer within ${READ_BACK_MS} ms` : error.message;
  log.warn({ err }, `the answers of before are not known, so their groups are asked about once more: ${err}`);
}

class QuestionCounts {
  retried = 0;
  readonly #metrics: Pick<MetricRecorder, 'inc'>;
  readonly #byCamera = new Map<CameraId, CameraQuestions>();
  #detections = 0;
  #tasks = 0;
  #carried = 0;

  constructor(metrics: Pick<MetricRecorder, 'inc'>) {
    this.#metrics = metrics;
  }

  exploded(cameraId: CameraId, tasks: number, carried: number): void {
    this.#detections += 1;
    this.#tasks += tasks;
    this.#carried += carried;
    if (tasks > 0) this.#metrics.inc('tasks_generated_total', tasks, { camera_id: cameraId });
    if (carried > 0) this.#metrics.inc('questions_carried_total', carried);
    const known = this.#byCamera.get(cameraId);
    if (known === undefined && this.#byCamera.size >= MOST.cameras) return;
    this.#byCamera.set(cameraId, {
      tasks: (known?.tasks ?? 0) + tasks,
      carried: (known?.carried ?? 0) + carried,
    });
  }

  totals(): Omit<TaskGeneratorStats, 'byCamera'> {
    return { detections: this.#detections, tasks: this.#tasks, carried: this.#carried, retried: this.retried };
  }

  stats(): TaskGeneratorStats {
    return { ...this.totals(), byCamera: Object.fromEntries(this.#byCamera) };
  }
}
