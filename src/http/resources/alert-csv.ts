import { pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { ListedAlertRow } from '../../alert-desk/alert-desk.ts';
import { rowView } from './alert-search.ts';

const COLUMNS = [
  'timestamp',
  'alertId',
  'cameraId',
  'camera',
  'level',
  'kinds',
  'incidents',
  'description',
  'source',
  'acknowledgedBy',
  'acknowledgedAt',
  'verdict',
  'verdictBy',
  'verdictAt',
  'comment',
  'shelved',
] as const;
type Cells = Readonly<Record<(typeof COLUMNS)[number], string>>;

/**
 * The alerts as CSV in UTF-8, with a line of names first. Texts that a spreadsheet would run as formulas begin with an
 * apostrophe. `names`: of cameras, by their ids.
 */
export function alertCsv(rows: readonly ListedAlertRow[], names: ReadonlyMap<string, string>): Readable {
  const csv = stringify({
    header: true,
    columns: [...COLUMNS],
    // Without it Excel takes the text for Latin-1.
    bom: true,
    // Every text is quoted: descriptions hold commas, quotes and line ends.
    quoted: true,
    quoted_empty: true,
    escape_formulas: true,
    record_delimiter: 'windows',
  });
  // A failure destroys both, and the reply with them.
  pipeline(Readable.from(cellsOf(rows, names)), csv, () => undefined);
  return csv;
}

function* cellsOf(rows: readonly ListedAlertRow[], names: ReadonlyMap<string, string>): Generator<Cells> {
  for (const row of rows) {
    const { handling, incidents, kinds, shelved, timestamp, alertId, cameraId, level, description, source } =
      rowView(row);
    const { acknowledged, verdict, comment } = handling;
    yield {
      timestamp,
      alertId,
      cameraId,
      camera: names.get(cameraId) ?? '',
      level,
      kinds: kinds.join(' '),
      incidents: incidents.map(({ incidentId }) => incidentId).join(' '),
      description,
      source,
      acknowledgedBy: acknowledged?.by ?? '',
      acknowledgedAt: acknowledged?.at ?? '',
      verdict: verdict?.value ?? '',
      verdictBy: verdict?.by ?? '',
      verdictAt: verdict?.at ?? '',
      comment: comment?.text ?? '',
      shelved: shelved ? 'yes' : 'no',
    };
  }
}
