import { spawnSync } from 'node:child_process';
import { findFfmpeg } from '../../src/provision/binaries.ts';

/** What ffmpeg says about a video when it decodes all of it: nothing but its frames when it is whole. */
export async function decoded(video: Uint8Array): Promise<string> {
  const { path } = await findFfmpeg();
  const args = ['-hide_banner', '-xerror', '-i', 'pipe:0', '-an', '-f', 'null', '-'];
  return spawnSync(path, args, { input: video, encoding: 'utf8' }).stderr;
}

/** Frames that ffmpeg decoded, by its report. */
export const framesOf = (said: string): number => Number([...said.matchAll(/frame=\s*(\d+)/gu)].at(-1)?.[1] ?? 0);
