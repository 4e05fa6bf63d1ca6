/** For how long answers are worth something, in ms: the key file's `scheduler` section. */
export interface FreshnessSettings {
  /** How old a frame may be when a verdict about it reaches a screen. */
  readonly freshnessMs: number;
  /** How long the model's verdict about a group is carried to its later frames. */
  readonly verdictMs: number;
  /** A group in which nothing changes is asked about again after this long. */
  readonly recheckMs: number;
  /** Every camera with groups is asked about at least this often. */
  readonly cameraTurnMs: number;
}

export const DEFAULT_FRESHNESS: FreshnessSettings = {
  freshnessMs: 2_000,
  verdictMs: 10_000,
  recheckMs: 60_000,
  cameraTurnMs: 60_000,
};
