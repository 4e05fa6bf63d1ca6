import { run as seal } from './keys/seal-command.ts';

/** `gantry encrypt-keys`: as `gantry keys encrypt`. */
export const run = (args: string[]): Promise<number> => seal('encrypt', args);
