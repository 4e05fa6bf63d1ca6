import {
  RollbackBody,
  ReleaseDetail,
  ReleaseList,
  ReleaseReply,
  type ReleaseView,
} from '../http/schemas/releases-schema.ts';
import { type ReleaseChanges, ReleaseId } from '../messages/release.ts';
import { UsageError } from './command-errors.ts';
import type { Output } from './output.ts';
import { figuresText } from './release-figures-text.ts';
import { askGantry } from './running-api.ts';
import { textTable } from './text-table.ts';

interface DataDir {
  readonly 'data-dir': string | undefined;
}
type Named = DataDir & { readonly id: string };

// `gantry releases ...`. Exit code 0: shown or done. They reject as `askGantry`.

export async function list({ 'data-dir': dataDir }: DataDir, output: Output): Promise<number> {
  const found = await askGantry(dataDir, ReleaseList, { path: '/api/releases' });
  const rows = found.releases.map((release) => [
    release.releaseId,
    release.state,
    shareOf(release),
    changesText(release.changes),
    `${release.changedAt} by ${release.changedBy}`,
  ]);
  const table =
    rows.length === 0 ? 'no releases' : textTable([['release', 'state', 'judges', 'changes', 'changed'], ...rows]);
  output.result(found, `${table}\n\npresent way: ${changesText(found.present)}`);
  return 0;
}

export async function show({ id, 'data-dir': dataDir }: Named, output: Output): Promise<number> {
  const found = await askGantry(dataDir, ReleaseDetail, { path: pathOf(id) });
  const { release, figures } = found;
  output.result(
    found,
    `${headOf(release)}\n\n${figures === null ? 'no figures at this process' : figuresText(figures)}`,
  );
  return 0;
}

export const promote = async ({ id, 'data-dir': dataDir }: Named, output: Output): Promise<number> =>
  change(dataDir, `${pathOf(id)}/promote`, {}, output);

export async function rollback(
  { id, reason, 'data-dir': dataDir }: Named & { readonly reason: string | undefined },
  output: Output,
): Promise<number> {
  const body = RollbackBody.safeParse(reason === undefined ? {} : { reason });
  if (!body.success) throw new UsageError(`--reason: ${body.error.issues[0]?.message ?? 'is not right'}`);
  return change(dataDir, `${pathOf(id)}/rollback`, body.data, output);
}

async function change(dataDir: string | undefined, path: string, body: object, output: Output): Promise<number> {
  const reply = await askGantry(dataDir, ReleaseReply, { path, body });
  output.result(reply, headOf(reply.release));
  return 0;
}

function pathOf(id: string): string {
  const read = ReleaseId.safeParse(id);
  if (read.success) return `/api/releases/${read.data}`;
  throw new UsageError(`"${id}" is no id of a release: ${read.error.issues[0]?.message ?? ''}`);
}

const shareOf = ({ percent, by, mode }: ReleaseView): string => `${percent} % of the ${by}s, ${mode}`;

const headOf = (release: ReleaseView): string =>
  textTable([
    ['release', release.releaseId],
    ['state', release.reason === null ? release.state : `${release.state}: ${release.reason}`],
    ['judges', shareOf(release)],
    ['changes', changesText(release.changes)],
    ['changed', `${release.changedAt} by ${release.changedBy}`],
  ]);

/** The fields that a release changes: model and detector by name. */
function changesText(changes: ReleaseChanges): string {
  const named = (['model', 'detector'] as const).flatMap((field) => {
    const value = changes[field];
    return value === undefined ? [] : [`${field} ${value}`];
  });
  const others = (['prompts', 'thresholds', 'keys'] as const).filter((field) => changes[field] !== undefined);
  return [...named, ...others].join(', ') || 'as the files say';
}
