import { KEY_POOL } from '../actors/key-pool.ts';
import { SCHEDULER } from '../actors/scheduler/scheduler.types.ts';
import type { FlowReport, FlowStageName, NodeList } from '../http/schemas/system-schema.ts';
import type { FeedFigures, Metrics } from '../infra/metrics.ts';
import type { MicroRole } from '../infra/nats/services.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ActorSnapshot } from '../runtime/inspect.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { actorsOf } from './bind-metrics.ts';
import type { Role } from './config.ts';
import { flowReport, type StageLags } from './flow-report.ts';
import { flowTotals } from './flow-totals.ts';
import type { NodeFigures, StageFigures } from './node-figures.ts';
import { NodeRoster, type SeenNode } from './node-roster.ts';
import { RecentFlow } from './recent-flow.ts';

const EVERY_MS = 5_000;
/** The other nodes are asked at most so often, by viewers of the page and by the watch itself. */
const ASK_EVERY_MS = 1_000;
const ASK_ALWAYS_MS = 15_000;
const QUICK = { timeoutMs: 1_500 };

/** The stages of each role. */
const STAGES: Readonly<Record<Role, readonly FlowStageName[]>> = {
  cameras: ['detect', 'tasks'],
  scheduler: ['scheduler', 'calls'],
  aggregator: ['aggregator'],
  web: ['feed'],
};

/** Where a stage's queue is: the mailbox of an actor. */
const MAILBOXES: Readonly<Partial<Record<FlowStageName, string>>> = {
  tasks: '/task-generator',
  aggregator: '/aggregator',
};

export interface NodeWatchOptions {
  readonly nodeId: string;
  readonly roles: readonly Role[];
  readonly version: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly system: Pick<ActorSystem, 'ref' | 'snapshot'>;
  readonly metrics: Pick<Metrics, 'totals'>;
  readonly bus: { readonly counters: Readonly<Record<'published' | 'failedBroadcasts' | 'badBodies', number>> };
  /** Reports of all nodes about themselves; rejects while NATS is away. */
  readonly everywhere: () => Promise<readonly NodeFigures[]>;
  /** Rejects while NATS is away. */
  readonly lags: () => Promise<StageLags>;
}

/** Figures of this process and of the other nodes: the flow of work, and the nodes present. */
export class NodeWatch {
  readonly #options: NodeWatchOptions;
  readonly #startedAt: string;
  readonly #flow = new RecentFlow();
  readonly #roster = new NodeRoster();
  readonly #timer: NodeJS.Timeout;
  #feed: (() => FeedFigures) | null = null;
  #url: string | null = null;
  #askedAt = -Infinity;
  #asking: Promise<void> | null = null;

  constructor(options: NodeWatchOptions, everyMs = EVERY_MS) {
    this.#options = options;
    this.#startedAt = new Date(options.clock.now()).toISOString();
    this.#timer = setInterval(() => void this.look(), everyMs).unref();
  }

  /** Called once, when the server listens. */
  listensAt(feed: () => FeedFigures, url: string): void {
    this.#feed = feed;
    this.#url = url;
  }

