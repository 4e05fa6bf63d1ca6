import { type Msg, RequestStrategy } from 'nats';
import { z } from 'zod';
import { unhandled } from '../alert-desk/handling-changes.ts';
import { HttpError } from '../http/errors/http-error.ts';
import type { AssessmentPort, CameraPort, CameraRecord, DeskPort, HttpPorts, KeyPort } from '../http/ports.ts';
import type { App } from '../http/server.types.ts';
import { CameraFigures } from '../http/schemas/cameras-schema.ts';
import type { Requests } from '../infra/bus.ts';
import { InfraError } from '../infra/infra-error.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { asInfraError } from '../infra/nats/nats-errors.ts';
import { headersOf } from '../infra/nats/headers.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import { Aggregate } from '../messages/aggregate.ts';
import { clipped, LISTING, MOST } from '../messages/bounds.ts';
import { CameraConfig, CameraGroups, CameraStatus } from '../messages/camera.ts';
import type { CameraId } from '../messages/ids.ts';
import { BodyError, readBody } from '../messages/read-body.ts';
import { streams, subjects } from '../messages/subjects.ts';
import type { Role } from './config.ts';
import type { BudgetSources } from './budget-port.ts';
import { NodeFigures } from './node-figures.ts';
import { AggregatorFigures, GeneratorFigures, PoolFigures, SchedulerFigures } from './scheduler-figures.ts';
import { sceneElsewhere } from './scene-elsewhere.ts';
import { poolView, schedulerDown, schedulerView } from './scheduler-port.ts';

/**
 * Ports of the roles that this process lacks: they ask over NATS where a process answers there, else refuse with a
 * hint.
 */

export const elsewhere = (role: Role, what: string): HttpError =>
  new HttpError(
    'ROLE_ELSEWHERE',
    `${what} cannot be answered here: this process runs without the role ${role}; ask one that has it`,
    { value: role },
  );
const refuse = (role: Role, what: string) => (): Promise<never> => Promise.reject(elsewhere(role, what));

const WAIT_MS = 1_500;
/** Wait for a further answer, since several nodes answer at once. */
const FURTHER_MS = 150;
/** How long the list of cameras is cached: many viewers may ask at once, and statuses are pushed anyway. */
const KEPT_MS = 1_000;
/** Most answers read. */
const MOST_NODES = 1_000;
/** Oldest aggregate that counts as the latest: as long as Redis keeps it. */
const LATEST_MS = 300_000;

const ListedCamera = z.object({ config: CameraConfig, status: CameraStatus, figures: CameraFigures });
const Listing = z.array(ListedCamera).max(MOST.cameras);

/** Cameras of other nodes: a list without passwords, scenes and aggregates. Only their own node changes them. */
export function camerasElsewhere(bus: NatsBus, here: CameraPort, requests: Pick<Requests, 'ask'>): CameraPort {
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
    scene: sceneElsewhere(requests),
    add: refuse('cameras', 'adding a camera'),
    change: refuse('cameras', 'changing a camera'),
    remove: refuse('cameras', 'removing a camera'),
    previewSource: () => Promise.resolve(null),
  };
}

async function listedByAll(bus: NatsBus): Promise<readonly CameraRecord[]> {
  const answers = await askAll(bus, 'gantry.cameras.list', 'cameras', Listing);
  const found = new Map<CameraId, CameraRecord>();
  for (const camera of answers.flat()) found.set(camera.config.cameraId, camera);
  return [...found.values()];
}

const GroupListing = z.array(CameraGroups).max(MOST.cameras);

/** The port with the groups of the cameras of all nodes; while others can't be asked, with those of this process. */
export const groupsOfAllNodes = (bus: NatsBus, here: CameraPort, hasCameras: boolean): CameraPort => ({
  ...here,
  groups: async () => {
    const others = askAll(bus, 'gantry.cameras.groups', 'cameras', GroupListing);
    if (!hasCameras) return (await others).flat();
    const [own, found] = await Promise.all([here.groups(), others.catch(() => [])]);
    return [...found.flat(), ...own];
  },
});

/** The port with the newest aggregate from its stream, for a process whose aggregator is elsewhere or stands by. */
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

