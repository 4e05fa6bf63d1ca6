import { CAMERA_REGISTRY } from '../actors/camera-registry.ts';
import { CAMERAS_PATH } from '../actors/tree.ts';
import type { ActorSystem } from '../runtime/system.ts';

/** Turns failures of a camera's actor into the camera's status. */
export function followFaults(system: ActorSystem): void {
  const registry = system.ref(CAMERA_REGISTRY);
  system.subscribe((event) => {
    const prefix = `${CAMERAS_PATH}/`;
    if (!event.path.startsWith(prefix)) return;
    const cameraId = event.path.slice(prefix.length);
    const fault = (message: string | null): void => void registry.tell({ type: 'fault', cameraId, message });
    if (event.type === 'failed') fault(`its actor failed and is restarted: ${event.failure.message}`);
    if (event.type === 'quarantined') fault('its thread is stuck in native code and was left alone');
    if (event.type === 'started') fault(null);
  });
}
