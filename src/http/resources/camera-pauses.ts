import type { Principal } from '../../messages/principal.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { unknownCamera } from '../access/route-rights.ts';
import { HttpError } from '../errors/http-error.ts';
import type { HttpPorts } from '../ports.ts';

const DAY_MS = 24 * 3_600_000;

/** A shelf of alerts or a silence: about one camera, or about all of them. */
interface AboutCamera {
  /** Null: every camera. */
  readonly cameraId: string | null;
}

/** Pauses about cameras that the principal sees, and about every camera. Pure. */
export const visiblePauses = <P extends AboutCamera>(
  pauses: readonly P[],
  principal: Pick<Principal, 'groups'>,
  scope: Pick<CameraScope, 'sees'>,
): P[] => pauses.filter(({ cameraId }) => cameraId === null || scope.sees(principal, cameraId));

/** Throws `INVALID_FIELD` unless a pause that begins now (epoch ms) may end at `until`. */
export function checkEnd(until: number, now: number, mostDays: number): void {
  const problem =
    until <= now
      ? 'must be in the future'
      : until > now + mostDays * DAY_MS
        ? `must be at most ${mostDays} days ahead`
        : null;
  if (problem !== null)
    throw new HttpError('INVALID_FIELD', `until: ${problem}`, {
      field: 'until',
      value: new Date(until).toISOString(),
    });
}

/** Throws `FORBIDDEN` for a pause of every camera by a principal that does not see all. `noun`: e.g. `a shelf`. */
export function checkReach({ cameraId }: AboutCamera, { groups }: Pick<Principal, 'groups'>, noun: string): void {
  if (cameraId !== null || groups === null) return;
  throw new HttpError('FORBIDDEN', `cameraId: ${noun} of every camera takes the role operator for all cameras`, {
    field: 'cameraId',
  });
}

/** {@link checkReach}; throws `UNKNOWN_CAMERA` where the camera is not there, or not in scope. */
export async function checkCamera(
  about: AboutCamera,
  principal: Pick<Principal, 'groups'>,
  { cameras, scope }: Pick<HttpPorts, 'cameras'> & { readonly scope: Pick<CameraScope, 'sees'> },
  noun: string,
): Promise<void> {
  checkReach(about, principal, noun);
  const { cameraId } = about;
  if (cameraId === null || (scope.sees(principal, cameraId) && (await cameras.get(cameraId)) !== null)) return;
  throw unknownCamera(cameraId, 'cameraId');
}
