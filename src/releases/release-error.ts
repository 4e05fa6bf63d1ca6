/**
 * - `unknown`: there is none of that id.
 * - `exists`: there is one of that id.
 * - `running`: another one runs.
 * - `ended`: it does not run any more.
 * - `in-use`: it runs or is promoted.
 * - `full`: none that was rolled back can make room.
 */
export type ReleaseRefusal = 'unknown' | 'exists' | 'running' | 'ended' | 'in-use' | 'full';

/** A change of a release that is refused. */
export class ReleaseError extends Error {
  override readonly name = 'ReleaseError';
  readonly refusal: ReleaseRefusal;
  readonly releaseId: string;

  constructor(refusal: ReleaseRefusal, releaseId: string, message: string) {
    super(message);
    this.refusal = refusal;
    this.releaseId = releaseId;
  }
}
