import { runGantry } from './gantry-program.ts';

// Not process.exit, which would cut off output still being written to a pipe.
process.exitCode = await runGantry(process.argv.slice(2), process);
