import {
  AV_PIX_FMT_GRAY8,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_YUV420P,
  AV_PIX_FMT_YUV422P,
  AV_PIX_FMT_YUV444P,
  AV_PIX_FMT_YUVJ420P,
  AV_PIX_FMT_YUVJ422P,
  AV_PIX_FMT_YUVJ444P,
} from 'node-av/constants';
import { Frame, SoftwareScaleContext } from 'node-av/lib';
import type { Size } from './decoding.types.ts';
import type { CutPlan, Region } from './picture-geometry.ts';

/** Scalers that are kept, one for each pair of sizes: setting one up costs about as much as using it. */
const SCALERS = 8;
/** The flags that ffmpeg's own `scale` filter uses unasked. */
const SCALER_FLAGS = 'bicubic';

/** Bytes of a sample, and samples of the first plane for one of this plane, across and down. */
type Plane = readonly [bytes: number, across: number, down: number];

const LUMA: Plane = [1, 1, 1];
const yuv = (across: number, down: number): readonly Plane[] => [LUMA, [1, across, down], [1, across, down]];
/** Formats that are cropped as they are; others become rgb24 first. */
const PLANES: ReadonlyMap<number, readonly Plane[]> = new Map<number, readonly Plane[]>([
  [AV_PIX_FMT_YUV420P, yuv(2, 2)],
  [AV_PIX_FMT_YUVJ420P, yuv(2, 2)],
  [AV_PIX_FMT_YUV422P, yuv(2, 1)],
  [AV_PIX_FMT_YUVJ422P, yuv(2, 1)],
  [AV_PIX_FMT_YUV444P, yuv(1, 1)],
  [AV_PIX_FMT_YUVJ444P, yuv(1, 1)],
  [AV_PIX_FMT_GRAY8, [LUMA]],
  [AV_PIX_FMT_RGB24, [[3, 1, 1]]],
]);

/** Turns decoded frames into rgb24. The colour matrix and range are those that the frame carries. */
export class FrameScaler {
  /** The least recently used first. */
  readonly #scalers = new Map<string, SoftwareScaleContext>();

  /** The whole frame, `size.width * size.height * 3` bytes. */
  toRgb(frame: Frame, size: Size): Uint8Array {
    const scaled = this.#scale(frame, size);
    try {
      return scaled.toBuffer();
    } finally {
      scaled.free();
    }
  }

  cut(frame: Frame, plan: CutPlan): Uint8Array {
    const region = this.#region(frame, plan.region);
    try {
      return cropRgb(this.toRgb(region, plan.scaled), plan.scaled.width, plan.crop);
    } finally {
      region.free();
    }
  }

  /** Frees all scalers. */
  clear(): void {
    for (const scaler of this.#scalers.values()) scaler.freeContext();
    this.#scalers.clear();
  }

  #scale(frame: Frame, size: Size): Frame {
    const scaled = allocated(size, AV_PIX_FMT_RGB24);
    const failed = this.#scalerFor(frame, size).scaleFrameSync(scaled, frame);
    if (failed >= 0) return scaled;
    scaled.free();
    throw new Error(`the picture cannot be scaled (${failed})`);
  }

  #scalerFor(frame: Frame, size: Size): SoftwareScaleContext {
    const key = `${frame.width}x${frame.height}:${frame.format}>${size.width}x${size.height}`;
    let scaler = this.#scalers.get(key);
    this.#scalers.delete(key);
    if (scaler === undefined) {
      scaler = new SoftwareScaleContext();
      scaler.allocContext();
      // Without `initContext` it takes sizes, formats and colours from each pair of frames.
      scaler.setOption('sws_flags', SCALER_FLAGS);
    }
    this.#scalers.set(key, scaler);
    const [oldest] = this.#scalers.keys();
    if (this.#scalers.size > SCALERS && oldest !== undefined) {
      this.#scalers.get(oldest)?.freeContext();
      this.#scalers.delete(oldest);
    }
    return scaler;
  }

  /** A copy of the region, in the frame's format or as rgb24. */
  #region(frame: Frame, region: Region): Frame {
    const planes = PLANES.get(frame.format);
    if (planes !== undefined) return copyRegion(frame, planes, region);
    const whole = this.#scale(frame, frame);
    try {
      return copyRegion(whole, [[3, 1, 1]], region);
    } finally {
      whole.free();
    }
  }
}

function allocated({ width, height }: Size, format: Frame['format']): Frame {
  const frame = new Frame();
  frame.alloc();
  frame.width = width;
  frame.height = height;
  frame.format = format;
  const failed = frame.getBuffer(0);
  if (failed >= 0) return frame;
  frame.free();
  throw new Error(`no memory for a picture of ${width}x${height} px (${failed})`);
}

function copyRegion(from: Frame, planes: readonly Plane[], region: Region): Frame {
  const copy = allocated(region, from.format);
  copy.colorRange = from.colorRange;
  copy.colorSpace = from.colorSpace;
  copy.colorPrimaries = from.colorPrimaries;
  copy.colorTrc = from.colorTrc;
  copy.chromaLocation = from.chromaLocation;
  for (const [index, [bytes, across, down]] of planes.entries()) {
    const [source, target] = [from.data?.[index], copy.data?.[index]];
    const [sourceStride = 0, targetStride = 0] = [from.linesize[index], copy.linesize[index]];
    if (source === undefined || target === undefined) throw new Error('a picture without planes');
    const length = Math.ceil(region.width / across) * bytes;
    const rows = Math.ceil(region.height / down);
    let at = (region.top / down) * sourceStride + (region.left / across) * bytes;
    for (let row = 0; row < rows; row += 1) {
      source.copy(target, row * targetStride, at, at + length);
      at += sourceStride;
    }
  }
  return copy;
}

function cropRgb(rgb: Uint8Array, width: number, crop: Region): Uint8Array {
  const rowBytes = crop.width * 3;
  if (crop.left === 0 && crop.width === width) {
    const from = crop.top * rowBytes;
    return rgb.subarray(from, from + crop.height * rowBytes);
  }
  const cropped = new Uint8Array(crop.height * rowBytes);
  for (let row = 0; row < crop.height; row += 1) {
    const from = ((crop.top + row) * width + crop.left) * 3;
    cropped.set(rgb.subarray(from, from + rowBytes), row * rowBytes);
  }
  return cropped;
}
