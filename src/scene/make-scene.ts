import type { ZoneKind } from '../messages/scene-constants.ts';
import type { SceneConfig, Zone } from '../messages/scene.ts';
import type { AutoScale } from './auto-scale.ts';
import { fitPlane } from './fit-plane.ts';
import { isFault, type PlaneMatrices } from './homography.ts';
import { multiply } from './linear-algebra.ts';
import type { PictureSize } from './pinhole.ts';
import { makeRoadPlane } from './road-plane.ts';
import { scaleDoubtOf } from './scale-doubt.ts';
import type { Metres, Pixel, RoadPlane, Scene, SceneZone } from './scene.types.ts';
import { makeZone } from './scene-zones.ts';
import { ZoneIndex } from './zone-index.ts';

/** For pairs of points that determine no plane: `checkScene` refuses them before. */
export class SceneError extends Error {
  override readonly name = 'SceneError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Factors from px of the config's picture to px of the camera's. */
interface Scaling {
  readonly x: number;
  readonly y: number;
}

const scaled = ([x, y]: Pixel, by: Scaling): [number, number] => [x * by.x, y * by.y];

const scaledZone = (zone: Zone, by: Scaling): Zone => ({
  ...zone,
  polygon: zone.polygon.map((point) => scaled(point, by)),
  direction: zone.direction && [scaled(zone.direction[0], by), scaled(zone.direction[1], by)],
});

function scaledPlane({ toImage, toRoad, up }: PlaneMatrices, { x, y }: Scaling): PlaneMatrices {
  return {
    toImage: multiply([x, 0, 0, 0, y, 0, 0, 0, 1], toImage),
    toRoad: multiply(toRoad, [1 / x, 0, 0, 0, 1 / y, 0, 0, 0, 1]),
    up: [up[0] * x, up[1] * y, up[2]],
  };
}

function planeOf(
  config: SceneConfig | null,
  by: Scaling,
  auto: AutoScale,
): { plane: RoadPlane; matrices: PlaneMatrices } {
  if (config?.calibration === undefined) {
    const { matrices, version, relativeError: scaleError } = auto.estimate;
    return { matrices, plane: makeRoadPlane(matrices, { calibrated: false, version, scaleError }) };
  }
  // In px of the config, as it was checked: a camera with a picture of another shape has the same plane.
  const fit = fitPlane(config.calibration, config);
  if (isFault(fit)) throw new SceneError(fit.code, fit.message);
  const matrices = scaledPlane(fit, by);
  const doubt = scaleDoubtOf(config.calibration, config, fit);
  const scaleDoubt = ([x, y]: Pixel): number => doubt([x / by.x, y / by.y]);
  return { matrices, plane: { ...makeRoadPlane(matrices, { calibrated: true }), scaleDoubt } };
}

/**
 * The scene that a config describes, in px of a picture of the given size. Without calibration, metres come from
 * `auto`, made for a picture of this size, and `learn` gives the scene anew when its estimate changed.
 *
 * @throws SceneError with the code of a `CalibrationFault`.
 */
export function makeScene(config: SceneConfig | null, picture: PictureSize, auto: AutoScale): Scene {
  const by: Scaling = {
    x: picture.width / (config?.width ?? picture.width),
    y: picture.height / (config?.height ?? picture.height),
  };
  const { plane, matrices } = planeOf(config, by, auto);
  const zones = (config?.zones ?? []).map((zone) => makeZone(scaledZone(zone, by), plane, matrices));
  const index = new ZoneIndex(zones, picture);
  const [a, b, c, d, e, f, g, h, i] = matrices.toImage;
  // Asked for each moment of each track: no pixel is made on the way.
  const zonesAt = ([x, y]: Metres, kind?: ZoneKind): readonly SceneZone[] => {
    const w = g * x + h * y + i;
    return w > 0 ? index.at((a * x + b * y + c) / w, (d * x + e * y + f) / w, kind) : [];
  };
  const sceneLimit = config?.speedLimitKmh ?? null;
  return {
    plane,
    zones,
    lines: (config?.lines ?? []).map(({ id, points: [from, to] }) => ({
      id,
      points: [scaled(from, by), scaled(to, by)],
    })),
    zonesAt,
    limitKmhAt(place) {
      let least = Infinity;
      for (const { speedLimitKmh } of zonesAt(place)) least = Math.min(least, speedLimitKmh ?? Infinity);
      return least === Infinity ? sceneLimit : least;
    },
    ignores: ([x, y]) => index.at(x, y, 'ignore').length > 0,
    learn: (boxes) => (!plane.calibrated && auto.learn(boxes) ? makeScene(config, picture, auto) : null),
  };
}
