/** Reasons to refuse a connection or request before it is handled. */
const REFUSALS = {
  connections: 'too many connections of one address or in all, each with a request',
  idle: 'an idle connection that was closed for a new one',
  malformed: 'input that is not an HTTP request',
  slow: 'headers or a body that arrived too slowly',
  upgrade: 'a WebSocket at an address that does not accept any',
  uploads: 'a picture for which there was no place',
  followers: 'too many followers of the supervision events',
  images: 'too many requests that wait for a picture',
  clips: 'too many downloads of clips',
  evidence: 'too many downloads of evidence',
} as const;
export type Refusal = keyof typeof REFUSALS;

/** Counts of refusals since the start. */
export class Refusals {
  readonly #counts = new Map<Refusal, number>();
  readonly #mirrored = new Map<Refusal, () => number>();

  count(why: Refusal): void {
    this.#counts.set(why, (this.#counts.get(why) ?? 0) + 1);
  }

  /** Adds a total that is counted elsewhere. */
  mirror(why: Refusal, total: () => number): void {
    this.#mirrored.set(why, total);
  }

  figures(): Readonly<Record<Refusal, number>> {
    const of = (why: Refusal): number => (this.#counts.get(why) ?? 0) + (this.#mirrored.get(why)?.() ?? 0);
    return {
      connections: of('connections'),
      idle: of('idle'),
      malformed: of('malformed'),
      slow: of('slow'),
      upgrade: of('upgrade'),
      uploads: of('uploads'),
      followers: of('followers'),
      images: of('images'),
      clips: of('clips'),
      evidence: of('evidence'),
    };
  }
}
