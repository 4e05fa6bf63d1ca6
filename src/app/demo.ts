import type { RtspServer } from '../embedded/rtsp-server.types.ts';
import { startRtspServer } from '../embedded/rtsp-server.ts';
import type { Log } from '../infra/log.ts';
import type { CameraConfig } from '../messages/camera.ts';
import { ensureDemoFootage } from '../provision/footage.ts';
import { asError } from '../runtime/errors.ts';
import type { GantryConfig } from './config.ts';
import { DEMO_SCENE } from './demo-scene.ts';

export interface Demo {
  readonly cameras: readonly CameraConfig[];
  /** Why there is no demo camera; null when there is one, or none was wanted. */
  readonly notice: string | null;
  readonly server: RtspServer | null;
}

const camera = (url: string): CameraConfig => ({
  cameraId: 'demo',
  name: 'Demo street',
  url,
  enabled: true,
  intervalSeconds: 1.8,
});

/** The standard clip is of a place that is known. */
const standardCamera = (url: string): CameraConfig => ({ ...camera(url), scene: DEMO_SCENE });

/** Starts the demo camera: the operator's RTSP URL, or real footage that an RTSP server of ours loops. */
export async function startDemo(config: GantryConfig, ffmpeg: string, log: Log): Promise<Demo> {
  if (!config.demo) return { cameras: [], notice: null, server: null };
  const { source } = config;
  if (source !== null && /^rtsps?:\/\//i.test(source)) return { cameras: [camera(source)], notice: null, server: null };
  try {
    const file = await ensureDemoFootage({
      ...(source === null ? {} : { source }),
      ffmpeg,
      onProgress: (line) => log.info({ step: 'demo footage' }, line),
    });
    const server = await startRtspServer({ ffmpeg, streams: [{ name: 'demo', file }], log });
    const url = server.url('demo');
    return { cameras: [source === null ? standardCamera(url) : camera(url)], notice: null, server };
  } catch (thrown) {
    // An unusable file is the operator's mistake and fails the start; a failed download of the standard clip does not.
    if (source !== null) throw thrown;
    const notice = `there is no demo camera: ${asError(thrown).message}`;
    log.warn({ err: asError(thrown) }, notice);
    return { cameras: [], notice, server: null };
  }
}
