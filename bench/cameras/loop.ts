/** When each camera of the benchmark shows which picture of the film. Pure; times in ms since the server's start. */

export const FPS = 25;
export const FRAME_MS = 1_000 / FPS;
/** Pictures from one keyframe to the next. */
export const GOP = 25;
/** Pictures of the film; whole GOPs, so that it can be looped. */
export const FILM_FRAMES = 1_500;
/** A prime, so that the keyframes of cameras are spread over the second. */
const STEP = 137;
/** Cameras begin in the first half of the film: the packets of a picture are rewritten once a loop, see `film.ts`. */
const STARTS = FILM_FRAMES / 2;
/** Spread of the cameras inside the time of one picture. */
const SPREAD = 8;

/** Number, from 0 and over all loops, of the picture that a camera shows at the start. */
export const startOf = (camera: number): number => (camera * STEP) % STARTS;

/** When a camera sends its picture of that number. */
export const dueMs = (camera: number, frame: number): number =>
  (frame - startOf(camera)) * FRAME_MS + ((camera % SPREAD) * FRAME_MS) / SPREAD;

/** The newest picture that a camera has sent; before its start, one before its first. */
export const frameAt = (camera: number, ms: number): number =>
  startOf(camera) + Math.floor((ms - dueMs(camera, startOf(camera))) / FRAME_MS);

/** Which keyframe of the film a camera sent last, from 0. `ms` is at or after its sending. */
export function keyframeAt(camera: number, ms: number): number {
  const frame = frameAt(camera, ms) % FILM_FRAMES;
  return Math.floor(((frame + FILM_FRAMES) % FILM_FRAMES) / GOP);
}

/** Name of a camera, and of its path on the server. Cameras count from 0. */
export const cameraName = (camera: number): string => `bench-${String(camera + 1).padStart(4, '0')}`;

/** The camera of a name; null for names that are none of the benchmark's. */
export function cameraOf(name: string): number | null {
  const digits = /^bench-(\d{4})$/u.exec(name)?.[1];
  return digits === undefined ? null : Number(digits) - 1;
}
