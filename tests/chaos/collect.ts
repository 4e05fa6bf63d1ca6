/** Reads the results of a run from streams, Redis and the journal, beside Gantry. */
import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { connect, type JetStreamManager, NatsError } from 'nats';
import { Aggregate } from '../../src/messages/aggregate.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { consumers, PRIORITIES_URGENT_FIRST, redisKeys, streams } from '../../src/messages/subjects.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import type { Answer, Emitted, JournalLine } from './record.ts';

/** One stream read to its end, again and again, each message once. */
class StreamReader<T> {
  readonly items: T[] = [];
  readonly #stream: string;
  readonly #parse: (body: unknown) => T;
  #read = 0;

  constructor(stream: string, parse: (body: unknown) => T) {
    this.#stream = stream;
    this.#parse = parse;
  }

  async read(jsm: JetStreamManager): Promise<void> {
    const { state } = await jsm.streams.info(this.#stream);
    for (let seq = Math.max(this.#read + 1, state.first_seq); seq <= state.last_seq; seq += 1) {
      try {
        this.items.push(this.#parse((await jsm.streams.getMessage(this.#stream, { seq })).json()));
      } catch (thrown) {
        // Removed by its age limit or, in a work queue, because it was acked.
        if (!(thrown instanceof NatsError && thrown.api_error?.code === 404)) throw thrown;
      }
      this.#read = seq;
    }
  }
}

function answerOf(body: unknown): Answer {
  const { taskId, source, results } = AssessmentResult.parse(body);
  return { taskId, source, level: results[0]?.riskLevel ?? 'unknown' };
}

export class Collector {
  readonly aggregates = new StreamReader(streams.aggregates, (body) => Aggregate.parse(body));
  readonly results = new StreamReader(streams.results, answerOf);
  readonly alerts = new StreamReader(streams.alerts, (body) => Aggregate.parse(body));
  readonly #natsUrl: string;

  constructor(natsUrl: string) {
    this.#natsUrl = natsUrl;
  }

  /** Reads new messages, before their age limit removes them from the streams. */
  async read(): Promise<void> {
    await this.#with(async (jsm) => {
      for (const reader of [this.aggregates, this.results, this.alerts]) await reader.read(jsm);
    });
  }

  /** Messages that are still pending, by place; empty when all is done. */
  waiting(): Promise<readonly string[]> {
    return this.#with(async (jsm) => {
      const durables = [
        [streams.detections, consumers.taskGenerator],
        [streams.detections, consumers.aggregatorDetections],
        [streams.results, consumers.aggregatorResults],
        [streams.alerts, consumers.alertWriter],
        [streams.questions, consumers.questions],
        ...PRIORITIES_URGENT_FIRST.map((priority) => [streams.tasks, consumers.scheduler(priority)] as const),
        [streams.questions, consumers.questions],
      ] as const;
      const lags = await Promise.all(
        durables.map(async ([stream, durable]) => {
          const { num_pending, num_ack_pending } = await jsm.consumers.info(stream, durable);
          return num_pending + num_ack_pending === 0
            ? []
            : [`${durable}: ${num_pending} to come, ${num_ack_pending} not settled`];
        }),
      );
      return lags.flat();
    });
  }

  async deadLetters(): Promise<number> {
    return this.#with(async (jsm) => (await jsm.streams.info(streams.deadLetters)).state.messages);
  }

  async #with<T>(work: (jsm: JetStreamManager) => Promise<T>): Promise<T> {
    const nc = await connect({ ...natsOptions(this.#natsUrl), timeout: 30_000 });
    try {
      return await work(await nc.jetstreamManager());
    } finally {
      await nc.close();
    }
  }
}

/** Alerts by camera, each by its last revision, newest first. */
export function historyOf(alerts: readonly Aggregate[]): Record<string, readonly Aggregate[]> {
  const byCamera: Record<string, Map<string, Aggregate>> = {};
  for (const alert of alerts) {
    const known = (byCamera[alert.cameraId] ??= new Map());
    if ((known.get(alert.requestId)?.revision ?? -1) < alert.revision) known.set(alert.requestId, alert);
  }
  return Object.fromEntries(
    Object.entries(byCamera).map(([camera, known]) => [
      camera,
      [...known.values()].toSorted((a, b) => b.timestamp.localeCompare(a.timestamp)),
    ]),
  );
}

export async function alertsInRedis(
  url: string,
  cameras: readonly string[],
): Promise<Record<string, readonly Aggregate[]>> {
  const redis = new Redis(url);
  try {
    const lists = await Promise.all(
      cameras.map(
        async (camera) =>
          [
            camera,
            (await redis.lrange(redisKeys.alerts(camera), 0, -1)).map((json) => Aggregate.parse(JSON.parse(json))),
          ] as const,
      ),
    );
    return Object.fromEntries(lists);
  } finally {
    redis.disconnect();
  }
}

export async function journalOf(
  file: string,
): Promise<{ readonly emitted: readonly Emitted[]; readonly shed: readonly string[] }> {
  const lines: JournalLine[] = (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  return {
    emitted: lines.flatMap((line) => (line.type === 'emitted' ? [line] : [])),
    shed: lines.flatMap((line) => (line.type === 'shed' ? [line.requestId] : [])),
  };
}

/** `shed_total` of detections, over all cameras and reasons. */
export async function shedCountedBy(url: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', url))).text();
  return [...text.matchAll(/^shed_total\{[^}]*what="detection"[^}]*\} (\d+)/gm)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
}
