import type { SceneSettings } from '../../src/actors/camera/camera.types.ts';
import type { PictureWatch, WatchPicturesOptions } from '../../src/watch/watch-pictures.ts';
import type { CountedBin } from '../../src/messages/counted-bin.ts';
import type { WatchedFrame, WatchedIncident, WatchOutcome } from '../../src/watch/watch.types.ts';

/** Tracks by position: the first detection of every frame has track 1. What it finds is the test's. */
export class FakeWatch {
  readonly made: WatchPicturesOptions[] = [];
  readonly frames: WatchedFrame[] = [];
  readonly scenes: SceneSettings[] = [];
  /** What is left to count at the end. */
  rest: CountedBin[] = [];
  find: (frame: WatchedFrame) => Partial<WatchOutcome> = () => ({});

  readonly make = (options: WatchPicturesOptions): PictureWatch => {
    this.made.push(options);
    return {
      observe: (frame) => {
        this.frames.push(frame);
        const assignments = frame.detections.map((_, index) => ({ trackId: index + 1, velocity: null }));
        const nothing = { incidents: [], changed: false, tracks: [], burst: null, counts: [] };
        return { assignments, ...nothing, ...this.find(frame) };
      },
      finish: () => this.rest.splice(0),
      setScene: (settings) => void this.scenes.push(settings),
    };
  };
}

export const watchedIncident = (over: Partial<WatchedIncident> = {}): WatchedIncident => ({
  incidentId: 'cam-run-1',
  kind: 'hard-braking',
  state: 'open',
  onset: '2026-05-04T00:00:00.000Z',
  foundAt: '2026-05-04T00:00:01.000Z',
  trackIds: [1],
  bbox: [0, 0, 1, 1],
  zone: null,
  calibrated: false,
  evidence: {
    ttc: null,
    pet: null,
    speedKmh: 42,
    distanceM: null,
    durationS: 1,
    decelerationMps2: 6,
    neededDecelerationMps2: null,
    headwayS: null,
    limitKmh: null,
    degrees: null,
    vehicles: null,
    lengthM: null,
  },
  severity: 'medium',
  ...over,
});
