import { type Msg, RequestStrategy } from 'nats';
import { z } from 'zod';
import { HttpError } from '../http/errors/http-error.ts';
import type { AssessmentPort, CameraPort, CameraRecord, HttpPorts, KeyPort } from '../http/ports.ts';
import type { App } from '../http/server.types.ts';
import { CameraFigures } from '../http/schemas/cameras-schema.ts';
import { InfraError } from '../infra/infra-error.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { asInfraError } from '../infra/nats/nats-errors.ts';
import { headersOf } from '../infra/nats/headers.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import { Aggregate } from '../messages/aggregate.ts';
import { clipped, LISTING, MOST } from '../messages/bounds.ts';
import { CameraConfig, CameraStatus } from '../messages/camera.ts';
import type { CameraId } from '../messages/ids.ts';
import { BodyError, readBody } from '../messages/read-body.ts';
import { streams, subjects } from '../messages/subjects.ts';
import type { Role } from './config.ts';
import { assessmentHealthOf } from './assessment-health.ts';
import { PoolFigures, SchedulerFigures } from './scheduler-figures.ts';
import { poolView, schedulerDown, schedulerView } from './scheduler-port.ts';

/** What a process without a role answers in its place: over NATS where the data can be had, else who to ask. */

export const elsewhere = (role: Role, what: string): HttpError =>
  new HttpError(
    'ROLE_ELSEWHERE',
    `${what} cannot be answered here: this process runs without the role ${role}; ask one that has it`,
    { value: role },
  );
const refuse = (role: Role, what: string) => (): Promise<never> => Promise.reject(elsewhere(role, what));

const WAIT_MS = 1_500;
/** Answers of several nodes come together; after this long without a further one there is none. */
const FURTHER_MS = 150;
/** Many viewers may ask at once, and how cameras fare is told to them besides. */
const KEPT_MS = 1_000;
/** Whose answers are looked at. */
const MOST_NODES = 1_000;
/** As long as Redis keeps it. */
const LATEST_MS = 300_000;

const ListedCamera = z.object({ config: CameraConfig, status: CameraStatus, figures: CameraFigures });
const Listing = z.array(ListedCamera).max(MOST.cameras);

/** Cameras of other nodes: their list without passwords, and what is seen of them. They are changed where they are. */
export function camerasElsewhere(bus: NatsBus, here: CameraPort): CameraPort {
  let kept: { readonly until: number; readonly cameras: Promise<readonly CameraRecord[]> } | null = null;
  const list = (): Promise<readonly CameraRecord[]> => {
    if (kept === null || kept.until < performance.now()) {
      const cameras = listedByAll(bus);
      kept = { until: performance.now() + KEPT_MS, cameras };
      cameras.catch(() => (kept = null));
    }
    return kept.cameras;
  };
  return {
    ...here,
    list,
    get: async (cameraId) => (await list()).find(({ config }) => config.cameraId === cameraId) ?? null,
    add: refuse('cameras', 'adding a camera'),
    change: refuse('cameras', 'changing a camera'),
    remove: refuse('cameras', 'removing a camera'),
    previewSource: () => Promise.resolve(null),
  };
}

async function listedByAll(bus: NatsBus): Promise<readonly CameraRecord[]> {
  const answers = await askAll(bus, 'gantry.cameras.list', Listing);
  const found = new Map<CameraId, CameraRecord>();
  for (const camera of answers.flat()) found.set(camera.config.cameraId, camera);
  return [...found.values()];
}

/** The newest aggregate from its stream: for a process whose aggregator is elsewhere, or only stands by. */
export const latestFromStream = (bus: NatsBus, redis: RedisStore | null, here: CameraPort): CameraPort => ({
  ...here,
  latest: async (cameraId) => {
    const cached = await redis?.latest(cameraId).catch(() => null);
    if (cached !== null && cached !== undefined) return cached;
    const last = await bus.last({
      stream: streams.aggregates,
      subject: subjects.aggregate(cameraId),
      parser: Aggregate,
    });
    return last === null || last.storedAt < Date.now() - LATEST_MS ? null : last.body;
  },
});

