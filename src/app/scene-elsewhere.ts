import { CAMERA_REGISTRY } from '../actors/camera-registry.ts';
import type { CameraPort } from '../http/ports.ts';
import type { Requests } from '../infra/bus.ts';
import { InfraError } from '../infra/infra-error.ts';
import { subjects } from '../messages/subjects.ts';
import { SceneAnswer, SceneWanted } from '../messages/wanted.ts';
import type { ActorSystem } from '../runtime/system.ts';

const QUICK = { timeoutMs: 2_000 };
const WAIT_MS = 1_500;

/** Answers other processes that ask for the scenes of this process's cameras. Returns a function that ends it. */
export const answerScenes = (requests: Pick<Requests, 'answer'>, system: Pick<ActorSystem, 'ref'>): (() => void) =>
  requests.answer(subjects.scenesWanted, SceneWanted, async ({ cameraId }): Promise<SceneAnswer | null> => {
    const entry = await system.ref(CAMERA_REGISTRY).ask({ type: 'get', cameraId }, QUICK);
    return entry === null ? null : { scene: entry.config.scene ?? null, changed: entry.sceneChange };
  });

/** The scenes of other processes' cameras; those that do not have the camera keep silent. */
export const sceneElsewhere =
  (requests: Pick<Requests, 'ask'>): CameraPort['scene'] =>
  async (cameraId) => {
    const answer = await requests.ask(subjects.sceneWanted(cameraId), { cameraId }, SceneAnswer, WAIT_MS);
    if (answer.outcome === 'nobody') throw new InfraError('BUS_DOWN', 'no process with the role cameras answers');
    return answer.outcome === 'silent' ? null : answer.body;
  };
