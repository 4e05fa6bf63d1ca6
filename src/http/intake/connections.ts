export interface Droppable {
  destroy(): void;
}

export interface ConnectionLimits {
  /** Open connections in all, and from one address. */
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

interface Known {
  readonly address: Address;
  /** Requests being answered. */
  requests: number;
}

interface Address {
  readonly name: string;
  /** Not limited: a proxy named by the operator stands for many clients. */
  readonly trusted: boolean;
  open: number;
  /** Connections without a request, the longest idle first. */
  readonly idle: Set<Droppable>;
}

/**
 * Keeps one address from taking all connections. At a bound, the longest idle connection is closed for a new one: of
 * the same address, or, at the bound of all, of the address with most connections. When all are busy, the new one is
 * refused. Pure.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #addresses = new Map<string, Address>();
  readonly #known = new Map<Droppable, Known>();
  #dropped = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#known.size;
  }

  /** Idle connections closed for new ones since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** False when the connection is refused. */
  add(connection: Droppable, name: string, trusted: boolean): boolean {
    const address = this.#addresses.get(name) ?? { name, trusted, open: 0, idle: new Set() };
    if (!trusted && address.open >= this.#limits.maxConnectionsPerAddress && !this.#dropIdle(address)) return false;
    if (this.#known.size >= this.#limits.maxConnections && !this.#dropIdle(this.#largest())) return false;
    this.#addresses.set(name, address);
    address.open += 1;
    address.idle.add(connection);
    this.#known.set(connection, { address, requests: 0 });
    return true;
  }

  remove(connection: Droppable): void {
    const known = this.#known.get(connection);
    if (known === undefined) return;
    this.#known.delete(connection);
    known.address.idle.delete(connection);
    known.address.open -= 1;
    if (known.address.open === 0) this.#addresses.delete(known.address.name);
  }

  /** A request arrived, with all its headers. */
  begin(connection: Droppable): void {
    const known = this.#known.get(connection);
    if (known === undefined) return;
    known.requests += 1;
    known.address.idle.delete(connection);
  }

  /** A request was answered. */
  end(connection: Droppable): void {
    const known = this.#known.get(connection);
    if (known === undefined) return;
    known.requests -= 1;
    if (known.requests === 0) known.address.idle.add(connection);
  }

  #dropIdle(address: Address | null): boolean {
    const oldest = address?.idle.values().next().value;
    if (oldest === undefined) return false;
    // At once, not when its socket emits 'close': the next connection may come before that.
    this.remove(oldest);
    this.#dropped += 1;
    oldest.destroy();
    return true;
  }

  /** The address with most connections among those with an idle one; null when there is none. */
  #largest(): Address | null {
    let largest: Address | null = null;
    for (const address of this.#addresses.values()) {
      if (address.idle.size > 0 && (largest === null || address.open > largest.open)) largest = address;
    }
    return largest;
  }
}
