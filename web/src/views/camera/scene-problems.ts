/** The problems of a scene, by the code that the API uses. */
import { JITLESS } from '../../picture/jitless.ts';
import { SceneConfig } from '../../../../src/messages/scene.ts';
import { fieldOf, reasonOf } from '../../../../src/http/errors/issue-words.ts';
import { checkScene, type CalibrationReport } from '../../../../src/scene/check-scene.ts';
import { type Calibration, fitPlane } from '../../../../src/scene/fit-plane.ts';
import { isFault } from '../../../../src/scene/homography.ts';
import { bodyOf } from './scene-edits.ts';

export interface SceneProblem {
  /** As the API names it, e.g. `zones[2].polygon`. */
  readonly field: string;
  readonly message: string;
}

export interface CheckedScene {
  readonly problems: readonly SceneProblem[];
  /** How well the calibration fits; null without one, or with one that is refused. */
  readonly report: CalibrationReport | null;
  /** The plane of the road; null without a calibration that determines one. */
  readonly plane: Calibration | null;
}

/** Checks a scene as the API does. Types come first: shapes and places are checked once all types are right. */
export function checked(scene: SceneConfig): CheckedScene {
  const body = bodyOf(scene);
  const parsed = SceneConfig.safeParse(body, JITLESS);
  if (parsed.success) {
    const { issues, calibration } = checkScene(parsed.data);
    return { problems: issues, report: calibration, plane: planeOf(body) };
  }
  const problems = parsed.error.issues.map((issue): SceneProblem => ({
    field: fieldOf(issue.path, 'scene'),
    message: reasonOf(issue),
  }));
  return { problems, report: null, plane: planeOf(body) };
}

/** Of a calibration that is complete so far, whatever is wrong with the rest of the scene. */
function planeOf({ calibration = [], width, height }: SceneConfig): Calibration | null {
  if (calibration.length < 4 || !(width >= 1) || !(height >= 1)) return null;
  const fit = fitPlane(calibration, { width, height });
  return isFault(fit) ? null : fit;
}

/** A refusal of the API as a problem; null when it names no field of the scene. */
export function problemOf({
  field,
  message,
}: {
  readonly field: string | null;
  readonly message: string;
}): SceneProblem | null {
  if (field === null) return null;
  const own = field.replace(/^scene\./u, '');
  return { field: own, message: withoutField(message, field) };
}

const withoutField = (message: string, field: string | null): string =>
  field !== null && message.startsWith(`${field}: `) ? message.slice(field.length + 2) : message;

/** The message about a field, or about a part of it; empty for none. */
export const messageAbout = (problems: readonly SceneProblem[], field: string): string =>
  problems.find((each) => isAbout(each, field))?.message ?? '';

export const isAbout = (problem: SceneProblem, field: string): boolean =>
  problem.field === field || problem.field.startsWith(`${field}.`) || problem.field.startsWith(`${field}[`);