  /** Notes this process's totals, and asks the other nodes now and then. Never rejects. */
  async look(): Promise<void> {
    try {
      const { metrics, bus, clock, roles } = this.#options;
      const totals = await flowTotals({
        metrics,
        bus,
        taskGenerator: () => this.#actors().get('/task-generator') ?? null,
        feed: () => this.#feed?.() ?? { published: 0, droppedFrames: 0, closedSlow: 0, refusedViewers: 0 },
      });
      this.#flow.note(totals, clock.now());
      // So that a node that went away is known before somebody looks.
      if (roles.includes('web') && clock.now() - this.#askedAt >= ASK_ALWAYS_MS) await this.#ask();
    } catch {
      // A process that stops: its figures are looked at no more.
    }
  }

  /** The `node` micro service. */
  service(): MicroRole {
    const { nodeId } = this.#options;
    const figures = (): Promise<NodeFigures> => this.figures();
    return {
      name: 'node',
      description: 'Says which roles a node has, and how work flows through them',
      stats: figures,
      ofEachNode: { nodeId, endpoints: { figures } },
    };
  }

  /** This process about itself. */
  async figures(): Promise<NodeFigures> {
    const { nodeId, roles, version } = this.#options;
    const actors = this.#actors();
    const stages: readonly FlowStageName[] = ['bus', ...roles.flatMap((role) => STAGES[role])];
    return {
      nodeId,
      roles: [...roles],
      version,
      startedAt: this.#startedAt,
      url: this.#url,
      cameras: [...actors.keys()].filter((path) => path.startsWith('/cameras/')).length,
      stages: await Promise.all(stages.map((name) => this.#stage(name, actors))),
    };
  }

  /** The nodes as they answered last. */
  roster(): readonly SeenNode[] {
    return this.#roster.list(this.#options.clock.now());
  }

  async nodes(): Promise<NodeList> {
    await this.#askIfOld();
    const { nodeId, clock } = this.#options;
    return {
      nodes: this.#roster.list(clock.now()).map((node) => ({
        nodeId: node.nodeId,
        state: node.state,
        roles: node.roles,
        version: node.version,
        startedAt: node.startedAt,
        url: node.url,
        cameras: node.cameras,
        here: node.nodeId === nodeId,
        seenAt: new Date(node.seenAt).toISOString(),
      })),
    };
  }

  async flow(): Promise<FlowReport> {
    const { lags, clock } = this.#options;
    const [found] = await Promise.all([lags().catch(() => null), this.#askIfOld()]);
    return flowReport(this.#roster.list(clock.now()), found);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #askIfOld(): Promise<void> {
    if (this.#options.clock.now() - this.#askedAt >= ASK_EVERY_MS) await this.#ask();
  }

  /** One question at a time; a process alone, or without NATS, still knows itself. */
  #ask(): Promise<void> {
    this.#asking ??= this.#askAll().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #askAll(): Promise<void> {
    const { everywhere, clock } = this.#options;
    const others = await everywhere().catch(() => []);
    this.#roster.note([...others, await this.figures()], clock.now());
    this.#askedAt = clock.now();
  }

  #actors(): ReadonlyMap<string, ActorSnapshot> {
    return new Map([...actorsOf(this.#options.system.snapshot())].map((actor) => [actor.path, actor]));
  }

  async #stage(name: FlowStageName, actors: ReadonlyMap<string, ActorSnapshot>): Promise<StageFigures> {
    const { perSecond, failed, shed } = this.#flow.rate(name);
    const { waiting, oldestMs } = await this.#queue(name, actors).catch(() => NO_QUEUE);
    return { name, perSecond, waiting, oldestMs, shed: { ...shed }, failed };
  }

  async #queue(name: FlowStageName, actors: ReadonlyMap<string, ActorSnapshot>): Promise<Queue> {
    const { system, metrics } = this.#options;
    const mailbox = actors.get(MAILBOXES[name] ?? '')?.mailbox;
    if (mailbox !== undefined) return { waiting: mailbox.depth, oldestMs: mailbox.oldestMs };
    if (name === 'detect') {
      const waiting = (await metrics.totals('decoder_waiting')).get('') ?? 0;
      return { waiting, oldestMs: null };
    }
    if (name === 'scheduler') {
      const { ready, parked, oldest_seconds } = await system.ref(SCHEDULER).ask({ type: 'stats' }, QUICK);
      const ages = Object.values(oldest_seconds).filter((age) => age !== null);
      return { waiting: ready + parked, oldestMs: ages.length === 0 ? null : Math.max(...ages) * 1_000 };
    }
    if (name === 'calls') {
      const { waiting } = await system.ref(KEY_POOL).ask({ type: 'stats' }, QUICK);
      return { waiting, oldestMs: null };
    }
    return name === 'feed' ? { waiting: this.#feed?.().lagging ?? 0, oldestMs: null } : NO_QUEUE;
  }
}

interface Queue {
  readonly waiting: number;
  readonly oldestMs: number | null;
}
const NO_QUEUE: Queue = { waiting: 0, oldestMs: null };
