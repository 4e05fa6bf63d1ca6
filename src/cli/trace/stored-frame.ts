/** Finds the messages of one frame in the streams, with bounded reads. */
import type { JsMsg, StoredMsg } from 'nats';
import type { Parser } from '../../infra/bus.ts';
import type { NatsLink } from '../../infra/nats/connection.ts';
import { headersOf } from '../../infra/nats/headers.ts';
import { type RawReadOptions, readOne, readStream, storedAtOf } from '../../infra/nats/read.ts';
import { Aggregate } from '../../messages/aggregate.ts';
import { AlertPlace } from '../../messages/alert-place.ts';
import { AssessmentResult } from '../../messages/assessment.ts';
import { Detection } from '../../messages/detection.ts';
import { type CameraId, imageMadeAt, type RequestId } from '../../messages/ids.ts';
import { readBody } from '../../messages/read-body.ts';
import { headers, streams, subjects } from '../../messages/subjects.ts';
import { AssessmentTask } from '../../messages/task.ts';
import type { At, FrameMessages } from '../../tracing/frame-trace.ts';

/** Headers of one read. */
const PAGE = 2_000;
/** Messages looked at in one stream, at most: without a camera, those of all cameras. */
const MOST_READ = 40_000;
/** Questions of one camera that are looked at. */
const MOST_QUESTIONS = 200;
/** The clocks of two machines may differ by this much. */
const CLOCKS_MS = 5_000;
/** All messages of a frame are stored within this time of it, except after an outage of NATS. */
const WITHIN_MS = 10 * 60_000;

type From = { readonly seq: number } | { readonly time: number };
type Found = { readonly seq: number; readonly cameraId: string };

export interface StoredFrame {
  readonly cameraId: CameraId;
  readonly messages: FrameMessages;
  /** Streams in which not all messages could be looked at, as there are too many. */
  readonly cut: readonly string[];
}

/** Null when no stream has a message of this frame, or `cameraId` is another camera. Rejects `BUS_DOWN`. */
export async function storedFrame(
  link: NatsLink,
  requestId: RequestId,
  cameraId: CameraId | null,
): Promise<StoredFrame | null> {
  const search = new Search(link, requestId);
  const camera = cameraId ?? (await search.camera());
  if (camera === null) return null;
  const messages = {
    detection: (await search.all(streams.detections, subjects.detection(camera), Detection)).at(0) ?? null,
    tasks: await search.questions(camera),
    results: await search.all(streams.results, subjects.result(camera), AssessmentResult),
    aggregates: await search.all(streams.aggregates, subjects.aggregate(camera), Aggregate),
    alerts: await search.all(streams.alerts, subjects.alert(camera), Aggregate),
  };
  const { detection, tasks, results, aggregates, alerts } = messages;
  const count = (detection === null ? 0 : 1) + tasks.length + results.length + aggregates.length + alerts.length;
  return count === 0 ? null : { cameraId: camera, messages, cut: [...search.cut] };
}

class Search {
  readonly #link: NatsLink;
  readonly #requestId: RequestId;
  /** When the frame was taken, epoch ms; null where its id does not tell, as that of a replayed one. */
  readonly #at: number | null;
  readonly cut = new Set<string>();

  constructor(link: NatsLink, requestId: RequestId) {
    this.#link = link;
    this.#requestId = requestId;
    this.#at = imageMadeAt(requestId);
  }

  /** By the index of the alerts, else by the headers of messages stored soon after the frame. */
  async camera(): Promise<CameraId | null> {
    const place = await readOne(this.#link, streams.alertIndex, { last_by_subj: subjects.alertPlace(this.#requestId) });
    if (place !== null) return readBody(place.data, AlertPlace).cameraId;
    for (const stream of [streams.detections, streams.results, streams.aggregates]) {
      const [first] = await this.#places(stream, undefined, true);
      if (first !== undefined) return first.cameraId;
    }
    return null;
  }

  /** The frame's messages on `filter`, oldest first. One that cannot be read is left out. */
  async all<T>(stream: string, filter: string, parser: Parser<T>): Promise<readonly At<T>[]> {
    const found: At<T>[] = [];
    for (const { seq } of await this.#places(stream, filter, false)) {
      const message = await readOne(this.#link, stream, { seq });
      if (message !== null) found.push(...this.#read(stream, message, parser));
    }
    return found;
  }

  /**
   * The questions about the frame that nobody has taken yet, one a subject. Submitted pictures and replayed frames that
   * wait are left out: a work queue cannot be read by others.
   */
  async questions(camera: CameraId): Promise<readonly At<AssessmentTask>[]> {
    const { jsm } = this.#link;
    const filter = subjects.questionsOf(camera);
    const info = await this.#link.call(`reading ${streams.questions}`, () =>
      jsm.streams.info(streams.questions, { subjects_filter: filter }),
    );
    const waiting = Object.keys(info.state.subjects ?? {});
    if (waiting.length > MOST_QUESTIONS) this.cut.add(streams.questions);
    const found: At<AssessmentTask>[] = [];
    for (const subject of waiting.slice(0, MOST_QUESTIONS)) {
      const message = await readOne(this.#link, streams.questions, { last_by_subj: subject });
      if (message?.header.get(headers.requestId) !== this.#requestId) continue;
      found.push(...this.#read(streams.questions, message, AssessmentTask));
    }
    return found;
  }

  /** Positions of the frame's messages, by their headers; with `one`, of the first. */
  async #places(stream: string, filter: string | undefined, one: boolean): Promise<readonly Found[]> {
    const found: Found[] = [];
    let from: From = this.#at === null ? { seq: 1 } : { time: this.#at - CLOCKS_MS };
    for (let read = 0; ;) {
      const page = await readStream(this.#link, this.#pageOf(stream, filter, from), (message) => this.#look(message));
      read += page.length;
      for (const { isOurs, seq, cameraId } of page) if (isOurs) found.push({ seq, cameraId });
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE || this.#isPast(last.storedAt) || (one && found.length > 0)) break;
      if (read >= MOST_READ) {
        this.cut.add(stream);
        break;
      }
      from = { seq: last.seq + 1 };
    }
    return found;
  }

  /** One message, or none where its body cannot be read: the stream then counts as cut. */
  #read<T>(stream: string, { data, time }: StoredMsg, parser: Parser<T>): readonly At<T>[] {
    try {
      return [{ body: readBody(data, parser), storedAt: time.getTime() }];
    } catch {
      this.cut.add(stream);
      return [];
    }
  }

  #pageOf(stream: string, filter: string | undefined, from: From): RawReadOptions {
    return { stream, from, limit: PAGE, headersOnly: true, ...(filter === undefined ? {} : { filter }) };
  }

  #look(message: JsMsg): Found & { readonly isOurs: boolean; readonly storedAt: number } {
    const of = headersOf(message);
    return {
      seq: message.seq,
      storedAt: storedAtOf(message),
      isOurs: of.get(headers.requestId) === this.#requestId,
      cameraId: of.get(headers.cameraId) ?? '',
    };
  }

  #isPast(storedAt: number): boolean {
    return this.#at !== null && storedAt > this.#at + WITHIN_MS;
  }
}