/** Scheduler and key pool of any node that has them. */
export const schedulerElsewhere = (bus: NatsBus): HttpPorts['scheduler'] => ({
  stats: async () => poolView(await askOne(bus, 'gantry.key-pool.stats', 'scheduler', PoolFigures)),
  health: async () => {
    try {
      const figures = await askOne(bus, 'gantry.scheduler.stats', 'scheduler', SchedulerFigures);
      const pool = await askOne(bus, 'gantry.key-pool.stats', 'scheduler', PoolFigures).catch(() => null);
      return schedulerView(figures, pool);
    } catch (thrown) {
      return schedulerDown(thrown);
    }
  },
});

/** Reports of all nodes about themselves, this one included. */
export const nodesEverywhere = (bus: NatsBus): Promise<readonly NodeFigures[]> =>
  askAll(bus, 'gantry.node.figures', 'web', NodeFigures);

/** The stages of all nodes. */
export const budgetEverywhere = (bus: NatsBus): BudgetSources => ({
  schedulers: () => askAll(bus, 'gantry.scheduler.figures', 'scheduler', SchedulerFigures),
  pools: () => askAll(bus, 'gantry.key-pool.figures', 'scheduler', PoolFigures),
  generators: () => askAll(bus, 'gantry.task-generator.figures', 'cameras', GeneratorFigures),
  aggregators: () => askAll(bus, 'gantry.aggregator.figures', 'aggregator', AggregatorFigures),
});

export const keysElsewhere: KeyPort = {
  list: refuse('scheduler', 'the list of API keys'),
  add: refuse('scheduler', 'adding an API key'),
  change: refuse('scheduler', 'changing an API key'),
  remove: refuse('scheduler', 'removing an API key'),
};
export const usageElsewhere: HttpPorts['usage'] = refuse('scheduler', 'usage');
/** Without the role `web` nobody works with alerts here. */
export const deskElsewhere: DeskPort = {
  complete: false,
  // oxlint-disable-next-line require-yield -- an iterator that fails at its first step
  find: async function* find() {
    throw elsewhere('web', 'the list of alerts');
  },
  handling: unhandled,
  change: refuse('web', 'a change of an alert'),
  shelves: () => [],
  isShelved: () => false,
  addShelf: refuse('web', 'a shelf'),
  removeShelf: refuse('web', 'a shelf'),
  prompt: refuse('web', 'the text of a prompt'),
};
export const assessmentsElsewhere: AssessmentPort = {
  submit: refuse('web', 'a picture'),
  get: refuse('web', 'an assessment'),
};

/** The error of a micro service that cannot answer; code 0 for none. */
const errorOf = (message: Msg): { readonly code: number; readonly description: string } => {
  const of = headersOf(message);
  return { code: Number(of.get('Nats-Service-Error-Code') ?? 0), description: of.get('Nats-Service-Error') ?? '' };
};

function unusable(bus: NatsBus, subject: string, thrown: BodyError): InfraError {
  bus.badBody(subject, thrown);
  return new InfraError('BUS_DOWN', `the answer on ${subject} cannot be used: ${thrown.message}`, { subject }, thrown);
}

/** The answer of one process with the role. Rejects `BUS_DOWN` when none answers. */
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

/** The valid answers of all nodes; empty when no process has the role. */
async function askAll<T>(bus: NatsBus, subject: string, role: Role, schema: z.ZodType<T>): Promise<T[]> {
  const nc = bus.link.require();
  const answers: T[] = [];
  const take = (message: Msg): void => {
    try {
      answers.push(readBody(message.data, schema, LISTING));
    } catch (thrown) {
      // An invalid answer hides only its own node.
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
    throw asInfraError(thrown, `no process with the role ${role} answers on ${subject}`);
  }
  return answers;
}

/** Refuses the page and the WebSockets on a server without the role `web`. */
export function withoutPages(app: App): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const path = request.url.split('?')[0] ?? '';
    const isPage = !/^\/(?:api|metrics|docs|livez|readyz)(?:\/|$)/u.test(path);
    done(isPage ? elsewhere('web', 'the page') : undefined);
  });
}
