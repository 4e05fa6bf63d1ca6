/** What a user chose to see on the wall, and its stored form. Pure. */

export const SIZES = ['fit', '1', '4', '9', '16'] as const;
export type WallSize = (typeof SIZES)[number];

export const ORDERS = ['danger', 'name'] as const;
export type WallOrder = (typeof ORDERS)[number];

/** Cameras in places that stay. */
export interface FixedLayout {
  readonly name: string;
  readonly cameraIds: readonly string[];
}

export interface WallChoice {
  readonly size: WallSize;
  readonly order: WallOrder;
  /** Name of the fixed layout that is shown; null: all cameras, in `order`. */
  readonly layout: string | null;
  readonly layouts: readonly FixedLayout[];
  /** Null: every group. */
  readonly group: string | null;
  readonly busyOnly: boolean;
}

export const MOST_LAYOUTS = 20;
export const MOST_LAYOUT_CAMERAS = 64;
const MOST_NAME = 40;

export const DEFAULT_CHOICE: WallChoice = {
  size: 'fit',
  order: 'name',
  layout: null,
  layouts: [],
  group: null,
  busyOnly: false,
};

/** Reads a stored choice. Parts that are missing or of another kind take their defaults. */
export function readChoice(stored: unknown): WallChoice {
  if (typeof stored !== 'object' || stored === null) return DEFAULT_CHOICE;
  const given: Partial<Record<keyof WallChoice, unknown>> = stored;
  const layouts = Array.isArray(given.layouts) ? given.layouts.flatMap(readLayout).slice(0, MOST_LAYOUTS) : [];
  return {
    size: SIZES.find((size) => size === given.size) ?? DEFAULT_CHOICE.size,
    order: ORDERS.find((order) => order === given.order) ?? DEFAULT_CHOICE.order,
    layout: layouts.find(({ name }) => name === given.layout)?.name ?? null,
    layouts,
    group: typeof given.group === 'string' ? given.group : null,
    busyOnly: given.busyOnly === true,
  };
}

function readLayout(stored: unknown): FixedLayout[] {
  if (typeof stored !== 'object' || stored === null) return [];
  const { name, cameraIds }: { name?: unknown; cameraIds?: unknown } = stored;
  if (typeof name !== 'string' || !Array.isArray(cameraIds)) return [];
  const ids = cameraIds.filter((id) => typeof id === 'string').slice(0, MOST_LAYOUT_CAMERAS);
  return name.trim() === '' || ids.length === 0 ? [] : [{ name: name.trim().slice(0, MOST_NAME), cameraIds: ids }];
}

/** Adds a layout, or replaces the one of its name, and shows it. The oldest goes when there are too many. */
export function withLayout(choice: WallChoice, layout: FixedLayout): WallChoice {
  const [read] = readLayout(layout);
  if (read === undefined) return choice;
  const others = choice.layouts.filter(({ name }) => name !== read.name);
  return { ...choice, layouts: [...others, read].slice(-MOST_LAYOUTS), layout: read.name };
}

export function withoutLayout(choice: WallChoice, name: string): WallChoice {
  return {
    ...choice,
    layouts: choice.layouts.filter((layout) => layout.name !== name),
    layout: choice.layout === name ? null : choice.layout,
  };
}
