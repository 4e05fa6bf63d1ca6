/** Paints frames in a worker: one for the page, with a slot for each tile. */
import type { Aggregate } from '../../../src/messages/aggregate.ts';
import { authorization, here } from '../api/request.ts';
import { notify } from '../app/notices.ts';
import { t } from '../i18n/index.ts';
import { type BoxMark, marksOf, type Surface } from './overlay.ts';
import type { Painted, PainterOrder } from './painter-messages.ts';

type Receiver = (painted: Painted) => void;

const receivers = new Map<number, Receiver>();
let worker: Worker | null = null;
let lastSlot = 0;

function painter(): Worker {
  if (worker !== null) return worker;
  const started = new Worker(new URL('./painter.worker.ts', import.meta.url), { type: 'module' });
  started.addEventListener('message', ({ data }: MessageEvent<Painted>) => {
    const receiver = receivers.get(data.slot);
    if (receiver === undefined) data.bitmap.close();
    else receiver(data);
  });
  started.addEventListener('error', () => {
    notify('painter', () => [{ level: 'bad', text: t('shell.notice.noPainter') }]);
  });
  worker = started;
  return started;
}

// The rule takes a worker for a window.
// eslint-disable-next-line unicorn/require-post-message-target-origin
const send = (order: PainterOrder): void => painter().postMessage(order);

/**
 * The picture of one tile: the newest frame's picture with its boxes, shown in one step. Pictures are loaded one at a
 * time for each tile.
 */
export class TilePicture {
  readonly #slot: number;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  readonly #onShown: (aggregate: Aggregate, pictured: boolean) => void;
  readonly #marks: (aggregate: Aggregate, width: number) => BoxMark[];
  #surface: Surface = { width: 0, height: 0, dpr: 1 };
  #newest: Aggregate | null = null;
  #shown: Aggregate | null = null;
  /** The frame that is being painted; `none` where its camera is no longer wanted. */
  #painting: Aggregate | 'none' | null = null;

  /**
   * @param onShown called after a frame was shown; `pictured` is false when its picture is gone
   * @param marks the boxes that are drawn; default: all
   */
  constructor(
    canvas: HTMLCanvasElement,
    onShown: (aggregate: Aggregate, pictured: boolean) => void,
    marks: (aggregate: Aggregate, width: number) => BoxMark[] = marksOf,
  ) {
    this.#marks = marks;
    lastSlot += 1;
    this.#slot = lastSlot;
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    this.#onShown = onShown;
    receivers.set(this.#slot, (painted) => this.#take(painted));
  }

  /** The size of the canvas; CSS px. Paints again when it changed. */
  resize(width: number, height: number): void {
    const dpr = window.devicePixelRatio || 1;
    if (width === this.#surface.width && height === this.#surface.height && dpr === this.#surface.dpr) return;
    this.#surface = { width, height, dpr };
    this.repaint();
  }

  /** Shows this frame once its picture is loaded, unless a later one came meanwhile. */
  show(aggregate: Aggregate): void {
    this.#newest = aggregate;
    this.#paint();
  }

  /** Paints the newest frame again, as in another language. */
  repaint(): void {
    this.#shown = null;
    this.#paint();
  }

  /** Shows nothing: the tile is for another camera from now on. */
  clear(): void {
    this.#newest = null;
    this.#shown = null;
    if (this.#painting !== null) this.#painting = 'none';
    this.#canvas.width = 1;
  }

  /** Gives the memory back. */
  close(): void {
    receivers.delete(this.#slot);
    send({ type: 'free', slot: this.#slot });
    this.#canvas.width = 0;
  }

  #paint(): void {
    const next = this.#newest;
    if (this.#painting !== null || next === null || next === this.#shown || this.#surface.width === 0) return;
    this.#painting = next;
    send({
      type: 'paint',
      slot: this.#slot,
      url: next.imageId === null ? null : here(`/api/images/${next.imageId}`).href,
      headers: authorization(),
      width: next.imageWidth,
      height: next.imageHeight,
      surface: this.#surface,
      marks: this.#marks(next, this.#surface.width),
    });
  }

  #take({ bitmap, pictured }: Painted): void {
    const painted = this.#painting;
    this.#painting = null;
    if (painted === null || painted === 'none') bitmap.close();
    else {
      this.#shown = painted;
      if (this.#canvas.width !== bitmap.width) this.#canvas.width = bitmap.width;
      if (this.#canvas.height !== bitmap.height) this.#canvas.height = bitmap.height;
      this.#context?.drawImage(bitmap, 0, 0);
      bitmap.close();
      this.#onShown(painted, pictured);
    }
    this.#paint();
  }
}
