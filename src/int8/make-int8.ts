import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { LocatedModel } from '../messages/model.ts';
import { decodeOnnx, encodeOnnx, type OnnxGraph } from '../model-store/convert/onnx.ts';
import { quantize } from '../model-store/convert/quantize.ts';
import { lastLines, runProgram } from '../provision/command.ts';
import { withLock } from '../provision/lock.ts';
import { ProvisionError } from '../provision/provision-error.ts';
import { writeWhole } from '../storage/files.ts';
import { decoders } from '../vision/decoders/index.ts';
import { createDetector, type Detector, type NativeGuard, type RawDetection } from '../vision/detector.ts';
import type { Frame, FrameSize } from '../vision/frame.ts';
import { planModel } from '../vision/model-io.ts';
import { agreementByClass } from './agreement.ts';
import { calibrate } from './calibrate.ts';
import { int8Path, type Int8Record, int8Variant, readRecord, RECIPE, recordPath, sha256 } from './int8-record.ts';

export interface MakeInt8Options {
  /** A float network as `convertSsd` writes it. */
  readonly model: LocatedModel;
  readonly ffmpeg: string;
  /** Returns the video to calibrate on. Called when there is work to do. */
  readonly footage: () => Promise<string>;
  readonly onProgress: (line: string) => void;
}

/** One picture a second of the demo footage, 79.5 s long; every second one is compared on. */
const PICTURES = 80;
const FFMPEG_TIMEOUT_MS = 60_000;
const unguarded: NativeGuard = (work) => work();

/**
 * Makes the 8-bit variant of a network, unless it is there: calibrated on half of the pictures of the footage, compared
 * with the float one on the other half. Both go beside the float network, with the figures. Whether it is good enough
 * is for `objection` to say. Takes 10 s on a machine with two cores.
 *
 * @throws {ProvisionError} those of `footage`, `COMMAND_FAILED`, `CONVERT_FAILED` when ffmpeg cannot read it,
 *   `LOCK_TIMEOUT`
 * @throws {ModelStoreError} `CONVERSION`
 * @throws {DetectorError} `MODEL_UNREADABLE`, `INFERENCE_FAILED`
 * @throws {StorageError} `DISK_FULL`, `NOT_WRITABLE`
 */
export async function makeInt8(options: MakeInt8Options): Promise<Int8Record> {
  const { model, onProgress } = options;
  const known = await readRecord(model);
  if (known !== null) return known;
  const video = await options.footage();
  return withLock(
    dirname(model.path),
    basename(int8Path(model)),
    async () => (await readRecord(model)) ?? make(options, video),
    { onWait: () => onProgress('another process is making the 8-bit detector; waiting for it') },
  );
}

async function make({ model, ffmpeg, onProgress }: MakeInt8Options, video: string): Promise<Int8Record> {
  onProgress('making an 8-bit variant of the detector (once)');
  const floatBytes = await readFile(model.path);
  const graph = decodeOnnx(floatBytes);
  const float = await createDetector(model);
  try {
    const pictures = await picturesOf(ffmpeg, video, float.inputSize);
    const [calibration, comparison] = [0, 1].map((rest) => pictures.filter((_, i) => i % 2 === rest));
    if (calibration === undefined || comparison === undefined || comparison.length === 0)
      throw new ProvisionError('CONVERT_FAILED', `${video} has no pictures to calibrate on`, { source: video });
    onProgress(`calibrating on ${calibration.length} pictures of the demo footage`);
    const ranges = await calibrate(graph, formatOf(model, graph), calibration);
    const bytes = encodeOnnx(quantize(graph, ranges));
    await writeWhole(int8Path(model), bytes, { mode: 0o644 });
    onProgress(`comparing it with the float one on ${comparison.length} other pictures`);
    const record: Int8Record = {
      recipe: RECIPE,
      floatSha256: sha256(floatBytes),
      int8Sha256: sha256(bytes),
      calibratedOn: calibration.length,
      comparedOn: comparison.length,
      ...(await compare(float, int8Variant(model), comparison)),
    };
    await writeWhole(recordPath(model), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o644 });
    return record;
  } finally {
    await float.release();
  }
}

async function compare(
  float: Detector,
  variant: LocatedModel,
  pictures: readonly Frame[],
): Promise<Pick<Int8Record, 'classes' | 'floatMs' | 'int8Ms'>> {
  const int8 = await createDetector(variant);
  try {
    const [wanted, found] = [new Timed(float), new Timed(int8)];
    // In turn, so that whatever else the machine does slows both.
    for (const picture of pictures) {
      await wanted.detect(picture);
      await found.detect(picture);
    }
    return {
      classes: agreementByClass(wanted.detections, found.detections),
      floatMs: wanted.medianMs,
      int8Ms: found.medianMs,
    };
  } finally {
    await int8.release();
  }
}

/** A detector with its detections and their times. */
class Timed {
  readonly detections: RawDetection[][] = [];
  readonly #times: number[] = [];
  readonly #detector: Detector;

  constructor(detector: Detector) {
    this.#detector = detector;
  }

  async detect(picture: Frame): Promise<void> {
    const began = performance.now();
    this.detections.push(await this.#detector.detect(picture, unguarded));
    this.#times.push(performance.now() - began);
  }

  /** To .1 ms. */
  get medianMs(): number {
    const sorted = this.#times.toSorted((a, b) => a - b);
    return Math.round(10 * (sorted[Math.floor(sorted.length / 2)] ?? 0)) / 10;
  }
}

function formatOf(model: LocatedModel, graph: OnnxGraph) {
  const port = ({ name, dims }: OnnxGraph['inputs'][number]) => ({ name, type: 'float32', shape: dims });
  return planModel(model, graph.inputs.map(port), graph.outputs.map(port), decoders[model.family]).format;
}

/** Pictures of a video, one a second. The demo footage has the shape of `size`. */
async function picturesOf(ffmpeg: string, video: string, { width, height }: FrameSize): Promise<Frame[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-int8-'));
  try {
    const file = join(folder, 'pictures.rgb');
    const { code, stderr } = await runProgram(
      ffmpeg,
      // prettier-ignore
      [
        '-v', 'error', '-nostdin', '-protocol_whitelist', 'file,pipe', '-i', video, '-map', '0:v:0',
        '-vf', `fps=1,scale=${width}:${height}`, '-frames:v', String(PICTURES),
        '-pix_fmt', 'rgb24', '-f', 'rawvideo', file,
      ],
      { timeoutMs: FFMPEG_TIMEOUT_MS },
    );
    if (code !== 0)
      throw new ProvisionError('CONVERT_FAILED', `ffmpeg could not read ${video}: ${lastLines(stderr)}`, {
        source: video,
      });
    const bytes = await readFile(file);
    const each = width * height * 3;
    return Array.from({ length: Math.floor(bytes.length / each) }, (_, i) => ({
      data: bytes.subarray(i * each, (i + 1) * each),
      width,
      height,
    }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
