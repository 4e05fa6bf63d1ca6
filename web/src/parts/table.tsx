/** A table of any number of rows: sorted by a click or a key, only the rows in sight exist. */
import {
  createSortedRowModel,
  createTable,
  type ColumnDef,
  rowSortingFeature,
  type SortingState,
  tableFeatures,
} from '@tanstack/solid-table';
import { createVirtualizer } from '@tanstack/solid-virtual';
import { createMemo, createSignal, For, type JSX, type ParentProps, Show, untrack } from 'solid-js';
import { t } from '../i18n/index.ts';

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() });
const OVERSCAN = 12;
const ROW_PX = 36;

export interface Column<Row> {
  readonly id: string;
  readonly header: string;
  readonly cell: (row: Row) => JSX.Element;
  /** Absent: the column cannot be sorted. */
  readonly sortBy?: (row: Row) => string | number;
  /** Share of the width; default 1. */
  readonly weight?: number;
  readonly align?: 'start' | 'end';
}

export interface TableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowId: (row: Row) => string;
  /** Opens a row, by click, Enter or Space. Absent: rows are not for opening. */
  readonly onOpen?: (row: Row) => void;
  /** Marked as current. */
  readonly currentId?: string | null;
  readonly sortedBy?: { readonly id: string; readonly desc: boolean };
  /** Called when the last rows come into sight: load more. */
  readonly onEnd?: () => void;
  /** Height of a row in px; default 36. All rows have it. */
  readonly rowHeight?: number;
  /** Px below which the columns don't shrink, and the table scrolls sideways; default 0. */
  readonly minWidth?: number;
}

/** The sorted rows of the table, and how they are sorted. */
function createRows<Row extends object>(props: TableProps<Row>) {
  const [sorting, setSorting] = createSignal<SortingState>(untrack(() => (props.sortedBy ? [props.sortedBy] : [])));
  const table = createTable<typeof features, Row>({
    features,
    get data() {
      return [...props.rows];
    },
    get columns() {
      return props.columns.map((column): ColumnDef<typeof features, Row> => ({
        id: column.id,
        accessorFn: (row) => column.sortBy?.(row) ?? '',
        enableSorting: column.sortBy !== undefined,
        sortFn: (a, b) => compare(column.sortBy?.(a.original) ?? '', column.sortBy?.(b.original) ?? ''),
      }));
    },
    getRowId: (row) => props.rowId(row),
    state: {
      get sorting() {
        return sorting();
      },
    },
    onSortingChange: (next) => setSorting((old) => (typeof next === 'function' ? next(old) : next)),
  });
  return {
    rows: () => table.getRowModel().rows,
    sort: (id: string): void => table.getColumn(id)?.toggleSorting(),
    sortedAs: (id: string): Sorted => {
      const own = sorting().find((each) => each.id === id);
      return own === undefined ? 'none' : own.desc ? 'descending' : 'ascending';
    },
  };
}

type Sorted = 'ascending' | 'descending' | 'none';

