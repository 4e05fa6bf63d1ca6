import { access } from 'node:fs/promises';
import type { Log } from '../infra/log.ts';
import { InfraError } from '../infra/infra-error.ts';
import type { LocatedModel } from '../messages/model.ts';
import { isSpecFile, loadModelSpec } from '../model-store/manifest.ts';
import { pullModel } from '../model-store/pull.ts';

/** The detector of a name in the manifest, which is fetched when it is missing, or of an operator's spec file. */
export async function useModel(nameOrFile: string, log: Log): Promise<LocatedModel> {
  if (!isSpecFile(nameOrFile))
    return (
      await pullModel(nameOrFile, {
        onProgress: ({ stage, message }) => stage !== 'present' && log.info({ step: 'model', stage }, message),
      })
    ).spec;
  const spec = await loadModelSpec(nameOrFile);
  try {
    await access(spec.path);
  } catch (thrown) {
    throw new InfraError(
      'CONFIG_INVALID',
      `model ${spec.name}: there is no file ${spec.path}; the path in ${nameOrFile} is relative to that file`,
      { model: spec.name, path: spec.path },
      thrown,
    );
  }
  return spec;
}
