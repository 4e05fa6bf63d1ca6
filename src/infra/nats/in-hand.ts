import { closeSync, ftruncateSync, openSync, readSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { z } from 'zod';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';

/**
 * Number of messages remembered. A message that ends its process does so soon after it is begun, so it is among them.
 */
const REMEMBERED = 8;
/** A message begun longer than this before the last one is not suspected. */
const RECENT_MS = 2_000;
/** For this long after a suspect no other suspect is begun. */
const ALONE_MS = 100;
/** Of several crashes together. */
const MOST_SUSPECTS = 64;
const SLOT_BYTES = 160;
const SPACE = 0x20;
const MODE = 0o600;
/** Of each file. Ours have at most a third of it; a longer one is cut, and counts as empty. */
const MOST_BYTES = 64 * 1024;

/** Content of `{file}.json`: the findings of earlier processes. */
const Left = z.object({ suspects: z.array(z.string()), culprits: z.array(z.string()) });
const NOTHING: z.infer<typeof Left> = { suspects: [], culprits: [] };

/** Milliseconds until the message may be begun, or `aside`: it has ended two processes. */
type Delay = number | 'aside';

/**
 * Finds a message that ends its process, in whatever way. Each message is noted in a file when it is begun: one short
 * write into the page cache, which survives the process. A process that finds the notes of one that did not end cleanly
 * suspects the last few messages and handles them one at a time, noting each as alone. Should it end while a suspect is
 * alone, that message was in hand at both crashes: the next process puts it aside unread. All other messages flow on;
 * those that were merely in flight when the process was killed are suspects once and then handled.
 *
 * Synchronous, because a note must be written before its message is begun. When a file cannot be written, that is
 * logged once and nothing more is noted.
 */
export class InHand {
  readonly #file: string;
  readonly #log: ActorLog;
  readonly #slot = Buffer.alloc(SLOT_BYTES, SPACE);
  /** By key: when it may be begun, by `performance.now()`; null while that is not decided. */
  readonly #suspects = new Map<string, number | null>();
  readonly #culprits = new Set<string>();
  #fd: number | null = null;
  /** The notes in the file, oldest first. */
  readonly #notes: { readonly slot: number; readonly key: string; done: boolean }[] = [];
  #last = '';
  #freeAt = 0;
  #alone: { readonly key: string; readonly timer: NodeJS.Timeout } | null = null;

  /** Never throws. */
  constructor(file: string, log: ActorLog) {
    this.#file = file;
    this.#log = log;
    try {
      this.#takeOver();
      this.#fd = openSync(`${file}.slots`, 'w', MODE);
      writeSync(this.#fd, Buffer.alloc(SLOT_BYTES * (REMEMBERED + 1), SPACE));
    } catch (thrown) {
      this.#giveUp(thrown);
    }
  }

  /** How long to wait before this message is begun. */
  delay(key: string): Delay {
    if (this.#culprits.has(key)) return 'aside';
    const set = this.#suspects.get(key);
    if (set === undefined) return 0;
    const now = performance.now();
    const at = set ?? Math.max(now, this.#freeAt);
    if (set === null) {
      this.#suspects.set(key, at);
      this.#freeAt = at + ALONE_MS;
    }
    return Math.max(0, Math.ceil(at - now));
  }

  /** The message is begun now. */
  begin(key: string): void {
    const isSuspect = this.#suspects.has(key);
    // Noted already, when it was parsed.
    if (key === this.#last && !isSuspect) return;
    this.#last = key;
    const slot = this.#freeSlot();
    this.#notes.push({ slot, key, done: false });
    this.#note(slot, key);
    if (!isSuspect) return;
    this.#endAlone();
    this.#note(0, key);
    this.#alone = { key, timer: setTimeout(() => this.#endAlone(), ALONE_MS).unref() };
  }

  /** The message is settled for good, or put aside. */
  done(key: string): void {
    const note = this.#notes.findLast((each) => each.key === key);
    if (note !== undefined) note.done = true;
    if (this.#suspects.size === 0 && this.#culprits.size === 0) return;
    if (this.#alone?.key === key) this.#endAlone();
    if (this.#suspects.delete(key) || this.#culprits.delete(key)) this.#keep();
  }

  /** A clean end: the next process suspects no message. Never throws. */
  close(): void {
    this.#endAlone();
    if (this.#fd === null) return;
    try {
      ftruncateSync(this.#fd);
      closeSync(this.#fd);
    } catch (thrown) {
      this.#giveUp(thrown);
    }
    this.#fd = null;
  }

  #takeOver(): void {
    const { suspects, culprits } = leftIn(readText(`${this.#file}.json`));
    const notes = notesIn(readText(`${this.#file}.slots`));
    for (const key of [...culprits, ...notes.alone]) this.#culprits.add(key);
    for (const key of [...suspects, ...notes.recent].slice(-MOST_SUSPECTS)) {
      if (!this.#culprits.has(key)) this.#suspects.set(key, null);
    }
    for (const key of notes.alone) {
      const what = `the message ${key} was in hand, alone, when this process ended for the second time`;
      this.#log.error({ message: key }, `${what}: it is put aside when it comes`);
    }
    const { length } = notes.recent;
    if (length > 0) {
      const what = `the ${length} messages it had begun last are handled one at a time`;
      this.#log.warn({ suspects: length }, `this process did not end cleanly; ${what}`);
    }
    this.#keep();
  }

  #keep(): void {
    const file = `${this.#file}.json`;
    try {
      if (this.#suspects.size === 0 && this.#culprits.size === 0) rmSync(file, { force: true });
      else {
        const left: z.infer<typeof Left> = { suspects: [...this.#suspects.keys()], culprits: [...this.#culprits] };
        writeFileSync(`${file}.new`, JSON.stringify(left), { mode: MODE });
        renameSync(`${file}.new`, file);
      }
    } catch (thrown) {
      this.#giveUp(thrown);
    }
  }

  /** While there is room none is overwritten, then the oldest settled message, and the oldest when none is settled. */
  #freeSlot(): number {
    if (this.#notes.length < REMEMBERED) return 1 + this.#notes.length;
    const [oldest] = this.#notes.splice(
      Math.max(
        0,
        this.#notes.findIndex(({ done }) => done),
      ),
      1,
    );
    return oldest?.slot ?? 1;
  }

  #endAlone(): void {
    if (this.#alone === null) return;
    clearTimeout(this.#alone.timer);
    this.#alone = null;
    this.#note(0, '');
  }

  #note(slot: number, key: string): void {
    if (this.#fd === null) return;
    this.#slot.fill(SPACE);
    if (key !== '') this.#slot.write(`${Math.floor(performance.now())} ${key}`, 0, SLOT_BYTES, 'latin1');
    try {
      writeSync(this.#fd, this.#slot, 0, SLOT_BYTES, slot * SLOT_BYTES);
    } catch (thrown) {
      this.#giveUp(thrown);
    }
  }

  #giveUp(thrown: unknown): void {
    const fd = this.#fd;
    this.#fd = null;
    const { message } = asError(thrown);
    const what = `messages in hand cannot be noted in ${this.#file}: ${message}`;
    this.#log.warn({ file: this.#file, err: message }, `${what}; one that ends the process has ten deliveries`);
    try {
      if (fd !== null) closeSync(fd);
    } catch {
      // Nothing more is written to it anyway.
    }
  }
}

function readText(file: string): string {
  let fd: number | null = null;
  try {
    fd = openSync(file, 'r');
    const bytes = Buffer.alloc(MOST_BYTES);
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, MOST_BYTES, 0));
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return '';
    throw thrown;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** A text that cannot be read counts as empty. */
function leftIn(text: string): z.infer<typeof Left> {
  try {
    const { suspects, culprits } = text === '' ? NOTHING : Left.parse(JSON.parse(text));
    return { suspects: suspects.slice(0, MOST_SUSPECTS), culprits: culprits.slice(0, MOST_SUSPECTS) };
  } catch {
    return NOTHING;
  }
}

function notesIn(text: string): { readonly alone: readonly string[]; readonly recent: readonly string[] } {
  const notes: { readonly at: number; readonly key: string }[] = [];
  for (let from = 0; from < text.length; from += SLOT_BYTES) {
    const note = text.slice(from, from + SLOT_BYTES).trimEnd();
    const [, at = '0', key = ''] = /^(\d{1,15}) (\S.{0,150})$/u.exec(note) ?? [];
    notes.push({ at: Number(at), key });
  }
  const [first, ...begun] = notes;
  const last = begun.reduce((latest, { at }) => Math.max(latest, at), 0);
  const recent = begun
    .filter(({ at, key }) => key !== '' && last - at <= RECENT_MS)
    .toSorted((a, b) => a.at - b.at)
    .map(({ key }) => key);
  return { alone: first === undefined || first.key === '' ? [] : [first.key], recent: [...new Set(recent)] };
}
