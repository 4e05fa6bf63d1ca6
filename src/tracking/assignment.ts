/**
 * Minimum-cost assignment of rows to columns, each column at most once. `cost` is row-major, finite, and has at least
 * as many columns as rows. Returns the column of each row. Takes O(rows² · columns).
 *
 * The Hungarian method (Kuhn 1955) by shortest augmenting paths (Jonker and Volgenant 1987).
 */
export function assign(cost: Float64Array, rows: number, columns: number): Int32Array {
  const matching = new Matching(cost, rows, columns);
  for (let row = 1; row <= rows; row++) matching.place(row);
  return matching.columnOfRow();
}

/** Rows and columns count from 1. Column 0 is a virtual one that holds the row being placed. */
class Matching {
  readonly #cost: Float64Array;
  readonly #rows: number;
  readonly #columns: number;
  /** Dual variables: cost - row potential - column potential is 0 for assigned pairs, and never negative. */
  readonly #rowPotential: Float64Array;
  readonly #columnPotential: Float64Array;
  /** The row assigned to a column; 0 for none. */
  readonly #rowOfColumn: Int32Array;
  /** Of the search in progress: the shortest distance to each column, the column before it, and whether it is final. */
  readonly #distance: Float64Array;
  readonly #previous: Int32Array;
  readonly #settled: Uint8Array;

  constructor(cost: Float64Array, rows: number, columns: number) {
    this.#cost = cost;
    this.#rows = rows;
    this.#columns = columns;
    this.#rowPotential = new Float64Array(rows + 1);
    this.#columnPotential = new Float64Array(columns + 1);
    this.#rowOfColumn = new Int32Array(columns + 1);
    this.#distance = new Float64Array(columns + 1);
    this.#previous = new Int32Array(columns + 1);
    this.#settled = new Uint8Array(columns + 1);
  }

  /** Finds the shortest path from the row to a free column, and moves each row on it one column on. */
  place(row: number): void {
    const rowOfColumn = this.#rowOfColumn;
    rowOfColumn[0] = row;
    this.#distance.fill(Infinity);
    this.#settled.fill(0);
    let column = 0;
    do {
      this.#settled[column] = 1;
      this.#relax(column);
      column = this.#nearest();
      this.#shift(this.#distance[column] ?? 0);
    } while (rowOfColumn[column] !== 0);
    while (column !== 0) {
      const before = this.#previous[column] ?? 0;
      rowOfColumn[column] = rowOfColumn[before] ?? 0;
      column = before;
    }
  }

  columnOfRow(): Int32Array {
    const columnOfRow = new Int32Array(this.#rows).fill(-1);
    for (let column = 1; column <= this.#columns; column++) {
      const row = this.#rowOfColumn[column] ?? 0;
      if (row > 0) columnOfRow[row - 1] = column - 1;
    }
    return columnOfRow;
  }

  /** Shortens the distances of columns that are reached better by way of the row assigned to `from`. */
  #relax(from: number): void {
    const row = this.#rowOfColumn[from] ?? 0;
    const first = (row - 1) * this.#columns - 1;
    const potential = this.#rowPotential[row] ?? 0;
    for (let column = 1; column <= this.#columns; column++) {
      if (this.#settled[column] === 1) continue;
      const reduced = (this.#cost[first + column] ?? 0) - potential - (this.#columnPotential[column] ?? 0);
      if (reduced >= (this.#distance[column] ?? 0)) continue;
      this.#distance[column] = reduced;
      this.#previous[column] = from;
    }
  }

  #nearest(): number {
    let nearest = 0;
    let least = Infinity;
    for (let column = 1; column <= this.#columns; column++) {
      const distance = this.#distance[column] ?? 0;
      if (this.#settled[column] === 1 || distance >= least) continue;
      least = distance;
      nearest = column;
    }
    return nearest;
  }

  /** Moves the origin of all distances by `step`, so that the nearest column is at 0. */
  #shift(step: number): void {
    for (let column = 0; column <= this.#columns; column++) {
      if (this.#settled[column] === 1) {
        const row = this.#rowOfColumn[column] ?? 0;
        this.#rowPotential[row] = (this.#rowPotential[row] ?? 0) + step;
        this.#columnPotential[column] = (this.#columnPotential[column] ?? 0) - step;
      } else this.#distance[column] = (this.#distance[column] ?? 0) - step;
    }
  }
}
