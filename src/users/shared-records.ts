/** Records that all nodes share, by key. What is known here can be read while the store is away. */
export interface SharedRecords<T> {
  /** As known on this node. */
  readonly entries: ReadonlyMap<string, T>;
  /** Asks the store: another node may have written the record a moment ago. Rejects `BUS_DOWN`. */
  fetch(key: string): Promise<T | null>;
  /**
   * Applies `change` to the newest record, and again when another node wrote in between. `change` gets null where there
   * is none; it returns null to remove the record, and its argument to leave it. Resolves to the record as it is then.
   * Rejects `BUS_DOWN`, and with the error of `change`.
   */
  change(key: string, change: (known: T | null) => T | null): Promise<T | null>;
  /** Calls `listener` after every change by any node, until the returned function is called. */
  onChange(listener: () => void): () => void;
}
