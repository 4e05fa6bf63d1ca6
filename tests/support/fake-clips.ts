import type { ClipStore } from '../../src/infra/bus.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import type { ClipRecord, StoredClip } from '../../src/messages/wanted.ts';

const PART_BYTES = 1_000;

/** Clips in memory, in parts of 1,000 bytes, which a test may remove. */
export class FakeClips implements ClipStore {
  readonly records = new Map<string, ClipRecord>();
  readonly parts = new Map<string, Uint8Array>();
  down = false;

  async find(id: string): Promise<ClipRecord | null> {
    this.#check();
    return this.records.get(id) ?? null;
  }

  async put(id: string, mp4: Uint8Array, span: Pick<StoredClip, 'from' | 'to'>): Promise<void> {
    this.#check();
    for (let part = 0; part * PART_BYTES < mp4.byteLength; part += 1)
      this.parts.set(`${id} ${part}`, mp4.slice(part * PART_BYTES, (part + 1) * PART_BYTES));
    this.records.set(id, { outcome: 'stored', bytes: mp4.byteLength, partBytes: PART_BYTES, ...span });
  }

  async putNone(id: string, reason: string): Promise<void> {
    this.#check();
    this.records.set(id, { outcome: 'none', reason });
  }

  async *read(id: string, { partBytes }: StoredClip, first: number, last: number): AsyncGenerator<Uint8Array, void> {
    for (let part = Math.floor(first / partBytes); part * partBytes <= last; part += 1) {
      const body = this.parts.get(`${id} ${part}`);
      if (body === undefined) throw new InfraError('CLIP_GONE', 'removed');
      const begin = part * partBytes;
      yield body.subarray(Math.max(0, first - begin), last + 1 - begin);
    }
  }

  async bytes(): Promise<number> {
    return [...this.parts.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  #check(): void {
    if (this.down) throw new InfraError('BUS_DOWN', 'away');
  }
}
