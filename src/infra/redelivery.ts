/** Deliveries after which a message is no longer tried: it becomes a dead letter. */
export const MOST_DELIVERIES = 10;

const FIRST_MS = 500;
const MOST_MS = 30_000;

/**
 * Milliseconds until a message that failed on its `attempt`-th delivery (1, 2, ...) is delivered again: 500, doubling,
 * at most 30,000.
 */
export const redeliveryDelay = (attempt: number): number =>
  Math.min(MOST_MS, FIRST_MS * 2 ** Math.max(0, Math.min(attempt, 30) - 1));
