/** Draws the boxes of one frame over its picture. */
import { COLOUR, levelOf } from './risk.js';

/** @typedef {import('../src/messages/aggregate.ts').Aggregate} Aggregate */
/** @typedef {{ x: number, y: number, scale: number }} Fit */

/**
 * Position and scale of a picture of `width` x `height` that is fitted whole into a box, centred.
 * @param {number} width @param {number} height @param {number} boxWidth @param {number} boxHeight
 * @returns {Fit}
 */
export function contain(width, height, boxWidth, boxHeight) {
  const scale = Math.min(boxWidth / width, boxHeight / height);
  return { scale, x: (boxWidth - width * scale) / 2, y: (boxHeight - height * scale) / 2 };
}

/** @param {HTMLCanvasElement} canvas @param {Aggregate | null} aggregate null: nothing */
export function draw(canvas, aggregate) {
  const { clientWidth, clientHeight } = canvas;
  const dpr = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(clientWidth * dpr), Math.round(clientHeight * dpr)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  if (aggregate === null || clientWidth === 0) return;
  context.setTransform(dpr, 0, 0, dpr, 0, 0);
  const fit = contain(aggregate.imageWidth, aggregate.imageHeight, clientWidth, clientHeight);
  const small = clientWidth < 420;
  context.font = `600 ${small ? 10 : 11}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  /** @type {Area[]} */
  const labels = [];
  for (const object of aggregate.detectedObjects) box(context, fit, object.bbox, '#ffffff', 1.25);
  for (const group of aggregate.trafficGroups) {
    const level = levelOf(aggregate, group.groupIndex);
    context.setLineDash(level === 'unknown' ? [6, 4] : []);
    box(context, fit, group.bbox, COLOUR[level], 2.5);
    context.setLineDash([]);
    label(
      context,
      fit,
      group.bbox,
      small ? level : `group ${group.groupIndex} · ${level}`,
      COLOUR[level],
      labels,
      clientWidth,
      clientHeight,
    );
  }
  // Labels of objects come last: one that finds no free place is left out.
  for (const object of aggregate.detectedObjects) {
    label(
      context,
      fit,
      object.bbox,
      small ? `${object.class} ${object.trackId}` : `${object.class} #${object.trackId}`,
      '#ffffffd9',
      labels,
      clientWidth,
      clientHeight,
    );
  }
}

/** @typedef {{ x: number, y: number, width: number, height: number }} Area */

/**
 * @param {CanvasRenderingContext2D} context @param {Fit} fit @param {readonly number[]} bbox
 * @param {string} colour @param {number} width
 */
function box(context, fit, bbox, colour, width) {
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

/**
 * @param {CanvasRenderingContext2D} context @param {Fit} fit @param {readonly number[]} bbox @param {string} text
 * @param {string} colour @param {Area[]} taken @param {number} maxX @param {number} maxY
 */
function label(context, fit, bbox, text, colour, taken, maxX, maxY) {
  const [x1 = 0, y1 = 0, , y2 = 0] = bbox;
  const width = context.measureText(text).width + 8;
  const height = 15;
  const x = Math.max(0, Math.min(fit.x + x1 * fit.scale - 1, maxX - width));
  const above = fit.y + y1 * fit.scale - height;
  const inside = fit.y + y1 * fit.scale + 1;
  const below = fit.y + y2 * fit.scale + 1;
  for (const y of [above, below, inside]) {
    const area = { x, y, width, height };
    if (y < 0 || y + height > maxY || taken.some((other) => overlap(area, other))) continue;
    taken.push(area);
    context.fillStyle = colour;
    context.fillRect(x, y, width, height);
    context.fillStyle = '#111111';
    context.fillText(text, x + 4, y + height / 2 + 0.5);
    return;
  }
}

/** @param {Area} a @param {Area} b */
const overlap = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
