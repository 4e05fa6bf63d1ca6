import { join } from 'node:path';
import { PROJECT_ROOT } from '../provision/folders.ts';

/** The data folder of the Gantry that a command is about: `--data-dir`, GANTRY_DATA_DIR, or `data` of the project. */
export const dataFolderOf = (dataDir: string | undefined): string =>
  dataDir ?? process.env['GANTRY_DATA_DIR'] ?? join(PROJECT_ROOT, 'data');
