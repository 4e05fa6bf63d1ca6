/** Draws marked boxes over a picture. Knows neither words nor the document, so that a worker can do it. */

/** Position of a fitted picture's corner in CSS px, and CSS px per px of the picture. */
export interface Fit {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** Size of a canvas in CSS px, and device pixels per CSS px. */
export interface Surface {
  readonly width: number;
  readonly height: number;
  readonly dpr: number;
}

/** A box over a picture. */
export interface BoxMark {
  /** Left, top, right, bottom in px of the picture. */
  readonly bbox: readonly number[];
  readonly colour: string;
  /** CSS px of the line; 0: the label alone. */
  readonly line: number;
  readonly dashed?: boolean;
  /** Left out where no place is free. */
  readonly label?: string;
  /** Background of the label; default: the colour of the box. */
  readonly labelColour?: string;
}

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Below this width in CSS px, labels are short. */
export const SMALL = 420;
const LABEL_HEIGHT = 15;

/** Fit of a picture of `width` x `height` that is shown whole in a box, centred. */
export function contain(width: number, height: number, boxWidth: number, boxHeight: number): Fit {
  const scale = Math.min(boxWidth / width, boxHeight / height);
  return { scale, x: (boxWidth - width * scale) / 2, y: (boxHeight - height * scale) / 2 };
}

/** Draws the boxes, later ones over earlier ones, and labels that don't cover each other. */
export function paintMarks(context: Context, fit: Fit, surface: Surface, marks: readonly BoxMark[]): void {
  context.font = `600 ${surface.width < SMALL ? 10 : 11}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  const taken: Area[] = [];
  for (const mark of marks) {
    context.setLineDash(mark.dashed === true ? [6, 4] : []);
    if (mark.line > 0) box(context, fit, mark.bbox, mark.colour, mark.line);
    if (mark.label !== undefined) label(context, fit, surface, taken, mark, mark.label);
  }
  context.setLineDash([]);
}

export function box(context: Context, fit: Fit, bbox: readonly number[], colour: string, width: number): void {
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = bbox;
  const [x, y, w, h] = [fit.x + x1 * fit.scale, fit.y + y1 * fit.scale, (x2 - x1) * fit.scale, (y2 - y1) * fit.scale];
  // A dark line under the coloured one keeps it visible on any picture.
  context.strokeStyle = '#000000a0';
  context.lineWidth = width + 2;
  context.strokeRect(x, y, w, h);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.strokeRect(x, y, w, h);
}

/** Above the box, below it, or inside; left out where each of them is taken. */
function label(context: Context, fit: Fit, surface: Surface, taken: Area[], mark: BoxMark, text: string): void {
  const [x1 = 0, y1 = 0, , y2 = 0] = mark.bbox;
  const width = context.measureText(text).width + 8;
  const x = Math.max(0, Math.min(fit.x + x1 * fit.scale - 1, surface.width - width));
  const above = fit.y + y1 * fit.scale - LABEL_HEIGHT;
  const inside = fit.y + y1 * fit.scale + 1;
  const below = fit.y + y2 * fit.scale + 1;
  for (const y of [above, below, inside]) {
    const area = { x, y, width, height: LABEL_HEIGHT };
    if (y < 0 || y + LABEL_HEIGHT > surface.height || taken.some((other) => overlap(area, other))) continue;
    taken.push(area);
    context.fillStyle = mark.labelColour ?? mark.colour;
    context.fillRect(x, y, width, LABEL_HEIGHT);
    context.fillStyle = '#111111';
    context.fillText(text, x + 4, y + LABEL_HEIGHT / 2 + 0.5);
    return;
  }
}

const overlap = (a: Area, b: Area): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
