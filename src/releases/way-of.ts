import { createHash } from 'node:crypto';
import type { Release, ReleaseWay } from '../messages/release.ts';

type Shared = Pick<Release, 'releaseId' | 'by' | 'percent' | 'cameras'>;

/** Fraction of the golden ratio: its multiples fall evenly into 0..1 (Weyl's sequence). */
const GOLDEN = 0.618_033_988_749_894_9;
const NUMBERED = /^\D*(\d+)/u;

/**
 * The way that judges a group of a camera while a release has a share; in the shadow, `candidate` where it is shadowed.
 * The same on every node and at every call; a larger share only adds to a smaller one. Numbered groups are spread
 * evenly, so that a share is exact to a few groups where a hash would be off by a percent or more.
 */
export function wayOf(release: Shared, cameraId: string, groupId: string): ReleaseWay {
  if (release.by === 'camera') return wayOfCamera(release, cameraId);
  const number = NUMBERED.exec(groupId)?.[1];
  const place =
    number === undefined
      ? hashed(`${release.releaseId} ${cameraId} ${groupId}`)
      : (hashed(`${release.releaseId} ${cameraId}`) + Number(number) * GOLDEN) % 1;
  return place * 100 < release.percent ? 'candidate' : 'present';
}

/** The way of a whole camera, by a release whose units are cameras. */
export function wayOfCamera({ releaseId, percent, cameras }: Shared, cameraId: string): ReleaseWay {
  if (cameras.in.includes(cameraId)) return 'candidate';
  if (cameras.out.includes(cameraId)) return 'present';
  return hashed(`${releaseId} ${cameraId}`) * 100 < percent ? 'candidate' : 'present';
}

/** The `percent` of these cameras that a release takes, to the nearest camera: by their hashes, the least first. */
export function chosenCameras(releaseId: string, percent: number, cameraIds: readonly string[]): Release['cameras'] {
  const ranked = [...new Set(cameraIds)]
    .map((cameraId) => ({ cameraId, place: hashed(`${releaseId} ${cameraId}`) }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ cameraId }) => cameraId);
  const taken = Math.round((ranked.length * percent) / 100);
  return { in: ranked.slice(0, taken), out: ranked.slice(taken) };
}

/** Evenly in 0..1, from the first 48 bits of a SHA-256. */
const hashed = (text: string): number => createHash('sha256').update(text).digest().readUIntBE(0, 6) / 2 ** 48;
