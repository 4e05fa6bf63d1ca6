import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { Stage } from '../../src/infra/stage.ts';
import { Detection } from '../../src/messages/detection.ts';
import { consumers, streams, subjects } from '../../src/messages/subjects.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { result } from './samples.ts';

/** What a test tells the process. */
export interface KilledConsumerOrder {
  readonly natsUrl: string;
  readonly inHandFile: string;
  /** The frame of this camera ends the process, as a native crash would. */
  readonly killer: string;
  /** Ms between the beginning of its handling and the end. */
  readonly afterMs: number;
}

/** Answers detections, each with one message; one of them ends it. */
if (import.meta.main) {
  const { natsUrl, inHandFile, killer, afterMs }: KilledConsumerOrder = JSON.parse(process.argv[2] ?? '{}');
  const print = (fields: object, message: string): void => console.error(message, JSON.stringify(fields));
  const log = { debug: print, info: print, warn: print, error: print };
  // Not `open`: the test has set a short ack wait.
  const bus = await NatsBus.join({ url: natsUrl, startTimeoutMs: 30_000, log, inHandFile });
  process.send?.('ready');
  const stage = new Stage({
    ctx: { clock: systemClock, log, signal: new AbortController().signal, fail: (error) => print({}, error.message) },
    bus,
    stream: streams.detections,
    durable: consumers.taskGenerator,
    parser: Detection,
    inFlight: 1,
    handle: async ({ body }) => {
      if (body.cameraId === killer) {
        if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
        process.kill(process.pid, 'SIGKILL');
      }
      const answer = result(body, 1, 'low');
      const subject = subjects.result(body.cameraId);
      return { kind: 'publish', messages: [{ subject, body: answer, trace: answer, id: answer.taskId }] };
    },
    onSettled: (_, { body }) => void process.send?.(body.cameraId),
  });
  // It runs until it is killed.
  process.once('disconnect', () => void stage.stop(0));
}