/** The scheduler and the key pool of one of the nodes that have them. */
export const schedulerElsewhere = (bus: NatsBus): HttpPorts['scheduler'] => ({
  stats: async () => poolView(await askOne(bus, 'gantry.key-pool.stats', 'scheduler', PoolFigures)),
  health: async () => {
    try {
      const figures = await askOne(bus, 'gantry.scheduler.stats', 'scheduler', SchedulerFigures);
      const pool = await askOne(bus, 'gantry.key-pool.stats', 'scheduler', PoolFigures).then(
        assessmentHealthOf,
        () => null,
      );
      return schedulerView(figures, pool);
    } catch (thrown) {
      return schedulerDown(thrown);
    }
  },
});

export const keysElsewhere: KeyPort = {
  list: refuse('scheduler', 'the list of API keys'),
  add: refuse('scheduler', 'adding an API key'),
  change: refuse('scheduler', 'changing an API key'),
  remove: refuse('scheduler', 'removing an API key'),
};
export const usageElsewhere: HttpPorts['usage'] = refuse('scheduler', 'usage');
export const assessmentsElsewhere: AssessmentPort = {
  submit: refuse('web', 'a picture'),
  get: refuse('web', 'an assessment'),
};

/** As a micro service says that it cannot answer. */
const errorOf = (message: Msg): { readonly code: number; readonly description: string } => {
  const of = headersOf(message);
  return { code: Number(of.get('Nats-Service-Error-Code') ?? 0), description: of.get('Nats-Service-Error') ?? '' };
};

function unusable(bus: NatsBus, subject: string, thrown: BodyError): InfraError {
  bus.badBody(subject, thrown);
  return new InfraError('BUS_DOWN', `the answer on ${subject} cannot be used: ${thrown.message}`, { subject }, thrown);
}

/** Rejects `BUS_DOWN` when nobody has the role, or answers. */
async function askOne<T>(bus: NatsBus, subject: string, role: Role, schema: z.ZodType<T>): Promise<T> {
  try {
    const message = await bus.link.require().request(subject, '', { timeout: WAIT_MS });
    const { code, description } = errorOf(message);
    if (code > 0) throw new InfraError('BUS_DOWN', `${subject}: ${clipped(description)}`);
    return readBody(message.data, schema, LISTING);
  } catch (thrown) {
    if (thrown instanceof BodyError) throw unusable(bus, subject, thrown);
    throw asInfraError(thrown, `no process with the role ${role} answers on ${subject}`);
  }
}

/** The answers of every node that can be used; none when nobody has the role. */
async function askAll<T>(bus: NatsBus, subject: string, schema: z.ZodType<T>): Promise<T[]> {
  const nc = bus.link.require();
  const answers: T[] = [];
  const take = (message: Msg): void => {
    try {
      answers.push(readBody(message.data, schema, LISTING));
    } catch (thrown) {
      // One node that answers nonsense hides only its own.
      bus.badBody(subject, thrown);
    }
  };
  try {
    for await (const message of await nc.requestMany(subject, '', {
      strategy: RequestStrategy.JitterTimer,
      maxWait: WAIT_MS,
      jitter: FURTHER_MS,
    })) {
      take(message);
      if (answers.length >= MOST_NODES) break;
    }
  } catch (thrown) {
    throw asInfraError(thrown, `no process with the role cameras answers on ${subject}`);
  }
  return answers;
}

/** On a server without the role `web`: the page and the WebSockets say where they are not. */
export function withoutPages(app: App): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const path = request.url.split('?')[0] ?? '';
    const isPage = !/^\/(?:api|metrics|docs|livez|readyz)(?:\/|$)/u.test(path);
    done(isPage ? elsewhere('web', 'the page') : undefined);
  });
}
