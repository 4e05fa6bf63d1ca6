import { randomUUID } from 'node:crypto';

/** Names of one node's permits. They differ from those of an earlier process with the same node id. */
export class PermitIds {
  readonly prefix: string;
  #count = 0;

  constructor(nodeId: string) {
    this.prefix = `${nodeId}:${randomUUID().slice(0, 8)}:`;
  }

  next(): string {
    return this.at(this.#count++);
  }

  /** Reserves so many ids in a row for permits to be asked for; returns the number of the first. */
  reserve(count: number): number {
    const first = this.#count;
    this.#count += count;
    return first;
  }

  at(number: number): string {
    return `${this.prefix}${number}`;
  }

  isOwn(id: string): boolean {
    return id.startsWith(this.prefix);
  }
}
