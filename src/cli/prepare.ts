import { parseArgs } from 'node:util';
import { readManifest } from '../model-store/manifest.ts';
import { pullModel } from '../model-store/pull.ts';
import { findFfmpeg } from '../provision/binaries.ts';
import { ensureDemoFootage } from '../provision/footage.ts';
import { ensureRedisServer } from '../provision/redis-packages.ts';

const USAGE = `usage: gantry prepare [--no-footage]

Downloads what a start needs and is not there yet: the default model, Debian's Redis (when none is installed) and the
demo camera's footage (95 MB). All of it is kept in models/ and .cache/; nothing is installed into the system.`;

interface Step {
  readonly name: string;
  /** Resolves to what is there now. Rejects with an error whose message an operator understands. */
  readonly run: (say: (line: string) => void) => Promise<string>;
}

const model: Step = {
  name: 'model',
  run: async (say) => {
    let stage = '';
    const { spec } = await pullModel((await readManifest()).default, {
      onProgress: (progress) => {
        if (progress.stage !== stage) say(progress.message);
        stage = progress.stage;
      },
    });
    return spec.name;
  },
};

const redis: Step = {
  name: 'redis',
  run: async (say) => {
    const { binary, reason } = await ensureRedisServer({ onProgress: say });
    if (binary === null) throw new Error(`${reason}; the stand-in that keeps nothing will be used`);
    return `redis-server ${binary.version} (${binary.path})`;
  },
};

const footage: Step = {
  name: 'footage',
  run: async (say) => ensureDemoFootage({ ffmpeg: (await findFfmpeg()).path, onProgress: say }),
};

/** `gantry prepare`. Exit code 0: everything is there; 1: something could not be had, named in a line "not available: …". */
export async function run(args: string[]): Promise<number> {
  let withFootage: boolean;
  try {
    const { values } = parseArgs({
      args,
      options: { 'no-footage': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help === true) {
      console.log(USAGE);
      return 0;
    }
    withFootage = values['no-footage'] !== true;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  let code = 0;
  for (const step of [model, redis, ...(withFootage ? [footage] : [])]) {
    try {
      const result = await step.run((line) => console.log(`  ${step.name}: ${line}`));
      console.log(`${step.name}: ${result}`);
    } catch (error) {
      console.log(`not available: ${step.name}: ${error instanceof Error ? error.message : String(error)}`);
      code = 1;
    }
  }
  return code;
}
