import assert from 'node:assert/strict';
import type { LiveFeedOptions } from '../../src/http/live-feed.ts';
import type { FeedSocket } from '../../src/http/feed/viewer.ts';

/** The scope of a test that is not about scopes. */
export const EVERYTHING: LiveFeedOptions['scope'] = { sees: () => true, onChange: () => () => undefined };

interface Sent {
  readonly type: string;
  readonly offset?: string;
  readonly data: Record<string, unknown>;
}

/** A viewer's socket in memory. Stuck, it takes messages and lets them leave one by one when told to. */
export class FakeSocket implements FeedSocket {
  bufferedAmount = 0;
  readonly sent: Sent[] = [];
  /** Messages that were framed for all. */
  readonly frames: Uint8Array[] = [];
  readonly #waiting: (() => void)[] = [];
  closed: { code: number; reason: string } | null = null;
  pings = 0;
  terminated = false;
  stuck = false;

  send(text: Uint8Array, done: () => void): void {
    this.sent.push(JSON.parse(Buffer.from(text).toString()));
    if (!this.stuck) {
      queueMicrotask(done);
      return;
    }
    this.bufferedAmount += text.byteLength;
    this.#waiting.push(() => {
      this.bufferedAmount -= text.byteLength;
      done();
    });
  }
  /** As a client reads it: the text after two, four or ten bytes of length. */
  sendFrame(frame: Uint8Array, done: () => void): void {
    assert.equal(frame[0], 0x81);
    this.frames.push(frame);
    this.send(frame.subarray(frame[1] === 127 ? 10 : frame[1] === 126 ? 4 : 2), done);
  }
  /** Lets the oldest message leave. */
  leave(): void {
    this.#waiting.shift()?.();
  }
  ping(): void {
    this.pings += 1;
  }
  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }
  terminate(): void {
    this.terminated = true;
  }
  of(type: string): Record<string, unknown>[] {
    return this.sent.filter((message) => message.type === type).map((message) => message.data);
  }
}
