import { readManifest } from '../model-store/manifest.ts';
import { pullModel } from '../model-store/pull.ts';
import { findFfmpeg } from '../provision/binaries.ts';
import { ensureDemoFootage } from '../provision/footage.ts';
import { ensureRedisServer } from '../provision/redis-packages.ts';
import { asError } from '../runtime/errors.ts';
import type { Output } from './output.ts';

/** `fraction`: 0 to 1 of the step; null while it is not known. */
type Say = (line: string, fraction?: number | null, stage?: string) => void;

interface Step {
  readonly name: string;
  /** Resolves to a description of what is there now. Rejects with an error meant for operators. */
  readonly run: (say: Say) => Promise<string>;
}

const model: Step = {
  name: 'model',
  run: async (say) => {
    const { spec } = await pullModel((await readManifest()).default, {
      onProgress: ({ message, fraction, stage }) => say(message, fraction, stage),
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
    return (await quantizeModel(null, say)).text;
  },
};

/** `gantry prepare`. Exit code 0: all is there; 1: lines "not available: …" name the rest. */
export async function run(args: { readonly 'no-footage': boolean | undefined }, output: Output): Promise<number> {
  const steps = args['no-footage'] === true ? [model, redis] : [model, redis, footage, int8];
  const done: { readonly step: string; readonly ok: boolean; readonly message: string }[] = [];
  for (const [index, { name, run: work }] of steps.entries()) {
    const progress = await output.progress(name, 'lines');
    try {
      const message = await work((line, fraction = null, stage = line) =>
        progress.at(fraction === null ? null : (index + fraction) / steps.length, `  ${name}: ${line}`, stage),
      );
      done.push({ step: name, ok: true, message });
    } catch (error) {
      done.push({ step: name, ok: false, message: asError(error).message });
    } finally {
      progress.end();
    }
    const { ok, message } = done.at(-1) ?? { ok: false, message: '' };
    output.say(ok ? `${name}: ${message}` : `not available: ${name}: ${message}`);
  }
  const ok = done.every((step) => step.ok);
  output.result({ steps: done }, ok ? 'all is there' : 'not all is there');
  return ok ? 0 : 1;
}
