/** Deliveries after which a message is no longer tried: it becomes a dead letter. */
export const MOST_DELIVERIES = 10;

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** Milliseconds before a message that failed on its `attempt`-th delivery (1, 2, ...) comes again: 0.5 s, doubling, at most 30 s. */
export const redeliveryDelay = (attempt: number): number =>
  Math.min(MOST_MS, FIRST_MS * 2 ** Math.max(0, Math.min(attempt, 30) - 1));
