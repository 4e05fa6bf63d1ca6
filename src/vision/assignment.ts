/**
 * Minimum-cost assignment of rows to columns (Kuhn 1955; shortest augmenting paths as Jonker and Volgenant 1987), in
 * O(rows² · columns). `cost` is row-major, finite, and has at least as many columns as rows. Returns the column of
 * each row.
 */
export function assign(cost: Float64Array, rows: number, columns: number): Int32Array {
  // Index 0 of columns is a virtual one that holds the row being placed; real rows and columns count from 1.
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(columns + 1);
  const rowOfColumn = new Int32Array(columns + 1);
  const previous = new Int32Array(columns + 1);
  const distance = new Float64Array(columns + 1);
  const settled = new Uint8Array(columns + 1);
  for (let row = 1; row <= rows; row++) {
    rowOfColumn[0] = row;
    distance.fill(Infinity);
    settled.fill(0);
    let column = 0;
    do {
      settled[column] = 1;
      const from = rowOfColumn[column] ?? 0;
      let step = Infinity;
      let nearest = 0;
      for (let j = 1; j <= columns; j++) {
        if (settled[j] === 1) continue;
        const reduced =
          (cost[(from - 1) * columns + j - 1] ?? 0) - (rowPotential[from] ?? 0) - (columnPotential[j] ?? 0);
        if (reduced < (distance[j] ?? 0)) {
          distance[j] = reduced;
          previous[j] = column;
        }
        if ((distance[j] ?? 0) < step) {
          step = distance[j] ?? 0;
          nearest = j;
        }
      }
      for (let j = 0; j <= columns; j++) {
        if (settled[j] === 1) {
          const owner = rowOfColumn[j] ?? 0;
          rowPotential[owner] = (rowPotential[owner] ?? 0) + step;
          columnPotential[j] = (columnPotential[j] ?? 0) - step;
        } else distance[j] = (distance[j] ?? 0) - step;
      }
      column = nearest;
    } while (rowOfColumn[column] !== 0);
    while (column !== 0) {
      const before = previous[column] ?? 0;
      rowOfColumn[column] = rowOfColumn[before] ?? 0;
      column = before;
    }
  }
  const columnOfRow = new Int32Array(rows).fill(-1);
  for (let j = 1; j <= columns; j++) {
    const row = rowOfColumn[j] ?? 0;
    if (row > 0) columnOfRow[row - 1] = j - 1;
  }
  return columnOfRow;
}
