/** Limits long-lived connections, in all and by address: WebSockets and followers of server-sent events. */
export class ConnectionLimit {
  readonly #byIp = new Map<string, number>();
  readonly #max: number;
  readonly #maxPerIp: number;
  readonly #noun: string;
  #open = 0;
  #refused = 0;

  /** @param noun the connections' name in refusals, plural */
  constructor(max: number, maxPerIp: number, noun = 'WebSockets') {
    this.#noun = noun;
    this.#max = max;
    this.#maxPerIp = maxPerIp;
  }

  /** Connections refused since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** Why one more from `ip` is refused; null when it is accepted. Counts refusals. */
  refusal(ip: string): string | null {
    const reason =
      this.#open >= this.#max
        ? `at most ${this.#max} ${this.#noun} may be open, close some`
        : (this.#byIp.get(ip) ?? 0) >= this.#maxPerIp
          ? `at most ${this.#maxPerIp} ${this.#noun} may be open from one address, close some`
          : null;
    if (reason !== null) this.#refused += 1;
    return reason;
  }

  /** Counts one more until the returned function is called; further calls of it are ignored. */
  take(ip: string): () => void {
    this.#open += 1;
    this.#byIp.set(ip, (this.#byIp.get(ip) ?? 0) + 1);
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#open -= 1;
      const left = (this.#byIp.get(ip) ?? 1) - 1;
      if (left === 0) this.#byIp.delete(ip);
      else this.#byIp.set(ip, left);
    };
  }
}
