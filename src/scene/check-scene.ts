import type { CountingLine, ImagePoint, SceneConfig, Zone } from '../messages/scene.ts';
import { fitPlane, type Calibration } from './fit-plane.ts';
import { isFault, type CalibrationErrors, type CalibrationFaultCode } from './homography.ts';
import { clipped, selfCrossing, signedArea } from './polygon.ts';
import { belowHorizon } from './road-plane.ts';

export interface SceneIssue {
  /** Path in the config, such as `zones[2].polygon`. */
  readonly field: string;
  readonly message: string;
  /** As received. */
  readonly value: unknown;
  /** Of a calibration that is refused. */
  readonly code?: CalibrationFaultCode;
}

/** How well a calibration fits, for the operator. */
export interface CalibrationReport extends CalibrationErrors {
  /** The camera that the pairs give; null where none without distortion explains them. */
  readonly camera: { readonly focalPx: number; readonly heightM: number; readonly pitchDegrees: number } | null;
}

export interface SceneCheck {
  /** Empty: the config is fine. */
  readonly issues: readonly SceneIssue[];
  /** Null without a calibration, or with one that is refused. */
  readonly calibration: CalibrationReport | null;
}

/** px² of a zone, px of a direction or a line, at least. */
const LEAST_AREA = 0.1;
const LEAST_LENGTH = 2;

type Report = (field: string, message: string, value: unknown, code?: CalibrationFaultCode) => void;

/** Reports points outside the picture. */
function checkPoints(points: readonly ImagePoint[], field: string, config: SceneConfig, report: Report): void {
  const outside = points.findIndex(([x, y]) => !(x >= 0 && x <= config.width && y >= 0 && y <= config.height));
  if (outside < 0) return;
  report(`${field}[${outside}]`, `lies outside the picture of ${config.width}x${config.height} px`, points[outside]);
}

const length = ([from, to]: readonly [ImagePoint, ImagePoint]): number => Math.hypot(to[0] - from[0], to[1] - from[1]);

function checkDirection(
  { direction, kind }: Zone,
  field: string,
  { plane, report }: { plane: Calibration | null; report: Report },
): void {
  if (direction === undefined) return;
  if (kind !== 'lane' && kind !== 'shoulder') report(field, `is for lanes and shoulders, not for a ${kind}`, direction);
  if (length(direction) < LEAST_LENGTH) report(field, `is shorter than ${LEAST_LENGTH} px`, direction);
  const beyond = plane === null ? -1 : direction.findIndex((point) => belowHorizon(plane)(point) <= 0);
  if (beyond >= 0) report(`${field}[${beyond}]`, 'lies above the horizon of the calibration', direction[beyond]);
}

function checkZone(
  zone: Zone,
  field: string,
  context: { config: SceneConfig; plane: Calibration | null; report: Report },
): void {
  const { config, plane, report } = context;
  const { polygon, kind } = zone;
  checkPoints(polygon, `${field}.polygon`, config, report);
  const crossing = selfCrossing(polygon);
  if (crossing !== null) {
    report(`${field}.polygon`, `crosses or touches itself: its edges ${crossing[0]} and ${crossing[1]}`, polygon);
  } else if (!(Math.abs(signedArea(polygon)) >= LEAST_AREA)) {
    report(`${field}.polygon`, `covers less than ${LEAST_AREA} px²`, polygon);
  } else if (plane !== null && kind !== 'ignore' && clipped(polygon, belowHorizon(plane)).length === 0) {
    report(`${field}.polygon`, 'lies above the horizon of the calibration', polygon);
  }
  checkDirection(zone, `${field}.direction`, context);
}

function checkLine({ points }: CountingLine, field: string, config: SceneConfig, report: Report): void {
  checkPoints(points, `${field}.points`, config, report);
  if (length(points) < LEAST_LENGTH) report(`${field}.points`, `is shorter than ${LEAST_LENGTH} px`, points);
}

function checkIds(config: SceneConfig, report: Report): void {
  const seen = new Map<string, string>();
  const all = [
    ...config.zones.map(({ id }, i) => ({ id, field: `zones[${i}].id` })),
    ...config.lines.map(({ id }, i) => ({ id, field: `lines[${i}].id` })),
  ];
  for (const { id, field } of all) {
    const first = seen.get(id);
    if (first !== undefined) report(field, `is the same as ${first}`, id);
    else seen.set(id, field);
  }
}

function checkCalibration(config: SceneConfig, report: Report): Calibration | null {
  const { calibration } = config;
  if (calibration === undefined) return null;
  for (const [i, { image }] of calibration.entries()) {
    checkPoints([image], `calibration[${i}].image`, config, (_, message, value) =>
      report(`calibration[${i}].image`, message, value),
    );
  }
  const fit = fitPlane(calibration, config);
  if (!isFault(fit)) return fit;
  const field = fit.pair === null ? 'calibration' : `calibration[${fit.pair}]`;
  report(field, fit.message, fit.pair === null ? calibration : calibration[fit.pair], fit.code);
  return null;
}

const degrees = (radians: number): number => (radians * 180) / Math.PI;

/** Checks what the schema can't: shapes, places and the calibration. Takes at most a second, for the largest config. */
export function checkScene(config: SceneConfig): SceneCheck {
  const issues: SceneIssue[] = [];
  const report: Report = (field, message, value, code) =>
    issues.push({ field, message, value, ...(code === undefined ? {} : { code }) });
  const plane = checkCalibration(config, report);
  checkIds(config, report);
  for (const [i, zone] of config.zones.entries()) checkZone(zone, `zones[${i}]`, { config, plane, report });
  for (const [i, line] of config.lines.entries()) checkLine(line, `lines[${i}]`, config, report);
  if (plane === null) return { issues, calibration: null };
  const { camera, errors } = plane;
  return {
    issues,
    calibration: {
      ...errors,
      camera: camera && { focalPx: camera.focal, heightM: camera.height, pitchDegrees: degrees(camera.pitch) },
    },
  };
}
