import { statfs } from 'node:fs/promises';
import { CounterTotals } from '../infra/metric-table.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { StreamFigures } from '../infra/nats/stream-figures.ts';
import { secondsOf, StageCpu } from '../infra/stage-cpu.ts';
import { type GantryConfig, ROLES } from './config.ts';
import type { SeenNode } from './node-roster.ts';
import { busyShare, type ProcessorTime, processorTime } from './processor-share.ts';

export interface MachineSources {
  readonly nodeId: string;
  readonly version: string;
  readonly config: Pick<GantryConfig, 'dataDir' | 'roles' | 'isolation'>;
  readonly nodeWatch: { roster(): readonly SeenNode[] };
  readonly streamMemory: { figures(): readonly StreamFigures[] };
}

/** The machine, the nodes, and the store of NATS, looked at before every scrape. */
export function bindMachine(metrics: Metrics, sources: MachineSources): void {
  const { nodeId, version, config, nodeWatch, streamMemory } = sources;
  const roles = ROLES.filter((role) => config.roles.includes(role)).join(',');
  metrics.set('system_info', 1, { version, node_id: nodeId, roles, node_version: process.version });
  const processors = new Processors(metrics, config.isolation === 'process');
  metrics.beforeScrape('processors', () => processors.look());
  metrics.beforeScrape('disk', async () => showDisk(metrics, await statfs(config.dataDir)));
  metrics.beforeScrape('streams', () => showStreams(metrics, streamMemory.figures()));
  if (config.roles.includes('web')) metrics.beforeScrape('nodes', () => showNodes(metrics, nodeWatch.roster()));
}

/** A container's processors are read at most this often: between two scrapes soon after each other little happens. */
const LEAST_SPAN_MS = 5_000;

class Processors {
  readonly #metrics: Metrics;
  readonly #totals: CounterTotals;
  readonly #main: StageCpu;
  readonly #camerasApart: boolean;
  #last: { readonly at: number; readonly time: ProcessorTime } | null = null;

  constructor(metrics: Metrics, camerasApart: boolean) {
    this.#metrics = metrics;
    this.#totals = new CounterTotals(metrics);
    this.#main = new StageCpu(metrics, 'main');
    this.#camerasApart = camerasApart;
  }

  async look(): Promise<void> {
    this.#main.note();
    const stages = await this.#metrics.totals('stage_cpu_seconds_total', { by: 'stage' });
    const own = [...stages].filter(([stage]) => stage !== 'native' && !(this.#camerasApart && stage === 'cameras'));
    const threads = own.reduce((sum, [, seconds]) => sum + seconds, 0);
    this.#totals.raise('stage_cpu_seconds_total', Math.max(0, secondsOf(process.cpuUsage()) - threads), {
      stage: 'native',
    });
    const at = performance.now();
    if (this.#last !== null && at - this.#last.at < LEAST_SPAN_MS) return;
    const time = await processorTime(at);
    if (this.#last !== null) this.#metrics.set('processor_busy_share', busyShare(this.#last.time, time));
    this.#last = { at, time };
  }
}

/** @param disk the free space is that for programs without special rights */
export function showDisk(
  metrics: Pick<Metrics, 'set'>,
  { bsize, blocks, bavail }: { readonly bsize: number; readonly blocks: number; readonly bavail: number },
): void {
  metrics.set('disk_free_bytes', bavail * bsize);
  metrics.set('disk_free_share', blocks === 0 ? 0 : bavail / blocks);
}

/** A stream without a bound in bytes has no share. */
export function showStreams(metrics: Pick<Metrics, 'replace'>, streams: readonly StreamFigures[]): void {
  metrics.replace(
    'nats_stream_bytes',
    streams.map(({ name, bytes }) => [{ stream: name }, bytes]),
  );
  metrics.replace(
    'nats_stream_full_share',
    streams.flatMap(({ name, bytes, maxBytes }) =>
      maxBytes > 0 ? [[{ stream: name }, bytes / maxBytes] as const] : [],
    ),
  );
}

export function showNodes(metrics: Pick<Metrics, 'replace'>, nodes: readonly SeenNode[]): void {
  const present = nodes.filter(({ state }) => state === 'present');
  metrics.replace(
    'nodes_present',
    ROLES.map((role) => [{ role }, present.filter(({ roles }) => roles.includes(role)).length]),
  );
  metrics.replace(
    'node_up',
    nodes.map(({ nodeId, state }) => [{ node_id: nodeId }, state === 'present' ? 1 : 0]),
  );
}
