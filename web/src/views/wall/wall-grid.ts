/** Places and sizes of tiles. Pure; all lengths in CSS px. */
import type { WallSize } from './wall-choice.ts';

export interface Grid {
  readonly columns: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** Height of the picture in a tile. */
  readonly pictureHeight: number;
  readonly gap: number;
  /** Tiles on a page; null: all of them, scrolled. */
  readonly perPage: number | null;
}

/** Everything in a tile but its picture. */
export const TILE_CHROME = 116;
const GAP = 10;
/** Least width of a tile where as many as fit are shown; with large areas tiles grow too. */
const LEAST_WIDTH = 250;
const GROWS_FROM = 2_000;

/**
 * The grid that shows `size` tiles in an area. A number of tiles fills the area without scrolling where it can; as many
 * as fit are at their least width, or larger where all `cameras` have room.
 */
export function gridFor(size: WallSize, width: number, height: number, cameras: number): Grid {
  if (size === 'fit') {
    const least = LEAST_WIDTH * Math.max(1, width / GROWS_FROM);
    const most = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    const large = Array.from({ length: most }, (_, index) => withoutScrolling(index + 1, width, height, cameras));
    const [largest] = large
      .filter((grid) => grid !== null)
      .toSorted((one, other) => pictureWidth(other) - pictureWidth(one));
    if (largest !== undefined && pictureWidth(largest) > least) return largest;
    return gridOf(most, width, Infinity, null);
  }
  const count = Number(size);
  const side = Math.sqrt(count);
  // On a narrow screen one column is scrolled.
  const columns = width / side < 160 ? 1 : side;
  const rows = Math.ceil(count / columns);
  return gridOf(columns, width, columns === 1 && count > 1 ? Infinity : (height - GAP * (rows - 1)) / rows, count);
}

/** The grid of all cameras in so many columns; null where it would have to be scrolled. */
function withoutScrolling(columns: number, width: number, height: number, cameras: number): Grid | null {
  const rows = Math.ceil(cameras / columns);
  const grid = gridOf(columns, width, (height - GAP * (rows - 1)) / rows, null);
  return rows * (grid.tileHeight + GAP) - GAP <= height ? grid : null;
}

/** Of a picture of 16:9 in a tile. */
const pictureWidth = ({ tileWidth, pictureHeight }: Grid): number => Math.min(tileWidth, (pictureHeight * 16) / 9);

function gridOf(columns: number, width: number, mostHeight: number, perPage: number | null): Grid {
  const tileWidth = Math.floor((width - GAP * (columns - 1)) / columns);
  const natural = Math.round((tileWidth * 9) / 16);
  const pictureHeight = Math.max(80, Math.min(natural, Math.floor(mostHeight - TILE_CHROME)));
  return { columns, tileWidth, tileHeight: pictureHeight + TILE_CHROME, pictureHeight, gap: GAP, perPage };
}

/** Place of the tile at `index`. */
export const placeOf = (grid: Grid, index: number): { readonly x: number; readonly y: number } => ({
  x: (index % grid.columns) * (grid.tileWidth + grid.gap),
  y: Math.floor(index / grid.columns) * (grid.tileHeight + grid.gap),
});
