import type { NatsLink } from '../infra/nats/connection.ts';
import { CameraId, RequestId } from '../messages/ids.ts';
import { spansOf } from '../tracing/frame-trace.ts';
import { treeOf } from '../tracing/span-tree.ts';
import { CommandError, UsageError } from './command-errors.ts';
import type { Output } from './output.ts';
import { withNats } from './running-nats.ts';
import { storedFrame } from './trace/stored-frame.ts';
import { traceLines } from './trace/trace-text.ts';

interface Args {
  readonly request: string;
  readonly camera: string | undefined;
  readonly 'data-dir': string | undefined;
}

/** `gantry trace`. Exit code 0: printed. Rejects `NOT_FOUND` when no message of the frame is left. */
export async function run({ request, camera, 'data-dir': dataDir }: Args, output: Output): Promise<number> {
  const requestId = RequestId.safeParse(request);
  if (!requestId.success) throw new UsageError(`REQUEST: "${request}" is not the id of a frame`);
  const cameraId = camera === undefined ? null : CameraId.safeParse(camera);
  if (cameraId?.success === false) throw new UsageError(`--camera: "${camera}" is not the id of a camera`);
  await withNats(dataDir, (link) => show(link, requestId.data, cameraId?.data ?? null, output));
  return 0;
}

async function show(link: NatsLink, requestId: RequestId, camera: CameraId | null, output: Output): Promise<void> {
  const frame = await storedFrame(link, requestId, camera);
  const spans = frame === null ? [] : spansOf(frame.messages);
  const traceId = spans[0]?.traceId;
  if (frame === null || traceId === undefined)
    throw new CommandError(
      'NOT_FOUND',
      `no message of ${requestId} is left in NATS${camera === null ? '' : ` for camera ${camera}`}`,
    );
  const { cameraId, cut } = frame;
  const at = new Date(Math.min(...spans.map(({ startMs }) => startMs))).toISOString();
  const lines = [`frame ${requestId} of camera ${cameraId}, ${at}, trace ${traceId}`, '', ...traceLines(treeOf(spans))];
  if (cut.length > 0) lines.push('', `Not all messages could be read: ${cut.join(', ')}`);
  output.result({ requestId, cameraId, traceId, cut, spans }, lines.join('\n'));
}
