import { availableParallelism, totalmem } from 'node:os';
import type { DecodedPicture, Decoders, DecoderStats } from '../decoding/decoding.types.ts';
import { CounterTotals, type MetricRecorder } from '../infra/metric-table.ts';
import { StageCpu } from '../infra/stage-cpu.ts';
import type { MuxMp4 } from '../ingest/clip.ts';
import { type DecodeTimes, SKIP_REASONS } from '../ingest/due-pictures.ts';
import { IngestCameras, type IngestFigures } from '../ingest/ingest-cameras.ts';
import type { MakeMuxer } from '../ingest/live-tap.ts';
import type { OpenRtsp } from '../rtsp/rtsp.types.ts';
import { type ActorContext, type ActorDefinition, defineActor, type ModuleExport } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Deferred } from '../runtime/message.ts';
import { transfer } from '../runtime/transfer.ts';
import { CAMERA_REGISTRY } from './camera-registry.ts';
import { cameraAddress, FOLLOW_LEASE_MS, type IngestMessage } from './ingest.types.ts';

/** Crosses into the ingest's thread: plain data only. */
export interface IngestInit {
  /** Decoders at most. */
  readonly decoders: number;
  /** Bytes of coded video that are kept of all cameras together. Default: an eighth of the machine's memory. */
  readonly ringBytes?: number;
}

/** What the ingest reads cameras and decodes pictures with. */
export interface IngestParts {
  readonly openRtsp: OpenRtsp;
  readonly decoders: Decoders;
  readonly muxer: MakeMuxer;
  readonly muxMp4: MuxMp4;
}

type Private = { type: 'figures' };
export type IngestContext = ActorContext<IngestMessage | Private>;

const FIGURES_MS = 2_000;
const RING_SHARE = 1 / 8;
/** One is decoded, one is analysed, and two are on their way. */
const ANALYSED_PER_CORE = 4;
/** A renewal of every lease, and what comes between two of them: cameras are up to 10,000. */
const MAILBOX = 20_000;

/** The one ingest of a node, with the parts that `open` brings. */
export const ingestAt = (
  open: (ctx: IngestContext, init: IngestInit) => IngestParts,
  module?: ModuleExport,
): ActorDefinition<IngestMessage, IngestInit> =>
  defineActor<IngestMessage, Private>()<IngestInit>({
    kind: 'ingest',
    mailbox: { capacity: MAILBOX, overflow: 'refuse' },
    ...(module === undefined ? {} : { module }),
    start: (ctx, init) => {
      const parts = open(ctx, init);
      const cameras = openCameras(ctx, init, parts);
      const figures = new Figures(ctx);
      ctx.setInterval('figures', FIGURES_MS, { type: 'figures' });
      return {
        handlers: {
          follow: ({ cameraId, settings, intervalMs, fit }) => cameras.follow(cameraId, { settings, intervalMs, fit }),
          analysed: ({ cameraId, burst }) => cameras.analysed(cameraId, burst),
          unfollow: ({ cameraId }) => cameras.unfollow(cameraId),
          spare: () => cameras.hasSpareTime,
          cut: ({ cameraId, at, cuts }) => later(ctx, cameras.cut(cameraId, at, cuts)),
          burst: ({ cameraId, from, to, fps }) => later(ctx, cameras.burst(cameraId, from, to, fps)),
          clip: ({ cameraId, from, to }) => later(ctx, cameras.clip(cameraId, from, to)),
          figures: () => figures.show(cameras.figures(), parts.decoders.stats()),
        },
        stop: async () => {
          await cameras.stop();
          await parts.decoders.stop();
        },
      };
    },
  });

function openCameras(ctx: IngestContext, init: IngestInit, parts: IngestParts): IngestCameras {
  return new IngestCameras({
    ...parts,
    clock: ctx.clock,
    log: ctx.log,
    leaseMs: FOLLOW_LEASE_MS,
    mostAnalysed: ANALYSED_PER_CORE * availableParallelism(),
    allBytes: init.ringBytes ?? memoryBytes() * RING_SHARE,
    onPicture: (cameraId, picture, at, burst, times) => sendPicture(ctx, cameraId, picture, { at, burst, times }),
    onStatus: (cameraId, { state, message }) =>
      void ctx.ref(CAMERA_REGISTRY).tell({ type: 'status', cameraId, state, message }),
  });
}

