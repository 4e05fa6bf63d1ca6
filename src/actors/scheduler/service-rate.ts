/** Time counted. */
const WINDOW_MS = 30_000;
/** With less than this, or fewer answers, the rate is not known: a provider that hangs is not slow but down. */
const LEAST_MS = 5_000;
const LEAST_SERVED = 5;
const SLICE_MS = 1_000;
/** A slot that is free for less is between two tasks. */
const REST_MS = 1_000;

interface Slice {
  served: number;
  busyMs: number;
}

/**
 * How many tasks a second can be served, measured only while every slot is taken: an idle scheduler's rate says how few
 * tasks came, not how many it could take. After a rest it counts from the first answer on, as slots were being filled
 * until then. Pure: every call takes the time (ms).
 */
export class ServiceRate {
  readonly #slices: Slice[] = [{ served: 0, busyMs: 0 }];
  #sliceFrom: number;
  #at: number;
  #busy = false;
  #idleSince: number;
  /** The first answer after a rest came. */
  #counting = false;

  constructor(now: number) {
    this.#at = now;
    this.#sliceFrom = now;
    this.#idleSince = now - REST_MS;
  }

  /** Every slot is taken, but for moments. */
  busy(now: number): boolean {
    return this.#busy || now - this.#idleSince < REST_MS;
  }

  /** From now on every slot is taken, or one is free. */
  setBusy(busy: boolean, now: number): void {
    this.#count(now);
    if (busy === this.#busy) return;
    if (!busy) this.#idleSince = now;
    else if (now - this.#idleSince >= REST_MS) this.#counting = false;
    this.#busy = busy;
  }

  /** A task was answered after a call. */
  served(now: number): void {
    this.#count(now);
    if (!this.busy(now)) return;
    if (this.#counting) this.#newest.served++;
    this.#counting = true;
  }

  /** Tasks per second over about the last 30 s of busy time; null while there is room, or too little is known. */
  perSecond(now: number): number | null {
    this.#count(now);
    const busyMs = this.#slices.reduce((sum, slice) => sum + slice.busyMs, 0);
    const served = this.#slices.reduce((sum, slice) => sum + slice.served, 0);
    return !this.busy(now) || busyMs < LEAST_MS || served < LEAST_SERVED ? null : (1_000 * served) / busyMs;
  }

  get #newest(): Slice {
    const newest = this.#slices.at(-1);
    if (newest === undefined) throw new Error('there is always a slice');
    return newest;
  }

  #count(now: number): void {
    if (this.#counting && this.busy(now)) this.#newest.busyMs += Math.max(0, now - this.#at);
    this.#at = Math.max(now, this.#at);
    if (now - this.#sliceFrom < SLICE_MS) return;
    this.#sliceFrom = now;
    // Idle slices say nothing and are not kept.
    if (this.#newest.busyMs > 0 || this.#newest.served > 0) this.#slices.push({ served: 0, busyMs: 0 });
    while (this.#slices.length > 1 && this.#slices.slice(1).reduce((sum, slice) => sum + slice.busyMs, 0) >= WINDOW_MS)
      this.#slices.shift();
  }
}
