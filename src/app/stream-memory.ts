import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import type { Log } from '../infra/log.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { lossesOf, readStreamFigures, StreamFigures } from '../infra/nats/stream-figures.ts';
import { asError } from '../runtime/errors.ts';
import { StorageError } from '../storage/storage-error.ts';
import { readWhole, writeWhole } from '../storage/files.ts';
import { parseJson } from '../storage/json.ts';
import { type DataNotices, setAside } from '../storage/set-aside.ts';

const Memory = z.object({
  /** The server that holds the streams. */
  server: z.string(),
  /** Whether the figures were read at the end of an orderly stop. */
  final: z.boolean(),
  streams: z.array(StreamFigures).max(1_000),
});
type Memory = z.infer<typeof Memory>;

const BOUNDS = { maxLength: 1024 * 1024, maxParts: 40_000 };
const EVERY_MS = 10_000;

export interface StreamMemoryOptions {
  readonly bus: Pick<NatsBus, 'link'>;
  readonly dataDir: string;
  readonly natsUrl: string;
  /** Whether the server is embedded, so that no other program uses it. */
  readonly embedded: boolean;
  readonly notices: DataNotices;
  readonly log: Log;
  /** Default 10 s. */
  readonly everyMs?: number;
}

/**
 * Saves the figures of the streams every 10 s and at the stop, and reports missing messages at the next start:
 * nats-server repairs a truncated or damaged store by silently leaving out everything unreadable.
 */
export class StreamMemory {
  readonly #options: StreamMemoryOptions;
  readonly #file: string;
  readonly #server: string;
  #last: Memory | null = null;
  #timer: NodeJS.Timeout | null = null;
  #work: Promise<void> = Promise.resolve();

  private constructor(options: StreamMemoryOptions) {
    this.#options = options;
    this.#file = join(options.dataDir, 'streams.json');
    // An embedded server changes its port and credentials with each start; others are identified by their address.
    this.#server = options.embedded
      ? 'embedded'
      : createHash('sha256').update(options.natsUrl.replace(/^.*@/u, '')).digest('hex').slice(0, 16);
  }

  /** Compares the streams with the last note, and notes them from then on. Never rejects. */
  static async open(options: StreamMemoryOptions): Promise<StreamMemory> {
    const memory = new StreamMemory(options);
    memory.#last = await memory.#remembered();
    await memory.look();
    memory.#timer = setInterval(() => void memory.look(), options.everyMs ?? EVERY_MS).unref();
    return memory;
  }

  /** Never rejects: an unavailable NATS and a full disk are reported elsewhere. */
  look(final = false): Promise<void> {
    this.#work = this.#work.then(async () => {
      try {
        await this.#look(final);
      } catch (thrown) {
        this.#options.log.debug({ err: asError(thrown).message }, 'the figures of the streams could not be saved');
      }
    });
    return this.#work;
  }

  /** The streams as they were at the last look; empty before the first. */
  figures(): readonly StreamFigures[] {
    return this.#last?.streams ?? [];
  }

  /** Takes the last note. Call it after the last write. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.look(true);
  }

  async #look(final: boolean): Promise<void> {
    const { bus, embedded } = this.#options;
    const streams = await readStreamFigures(await bus.link.require().jetstreamManager());
    const before = this.#last;
    if (before !== null) this.#compare(before, streams, embedded && before.final);
    this.#last = { server: this.#server, final, streams };
    await writeWhole(this.#file, JSON.stringify(this.#last));
  }

  #compare(before: Memory, now: readonly StreamFigures[], untouched: boolean): void {
    const losses = lossesOf({ before: before.streams, now, at: Date.now(), untouched });
    if (losses.length === 0) return;
    const { embedded, dataDir, notices } = this.#options;
    const where = embedded
      ? join(dataDir, 'nats', 'jetstream', 'jetstream', '$G', 'streams')
      : 'the store of the NATS server';
    const lost = losses.slice(0, 10).map(({ stream, messages, of }) => `${messages} of ${of} in ${stream}`);
    const alerts = losses.some(({ stream }) => stream === 'ALERTS')
      ? ' Newer alerts may still be in Redis: GET /api/cameras/{id}/alerts.'
      : '';
    notices.say(
      { losses, where },
      `NATS no longer has stored messages: ${lost.join(', ')}. Files in ${where} were cut, damaged or ` +
        `removed.${alerts} Restore them from a backup, with Gantry stopped, to get them back; look at the disk`,
    );
  }

  /** Null at the first start, and for another server. An unusable file is set aside with a notice. */
  async #remembered(): Promise<Memory | null> {
    try {
      const text = await readWhole(this.#file, BOUNDS.maxLength);
      if (text === null) return null;
      const parsed = Memory.safeParse(parseJson(text, this.#file, BOUNDS));
      if (!parsed.success) throw new StorageError('MALFORMED', `${this.#file} does not hold figures of streams`);
      return parsed.data.server === this.#server ? parsed.data : null;
    } catch (thrown) {
      const message = asError(thrown).message;
      const aside = thrown instanceof StorageError ? await setAside(this.#file).catch(() => null) : null;
      this.#options.notices.say(
        { file: this.#file, aside },
        `${message}${aside === null ? '' : `; it is now ${aside}`}: whether NATS lost messages since the last stop ` +
          'is not known, compare GET /api/alerts/history with what you remember',
      );
      return null;
    }
  }
}
