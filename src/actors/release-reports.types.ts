import type { CameraId } from '../messages/ids.ts';
import type { ReleaseOutcome } from '../messages/release.ts';
import { address } from '../runtime/ref.ts';

/** From the cameras' threads to the releases. */
export type ReleaseReport =
  | { readonly type: 'outcome'; readonly outcome: ReleaseOutcome }
  /** The camera could not load the detector of a release. */
  | {
      readonly type: 'detector-failed';
      readonly cameraId: CameraId;
      /** Name and file of the model. */
      readonly model: string;
      readonly path: string;
      readonly message: string;
      /** The model itself is at fault: no camera can have it. */
      readonly permanent: boolean;
    };

export const RELEASE_REPORTS = address<ReleaseReport>('/release-reports');
