import type { Aggregate } from '../../messages/aggregate.ts';
import type { Principal } from '../../messages/principal.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { HttpError } from '../errors/http-error.ts';
import type { HttpPorts } from '../ports.ts';

export interface FindAlertDeps {
  readonly cameras: Pick<HttpPorts['cameras'], 'alert'>;
  readonly scope: Pick<CameraScope, 'sees'>;
}

/** The alert of an id, or of an incident's. Throws `UNKNOWN_ALERT`, also where the principal may not see its camera. */
export async function findAlert(
  { cameras, scope }: FindAlertDeps,
  id: string,
  principal: Principal,
): Promise<Aggregate> {
  const alert = await cameras.alert(id);
  if (alert === null || !scope.sees(principal, alert.cameraId))
    throw new HttpError('UNKNOWN_ALERT', `id: there is no alert ${id}, or it is no longer kept`, {
      field: 'id',
      value: id,
    });
  return alert;
}
