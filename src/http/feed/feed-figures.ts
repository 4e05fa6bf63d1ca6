/** Totals since the start; `viewers`, `lagging` and `bytesWaiting` are current. */
export interface LiveFeedFigures {
  readonly viewers: number;
  /** Aggregates that were given to the viewers. */
  readonly published: number;
  readonly droppedFrames: number;
  readonly closedSlow: number;
  /** Aggregates that arrived again. */
  readonly duplicates: number;
  /** `gap` messages sent. */
  readonly gaps: number;
  /** Alerts sent again to returning viewers. */
  readonly replayed: number;
  /** Viewers with queued messages. */
  readonly lagging: number;
  /** Bytes queued and unsent, all viewers together. */
  readonly bytesWaiting: number;
}

/** An aggregate's position in the stream. */
export interface FeedSequence {
  readonly seq: number;
  /** Every message up to this sequence was published or does not exist. */
  readonly through: number;
}
