import { findFfmpeg } from '../../src/provision/binaries.ts';
import { ensureDemoFootage } from '../../src/provision/footage.ts';
import { startRtspServer } from '../../src/embedded/rtsp-server.ts';
import type { RtspServer } from '../../src/embedded/rtsp-server.types.ts';
import { memoryLog } from './log.ts';

/** The demo clip, converted and cached by the project's own command. */
export async function demoFootage(): Promise<{ readonly file: string; readonly ffmpeg: string }> {
  const ffmpeg = (await findFfmpeg()).path;
  return { file: await ensureDemoFootage({ ffmpeg }), ffmpeg };
}

/** Real RTSP cameras, all showing the demo clip. */
export async function demoCameras(names: readonly string[]): Promise<RtspServer> {
  const { file, ffmpeg } = await demoFootage();
  return startRtspServer({ ffmpeg, streams: names.map((name) => ({ name, file })), log: memoryLog() });
}
