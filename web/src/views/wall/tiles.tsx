/** The tiles: only those in sight exist, each in a place of its own. */
import { createVirtualizer } from '@tanstack/solid-virtual';
import { createEffect, createMemo, createSignal, For, on, onCleanup, onMount, type ParentProps, Show } from 'solid-js';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { createSlots } from './tile-slots.ts';
import { Tile } from './tile.tsx';
import { type Grid, gridFor, placeOf } from './wall-grid.ts';
import type { WallModel } from './wall-model.ts';

/** Rows above and below the visible ones that exist too. */
const OVERSCAN = 1;

export function Tiles(props: { model: WallModel; onRemove: (cameraId: string) => void }) {
  let scroller: HTMLDivElement | undefined;
  const [area, setArea] = createSignal({ width: 0, height: 0 });
  const grid = createMemo(() =>
    gridFor(props.model.choice().size, area().width, area().height, props.model.shown().length),
  );
  const [page, setPage] = createSignal(0);
  const pages = (): number => {
    const { perPage } = grid();
    return perPage === null ? 1 : Math.max(1, Math.ceil(props.model.shown().length / perPage));
  };
  const current = (): number => Math.min(page(), pages() - 1);
  const ids = createMemo(() => {
    const { perPage } = grid();
    const all = props.model.shown();
    return perPage === null ? all : all.slice(current() * perPage, (current() + 1) * perPage);
  });
  const inSight = createInSight(() => scroller, grid, ids);
  const slots = createSlots(inSight.ids);

  onMount(() => {
    if (scroller === undefined) return;
    const element = scroller;
    const observer = new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {};
      setArea({ width: Math.floor(width), height: Math.floor(height) });
    });
    observer.observe(element);
    onCleanup(() => observer.disconnect());
    createEffect(on([() => props.model.choice().layout, page], () => element.scrollTo({ top: 0 }), { defer: true }));
  });

  return (
    <>
      <div class="wall-scroll" ref={scroller} tabindex="0" role="region" aria-label={t('wall.tiles')}>
        <Show when={ids().length === 0}>
          <p class="empty">{props.model.choice().busyOnly ? t('wall.noneBusy') : t('wall.noneShown')}</p>
        </Show>
        <div class="wall-tiles" style={{ height: `${inSight.height()}px` }}>
          <Show when={area().width > 0}>
            <For each={slots()}>
              {(slot) => (
                <Place used={slot.used()} grid={grid()} index={inSight.indexOf(slot.cameraId())}>
                  <Tile
                    cameraId={slot.cameraId()}
                    used={slot.used()}
                    grid={grid()}
                    onRemove={props.onRemove}
                    onLost={() => scroller?.focus({ preventScroll: true })}
                  />
                </Place>
              )}
            </For>
          </Show>
        </div>
      </div>
      <Show when={pages() > 1}>
        <nav class="wall-pages row" aria-label={t('wall.title')}>
          <Button disabled={current() === 0} onClick={() => setPage(current() - 1)} aria-label={t('wall.previous')}>
            ‹
          </Button>
          <span role="status">{t('wall.page', { page: current() + 1, pages: pages() })}</span>
          <Button
            disabled={current() >= pages() - 1}
            onClick={() => setPage(current() + 1)}
            aria-label={t('wall.next')}
          >
            ›
          </Button>
        </nav>
      </Show>
    </>
  );
}

const Place = (props: ParentProps<{ used: boolean; grid: Grid; index: number }>) => {
  const place = createMemo(() => placeOf(props.grid, props.index));
  return (
    <div
      class="wall-place"
      hidden={!props.used}
      style={{
        width: `${props.grid.tileWidth}px`,
        height: `${props.grid.tileHeight}px`,
        left: `${place().x}px`,
        top: `${place().y}px`,
      }}
    >
      {props.children}
    </div>
  );
};

/** The ids whose tiles exist now, with their places among all of them. */
function createInSight(scroller: () => HTMLDivElement | undefined, grid: () => Grid, ids: () => readonly string[]) {
  const rowHeight = (): number => grid().tileHeight + grid().gap;
  const rows = createVirtualizer<HTMLDivElement, HTMLDivElement>({
    get count() {
      return Math.ceil(ids().length / grid().columns);
    },
    getScrollElement: () => scroller() ?? null,
    estimateSize: rowHeight,
    overscan: OVERSCAN,
  });
  // Sizes are kept by the virtualizer until it is told that they changed.
  createEffect(on(rowHeight, () => rows.measure(), { defer: true }));
  const indices = createMemo(() => new Map(ids().map((id, index) => [id, index])));
  const range = createMemo(
    () => {
      const items = rows.getVirtualItems();
      return { first: items[0]?.index ?? 0, end: (items.at(-1)?.index ?? -1) + 1 };
    },
    undefined,
    { equals: (a, b) => a.first === b.first && a.end === b.end },
  );
  return {
    ids: createMemo(() => ids().slice(range().first * grid().columns, range().end * grid().columns)),
    indexOf: (id: string): number => indices().get(id) ?? 0,
    height: () => rows.getTotalSize(),
  };
}
