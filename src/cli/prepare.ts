import { parseArgs } from 'node:util';
import { readManifest } from '../model-store/manifest.ts';
import { pullModel } from '../model-store/pull.ts';
import { findFfmpeg } from '../provision/binaries.ts';
import { ensureDemoFootage } from '../provision/footage.ts';
import { ensureRedisServer } from '../provision/redis-packages.ts';
import { asError } from '../runtime/errors.ts';
import { runCommand } from './command-line.ts';

const USAGE = `usage: npm run gantry -- prepare [--no-footage]

Downloads the files for a start: the default model, Debian's Redis (when none is installed) and the
demo camera's footage (95 MB); on that it makes the model's 8-bit variant. All of it is kept in models/ and .cache/ and
downloaded once; nothing is installed into the system.`;

interface Step {
  readonly name: string;
  /** Resolves to a description of what is there now. Rejects with an error meant for operators. */
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
    if (binary === null) throw new Error(`${reason}; the in-memory stand-in will be used`);
    return `redis-server ${binary.version} (${binary.path})`;
  },
};

const footage: Step = {
  name: 'footage',
  run: async (say) => ensureDemoFootage({ ffmpeg: (await findFfmpeg()).path, onProgress: say }),
};

const int8: Step = {
  name: 'int8',
  run: async (say) => {
    // Loads onnxruntime.
    const { quantizeModel } = await import('./quantize-command.ts');
    return quantizeModel(null, say);
  },
};

/** `gantry prepare`. Exit code 0: all is there; 1: lines "not available: …" name the rest; 2: wrong arguments. */
export const run = (args: string[]): Promise<number> => runCommand('prepare', USAGE, args, readSteps, prepare);

function readSteps(args: string[]): readonly Step[] {
  const { values } = parseArgs({ args, options: { 'no-footage': { type: 'boolean' } } });
  return values['no-footage'] === true ? [model, redis] : [model, redis, footage, int8];
}

async function prepare(steps: readonly Step[]): Promise<number> {
  let code = 0;
  for (const step of steps) {
    try {
      const result = await step.run((line) => console.log(`  ${step.name}: ${line}`));
      console.log(`${step.name}: ${result}`);
    } catch (error) {
      console.log(`not available: ${step.name}: ${asError(error).message}`);
      code = 1;
    }
  }
  return code;
}