/** Of the machine, or of the container that this process may use. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function sendPicture(
  ctx: IngestContext,
  cameraId: string,
  picture: DecodedPicture,
  { at, burst, times }: { readonly at: number; readonly burst: boolean; readonly times: DecodeTimes | null },
): void {
  const { data, width, height, display } = picture;
  ctx
    .ref(cameraAddress(cameraId))
    .tell({ type: 'picture', data: transfer(data), width, height, display, at, burst, times });
}

/** Answers when the work is done, while other messages are handled. */
function later<T>(ctx: IngestContext, work: Promise<T>): Deferred<T> {
  const answer = ctx.defer<T>();
  work.then(
    (value) => answer.resolve(value),
    (thrown: unknown) => answer.reject(asError(thrown)),
  );
  return answer;
}

/** Shows the ingest's figures in metrics and in the tree. */
class Figures {
  readonly #ctx: IngestContext;
  readonly #metrics: MetricRecorder;
  readonly #totals: CounterTotals;
  readonly #cpu: StageCpu;
  #last: { readonly at: number; readonly sent: number } | null = null;
  #shown = '';

  constructor(ctx: IngestContext) {
    this.#ctx = ctx;
    this.#metrics = ctx.metrics;
    this.#totals = new CounterTotals(ctx.metrics);
    this.#cpu = new StageCpu(ctx.metrics, 'ingest');
  }

  show(ingest: IngestFigures, decoders: DecoderStats): void {
    this.#cpu.note();
    this.#showIngest(ingest);
    this.#showDecoders(decoders);
    const now = this.#ctx.clock.now();
    const last = this.#last;
    this.#last = { at: now, sent: ingest.counts.sent };
    const reached = last === null || now <= last.at ? 0 : ((ingest.counts.sent - last.sent) * 1_000) / (now - last.at);
    const detail = {
      cameras: ingest.cameras,
      online: ingest.states.online,
      ringMegabytes: Math.round(ingest.ringBytes / 1e6),
      wantedPerSecond: Math.round(ingest.wantedPerSecond * 10) / 10,
      reachedPerSecond: Math.round(reached * 10) / 10,
      decoders: decoders.decoders,
      waiting: ingest.waiting,
      busy: Math.round(decoders.busy * 100) / 100,
      isolated: decoders.isolated.join(' ').slice(0, 200),
    };
    const text = JSON.stringify(detail);
    if (text !== this.#shown) this.#ctx.report(detail);
    this.#shown = text;
  }

  #showIngest({ states, ringBytes, counts, burst }: IngestFigures): void {
    for (const [state, count] of Object.entries(states)) this.#metrics.set('ingest_streams', count, { state });
    this.#metrics.set('ingest_ring_bytes', ringBytes);
    this.#totals.raise('ingest_bytes_total', counts.bytes);
    this.#totals.raise('ingest_packets_lost_total', counts.packetsLost);
    this.#totals.raise('ingest_pictures_dropped_total', counts.picturesDropped);
    this.#totals.raise('pictures_due_total', counts.due);
    for (const reason of SKIP_REASONS) {
      this.#totals.raise('pictures_skipped_total', counts.skipped[reason], { reason });
    }
    this.#totals.raise('burst_pictures_total', burst.sent, { outcome: 'sent' });
    this.#totals.raise('burst_pictures_total', burst.gone, { outcome: 'gone' });
    this.#totals.raise('burst_pictures_total', burst.undecodable, { outcome: 'undecodable' });
    this.#totals.raise('burst_pictures_total', burst.overBudget, { outcome: 'over-budget' });
  }

  #showDecoders({ decoders, waiting, decoded, failed, died, busy, burstBusy }: DecoderStats): void {
    this.#metrics.set('decoders_running', decoders);
    for (const [urgency, count] of Object.entries(waiting)) this.#metrics.set('decoder_waiting', count, { urgency });
    this.#totals.raise('decoder_pictures_total', decoded, { outcome: 'decoded' });
    this.#totals.raise('decoder_pictures_total', failed, { outcome: 'failed' });
    this.#totals.raise('decoder_deaths_total', died);
    this.#metrics.set('decoder_busy', busy, { share: 'all' });
    this.#metrics.set('decoder_busy', burstBusy, { share: 'bursts' });
  }
}
