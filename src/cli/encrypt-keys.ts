import { run as seal } from './keys/seal-command.ts';

/** `npm run gantry -- encrypt-keys`: as `npm run gantry -- keys encrypt`. */
export const run = (args: string[]): Promise<number> => seal('encrypt', args);
