import { type Accessor, createComputed } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';

/**
 * The rows of `source` with their identities kept: a row that is loaded again is the same object with new fields, so
 * what shows it stays, with its focus and its open menu.
 *
 * @param key field that names a row
 */
export function createStableRows<Row extends object>(
  source: () => readonly Row[],
  key: string & keyof Row,
): Accessor<readonly Row[]> {
  const [state, setState] = createStore<{ rows: Row[] }>({ rows: [] });
  createComputed(() => setState('rows', reconcile([...source()], { key })));
  return () => state.rows;
}
