/** Bounds the tries to sign in. */
export interface LoginLimit {
  /**
   * Counts a try for this user from this address. Resolves to 0 when it is allowed, else to the ms until the next one
   * is. Never rejects.
   */
  take(user: string, address: string): Promise<number>;
  /** Forgets the tries after one that succeeded. Never rejects. */
  forget(user: string, address: string): Promise<void>;
  /** A sentence for operators; null while all replicas count together. */
  notice(): string | null;
}
