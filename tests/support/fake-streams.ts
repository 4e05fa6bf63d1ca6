import type { FollowOptions, Parser, ReadOptions, Stored, StoredMessage } from '../../src/infra/bus.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import type { Clock } from '../../src/runtime/clock.ts';

const SUBJECTS: Readonly<Record<string, string | readonly string[]>> = {
  [streams.detections]: subjects.detections,
  [streams.tasks]: subjects.tasks,
  [streams.questions]: subjects.questions,
  [streams.results]: subjects.results,
  [streams.webhooks]: subjects.webhooks,
  [streams.aggregates]: subjects.aggregates,
  [streams.alerts]: subjects.alerts,
  [streams.alertImages]: subjects.alertImages,
  [streams.alertIndex]: subjects.alertPlaces,
  [streams.alertClips]: subjects.alertClips,
  [streams.alertDesk]: [subjects.alertHandlings, subjects.alertShelves, subjects.promptTexts],
  [streams.counts]: subjects.allCounts,
  [streams.deadLetters]: subjects.deadLetters,
  [streams.audit]: subjects.audits,
  [streams.releaseOutcomes]: subjects.releaseOutcomes,
};

type Message = StoredMessage<unknown>;

interface FakeStream {
  messages: Message[];
  ids: Map<string, number>;
  epoch: number;
}

/** Streams in memory, as a bus reads and follows them. Messages are kept for ever unless a test takes them away. */
export class FakeStreams {
  readonly #clock: Clock;
  readonly #streams = new Map<string, FakeStream>();
  readonly #followers = new Map<string, Set<(message: Message) => void>>();
  readonly #resets = new Map<string, Set<(why: string) => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  publish(subject: string, body: unknown, id: string): Stored {
    const [name] =
      Object.entries(SUBJECTS).find(([, patterns]) => [patterns].flat().some((each) => matches(each, subject))) ?? [];
    if (name === undefined) throw new Error(`no stream takes ${subject}`);
    const stream = this.#stream(name);
    const known = stream.ids.get(id);
    if (known !== undefined) return { seq: known, duplicate: true };
    const seq = (stream.messages.at(-1)?.seq ?? 0) + 1;
    const message = { subject, body: structuredClone(body), seq, storedAt: this.#clock.now() };
    stream.messages.push(message);
    stream.ids.set(id, seq);
    for (const tell of this.#followers.get(name) ?? []) tell(message);
    return { seq, duplicate: false };
  }

  read<T>({ stream, filter, parser, from, limit }: ReadOptions<T>): StoredMessage<T>[] {
    const wanted = this.#stream(stream).messages.filter(
      (each) =>
        ('seq' in from ? each.seq >= from.seq : each.storedAt >= from.time) && matches(filter ?? '>', each.subject),
    );
    return wanted.slice(0, limit).flatMap((each) => parsed(each, parser) ?? []);
  }

  last<T>({
    stream,
    subject,
    parser,
  }: {
    readonly stream: string;
    readonly subject: string;
    readonly parser: Parser<T>;
  }): StoredMessage<T> | null {
    const newest = this.#stream(stream).messages.findLast((each) => matches(subject, each.subject));
    return newest === undefined ? null : parsed(newest, parser);
  }

  follow<T>({ stream, filter, parser, from, signal, onMessage, onReset }: FollowOptions<T>): void {
    const tell = (message: Message): void => {
      const read = matches(filter ?? '>', message.subject) ? parsed(message, parser) : null;
      if (read !== null) onMessage(read);
    };
    if (from !== 'new') for (const message of this.#stream(stream).messages) if (message.seq >= from.seq) tell(message);
    const reset = (why: string): void => onReset?.(why);
    add(this.#followers, stream, tell);
    add(this.#resets, stream, reset);
    signal.addEventListener('abort', () => {
      this.#followers.get(stream)?.delete(tell);
      this.#resets.get(stream)?.delete(reset);
    });
  }

  epoch(stream: string): string {
    return this.#stream(stream).epoch.toString(36);
  }

  /** The stream is lost and made anew: its sequences begin at 1 again, its followers are told. */
  lose(stream: string): void {
    const epoch = this.#stream(stream).epoch + 1;
    this.#streams.set(stream, { messages: [], ids: new Map(), epoch });
    for (const tell of this.#resets.get(stream) ?? []) tell(`the stream ${stream} was made anew`);
  }

  /** The stream removes its messages before this sequence, as it does at its bounds. */
  dropBefore(name: string, seq: number): void {
    const stream = this.#stream(name);
    stream.messages = stream.messages.filter((each) => each.seq >= seq);
  }

  #stream(name: string): FakeStream {
    const found = this.#streams.get(name) ?? { messages: [], ids: new Map<string, number>(), epoch: this.#clock.now() };
    this.#streams.set(name, found);
    return found;
  }
}

function add<T>(sets: Map<string, Set<T>>, name: string, value: T): void {
  sets.set(name, (sets.get(name) ?? new Set()).add(value));
}

function parsed<T>(message: Message, parser: Parser<T>): StoredMessage<T> | null {
  try {
    return { ...message, body: parser.parse(structuredClone(message.body)) };
  } catch {
    return null;
  }
}

/** NATS subjects: `*` is one token, `>` at the end the rest. */
function matches(pattern: string, subject: string): boolean {
  const tokens = subject.split('.');
  const wanted = pattern.split('.');
  return (
    wanted.every((token, index) =>
      token === '>' ? index < tokens.length : token === '*' ? tokens[index] !== undefined : token === tokens[index],
    ) &&
    (wanted.at(-1) === '>' || wanted.length === tokens.length)
  );
}
