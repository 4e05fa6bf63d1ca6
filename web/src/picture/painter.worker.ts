/// <reference lib="webworker" />
/** Loads, decodes and paints the pictures of tiles, so that the page itself stays free. */
import { contain, paintMarks } from './paint.ts';
import type { Painted, PainterOrder } from './painter-messages.ts';

declare const self: DedicatedWorkerGlobalScope;

type PaintOrder = Extract<PainterOrder, { type: 'paint' }>;

const REPLY_MS = 10_000;
/** Background where the picture leaves a margin. */
const MARGIN = '#0b0f13';

/** The picture of each slot, decoded: a better judgement of the same frame needs no other one. One per slot. */
const pictures = new Map<number, { readonly url: string; readonly bitmap: ImageBitmap }>();

self.addEventListener('message', ({ data }: MessageEvent<PainterOrder>) => {
  if (data.type === 'free') forget(data.slot);
  else void paint(data);
});

function forget(slot: number): void {
  pictures.get(slot)?.bitmap.close();
  pictures.delete(slot);
}

async function paint(order: PaintOrder): Promise<void> {
  const picture = order.url === null ? null : await pictureFor(order, order.url);
  const { width, height, dpr } = order.surface;
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * dpr)), Math.max(1, Math.round(height * dpr)));
  const context = canvas.getContext('2d', { alpha: false });
  if (context !== null) {
    context.scale(dpr, dpr);
    context.fillStyle = MARGIN;
    context.fillRect(0, 0, width, height);
    const fit = contain(order.width, order.height, width, height);
    if (picture !== null) context.drawImage(picture, fit.x, fit.y, order.width * fit.scale, order.height * fit.scale);
    paintMarks(context, fit, order.surface, order.marks);
  }
  const bitmap = canvas.transferToImageBitmap();
  self.postMessage({ slot: order.slot, bitmap, pictured: picture !== null } satisfies Painted, [bitmap]);
}

/** Null when the picture is not kept any more, or cannot be decoded. */
async function pictureFor(order: PaintOrder, url: string): Promise<ImageBitmap | null> {
  const known = pictures.get(order.slot);
  if (known?.url === url) return known.bitmap;
  try {
    const reply = await fetch(url, { headers: order.headers, signal: AbortSignal.timeout(REPLY_MS) });
    if (!reply.ok) return null;
    const { scale } = contain(order.width, order.height, order.surface.width, order.surface.height);
    const resizeWidth = Math.max(1, Math.round(order.width * Math.min(1, scale * order.surface.dpr)));
    const bitmap = await createImageBitmap(await reply.blob(), { resizeWidth, resizeQuality: 'low' });
    forget(order.slot);
    pictures.set(order.slot, { url, bitmap });
    return bitmap;
  } catch {
    // Not sent in time, or no picture: the tile says that there is none.
    return null;
  }
}
