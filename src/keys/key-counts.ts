import type { CallOutcomeKind } from './outcome.ts';

/** What became of one key's leases. */
export class KeyCounts {
  success = 0;
  failed = 0;
  rateLimited = 0;
  abandoned = 0;
  expired = 0;
  /** Calls refused for one parameter. */
  steppedDown = 0;
  lastErrorCode: string | null = null;

  add(outcome: CallOutcomeKind): void {
    if (outcome === 'abandoned') this.abandoned++;
    else if (outcome === 'ok') this.success++;
    // The provider works and so does the key: no failure of either.
    else if (outcome === 'stepped-down') this.steppedDown++;
    else {
      this.failed++;
      if (outcome === 'rate-limited') this.rateLimited++;
      this.lastErrorCode = outcome;
    }
  }

  get stats() {
    const total = this.success + this.failed;
    return {
      total_calls: total,
      success_calls: this.success,
      failed_calls: this.failed,
      success_rate: total === 0 ? 1 : this.success / total,
      rate_limited_calls: this.rateLimited,
      abandoned_leases: this.abandoned,
      expired_leases: this.expired,
      last_error_code: this.lastErrorCode,
    };
  }
}