export function Table<Row extends object>(props: TableProps<Row>) {
  let scroller: HTMLDivElement | undefined;
  const { rows, sort, sortedAs } = createRows(props);
  const [focused, setFocused] = createSignal(0);
  const rowHeight = (): number => props.rowHeight ?? ROW_PX;
  const virtual = createVirtualizer<HTMLDivElement, HTMLDivElement>({
    get count() {
      return rows().length;
    },
    getScrollElement: () => scroller ?? null,
    estimateSize: rowHeight,
    overscan: OVERSCAN,
    onChange: (instance) => {
      const last = instance.getVirtualItems().at(-1);
      if (last !== undefined && last.index >= rows().length - 1) props.onEnd?.();
    },
  });
  const template = (): string => props.columns.map(({ weight = 1 }) => `minmax(0, ${weight}fr)`).join(' ');
  const move = (to: number): void => {
    const next = Math.max(0, Math.min(rows().length - 1, to));
    setFocused(next);
    virtual.scrollToIndex(next);
    requestAnimationFrame(() => scroller?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus());
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // A button in a cell has keys of its own.
    if (event.target !== event.currentTarget) return;
    const target = targetOf(event.key, focused(), rows().length);
    const row = rows()[focused()];
    if (target !== null) move(target);
    else if ((event.key === 'Enter' || event.key === ' ') && row !== undefined) props.onOpen?.(row.original);
    else return;
    event.preventDefault();
  };
  return (
    <Frame label={props.label} rowCount={rows().length + 1} minWidth={props.minWidth ?? 0}>
      <Head columns={props.columns} template={template()} onSort={sort} sortedAs={sortedAs} />
      <div class="table-body" ref={scroller} role="rowgroup" tabindex={rows().length === 0 ? 0 : undefined}>
        <Show when={rows().length > 0} fallback={<Empty />}>
          <div class="table-rows" role="presentation" style={{ height: `${virtual.getTotalSize()}px` }}>
            <For each={virtual.getVirtualItems()}>
              {(item) => (
                <Show when={rows()[item.index]}>
                  {(row) => (
                    <div
                      class="table-row"
                      role="row"
                      aria-rowindex={item.index + 2}
                      aria-current={props.currentId === row().id ? 'true' : undefined}
                      data-index={item.index}
                      data-row={row().id}
                      data-opens={props.onOpen !== undefined}
                      tabindex={item.index === Math.min(focused(), rows().length - 1) ? 0 : -1}
                      style={{
                        'grid-template-columns': template(),
                        height: `${rowHeight()}px`,
                        transform: `translateY(${item.start}px)`,
                      }}
                      onFocus={() => setFocused(item.index)}
                      onKeyDown={onKeyDown}
                      onClick={() => props.onOpen?.(row().original)}
                    >
                      <Cells columns={props.columns} row={row().original} />
                    </div>
                  )}
                </Show>
              )}
            </For>
          </div>
        </Show>
      </div>
    </Frame>
  );
}

/** Scrolls sideways where there is less room than `minWidth` px. */
const Frame = (props: ParentProps<{ label: string; rowCount: number; minWidth: number }>) => (
  <div class="table-frame">
    <div
      class="table"
      role="grid"
      aria-label={props.label}
      aria-rowcount={props.rowCount}
      style={{ 'min-width': `${props.minWidth}px` }}
    >
      {props.children}
    </div>
  </div>
);

function Head<Row>(props: {
  columns: readonly Column<Row>[];
  template: string;
  onSort: (id: string) => void;
  sortedAs: (id: string) => Sorted;
}) {
  return (
    <div class="table-head" role="row" aria-rowindex={1} style={{ 'grid-template-columns': props.template }}>
      <For each={props.columns}>
        {(column) => (
          <div
            role="columnheader"
            data-align={column.align}
            aria-sort={column.sortBy === undefined ? undefined : props.sortedAs(column.id)}
          >
            <Show when={column.sortBy !== undefined} fallback={column.header}>
              <button
                type="button"
                class="table-sort"
                aria-label={t('shell.sortBy', { column: column.header })}
                onClick={() => props.onSort(column.id)}
              >
                {column.header}
                <span aria-hidden="true">{arrow(props.sortedAs(column.id))}</span>
              </button>
            </Show>
          </div>
        )}
      </For>
    </div>
  );
}

const Empty = () => (
  <div role="row">
    <div role="gridcell" class="empty">
      {t('shell.noRows')}
    </div>
  </div>
);

function Cells<Row>(props: { columns: readonly Column<Row>[]; row: Row }) {
  // The same row after new data keeps its cells, and a menu in one of them stays open.
  const row = createMemo(() => props.row);
  return (
    <For each={props.columns}>
      {(column) => (
        <div role="gridcell" data-align={column.align}>
          {column.cell(row())}
        </div>
      )}
    </For>
  );
}

const arrow = (sorted: Sorted): string => (sorted === 'none' ? '' : sorted === 'ascending' ? ' ▲' : ' ▼');

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Index that a key leads to; null for other keys. */
function targetOf(key: string, from: number, count: number): number | null {
  const targets: Readonly<Record<string, number>> = {
    ArrowDown: from + 1,
    ArrowUp: from - 1,
    PageDown: from + 10,
    PageUp: from - 10,
    Home: 0,
    End: count - 1,
  };
  return targets[key] ?? null;
}
