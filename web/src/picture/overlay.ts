/** The boxes of one frame over its picture. */
import type { Aggregate } from '../../../src/messages/aggregate.ts';
import { t } from '../i18n/index.ts';
import { kindName } from './incidents.ts';
import { type BoxMark, contain, paintMarks, SMALL, type Surface } from './paint.ts';
import { COLOUR, levelName, levelOf } from './risk.ts';

export { box, contain, type BoxMark, type Fit, type Surface } from './paint.ts';

/** The kinds of boxes that are drawn. */
export interface BoxLayers {
  readonly objects: boolean;
  readonly incidents: boolean;
  readonly groups: boolean;
}

const ALL_LAYERS: BoxLayers = { objects: true, incidents: true, groups: true };

/** The boxes of a frame with their labels, in the language of choice: objects, open incidents, groups. */
export function marksOf(aggregate: Aggregate, width: number, layers: BoxLayers = ALL_LAYERS): BoxMark[] {
  const small = width < SMALL;
  const objects = aggregate.detectedObjects.map(({ bbox }): BoxMark => ({ bbox, colour: '#ffffff', line: 1.25 }));
  const incidents = aggregate.incidents
    .filter(({ state }) => state !== 'closed')
    .map((incident): BoxMark => {
      const colour = COLOUR[incident.verdict.level];
      return { bbox: incident.bbox, colour, line: 3.5, label: kindName(incident) };
    });
  const groups = aggregate.trafficGroups.map(({ bbox, groupIndex }): BoxMark => {
    const level = levelOf(aggregate, groupIndex);
    const name = levelName(level);
    const label = small ? name : t('picture.group', { group: groupIndex, level: name });
    return { bbox, colour: COLOUR[level], line: 2.5, dashed: level === 'unknown', label };
  });
  // Labels of objects come last: one that finds no free place is left out.
  const labels = aggregate.detectedObjects.map((object): BoxMark => {
    const label = `${object.class} ${small ? '' : '#'}${object.trackId}`;
    return { bbox: object.bbox, colour: '#ffffff', line: 0, label, labelColour: '#ffffffd9' };
  });
  return [
    ...(layers.objects ? objects : []),
    ...(layers.incidents ? incidents : []),
    ...(layers.groups ? groups : []),
    ...(layers.objects ? labels : []),
  ];
}

/** Clears a canvas and gives it the resolution of the screen. Null without a 2D context. */
export function prepare(canvas: HTMLCanvasElement, { width, height, dpr }: Surface): CanvasRenderingContext2D | null {
  const [pixelsX, pixelsY] = [Math.round(width * dpr), Math.round(height * dpr)];
  if (canvas.width !== pixelsX) canvas.width = pixelsX;
  if (canvas.height !== pixelsY) canvas.height = pixelsY;
  const context = canvas.getContext('2d');
  if (context === null) return null;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, pixelsX, pixelsY);
  context.setTransform(dpr, 0, 0, dpr, 0, 0);
  return context;
}

/** The surface of a canvas as it is laid out now. Reads the layout. */
export const surfaceOf = (canvas: HTMLCanvasElement): Surface => ({
  width: canvas.clientWidth,
  height: canvas.clientHeight,
  dpr: window.devicePixelRatio || 1,
});

/** Draws the boxes of `aggregate`; null clears the canvas. */
export function draw(canvas: HTMLCanvasElement, aggregate: Aggregate | null, surface = surfaceOf(canvas)): void {
  const context = prepare(canvas, surface);
  if (context !== null && aggregate !== null && surface.width > 0) drawBoxes(context, aggregate, surface);
}

/** Draws the boxes of `aggregate` with their labels. */
export function drawBoxes(context: CanvasRenderingContext2D, aggregate: Aggregate, surface: Surface): void {
  const fit = contain(aggregate.imageWidth, aggregate.imageHeight, surface.width, surface.height);
  paintMarks(context, fit, surface, marksOf(aggregate, surface.width));
}
