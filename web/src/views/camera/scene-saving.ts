/** The scene of a camera at the server: read, saved and removed, but not over somebody else's change. */
import { type Accessor, createSignal } from 'solid-js';
import type { SceneView as SceneReply } from '../../../../src/http/schemas/scene-schema.ts';
import type { SceneChange, SceneConfig } from '../../../../src/messages/scene.ts';
import { ApiError, type RequestOptions, requestTagged } from '../../api/request.ts';
import { t } from '../../i18n/index.ts';
import { toast, toastFailure } from '../../parts/toast.tsx';
import { bodyOf } from './scene-edits.ts';
import type { SceneModel } from './scene-model.ts';
import { problemOf, type SceneProblem } from './scene-problems.ts';

/** A scene as the server has it. */
export interface StoredScene {
  /** Null: the camera has none. */
  readonly scene: SceneConfig | null;
  /** Null without a scene, or where a proxy took it away. */
  readonly tag: string | null;
  /** The last person who changed it; null where that is not known. */
  readonly changed: SceneChange | null;
}

/** A change that was refused, and the scene that somebody else stored meanwhile. */
export interface SceneConflict {
  readonly attempt: 'save' | 'remove';
  readonly theirs: StoredScene;
}

export interface SceneSaving {
  readonly busy: Accessor<boolean>;
  readonly save: () => Promise<void>;
  readonly remove: () => Promise<void>;
  /** Null while there is none. */
  readonly conflict: Accessor<SceneConflict | null>;
  /** Leaves the conflict for the next attempt; the edits stay. */
  readonly keepEditing: () => void;
  /** Shows the other scene; undo brings the edits back. */
  readonly loadTheirs: () => void;
  /** Makes the refused change all the same. */
  readonly overwrite: () => Promise<void>;
}

const pathOf = (id: string): string => `/api/cameras/${encodeURIComponent(id)}/scene`;

/** Rejects with an {@link ApiError}. */
export async function loadScene(id: string): Promise<StoredScene> {
  try {
    const { body, tag } = await requestTagged<SceneReply>(pathOf(id));
    return { scene: bodyOf(body), tag, changed: body.changed };
  } catch (thrown) {
    if (thrown instanceof ApiError && thrown.code === 'NO_SCENE') return { scene: null, tag: null, changed: null };
    throw thrown;
  }
}

/** Demands that the server still has this scene. */
function onlyOver({ scene, tag }: StoredScene): Pick<RequestOptions, 'headers'> {
  if (scene === null) return { headers: { 'if-none-match': '*' } };
  return tag === null ? {} : { headers: { 'if-match': tag } };
}

/** @param onProblem shows where in the scene a problem is */
export function createSaving(
  id: string,
  model: SceneModel,
  first: StoredScene,
  onProblem: (problem: SceneProblem) => void,
): SceneSaving {
  const [busy, setBusy] = createSignal(false);
  const [conflict, setConflict] = createSignal<SceneConflict | null>(null);
  const path = pathOf(id);
  /** The scene that the edits began with, or the one that somebody decided to save over. */
  let stored = first;

  const run = async (attempt: SceneConflict['attempt'], work: () => Promise<void>): Promise<void> => {
    if (busy()) return;
    setBusy(true);
    try {
      await work().catch(async (thrown: unknown) => {
        if (!(thrown instanceof ApiError && thrown.code === 'SCENE_CHANGED')) throw thrown;
        setConflict({ attempt, theirs: await loadScene(id) });
      });
    } catch (thrown) {
      const problem = thrown instanceof ApiError ? problemOf(thrown) : null;
      model.refuse(problem);
      if (problem === null || problem.field === 'id') toastFailure(thrown);
      else onProblem(problem);
    } finally {
      setBusy(false);
    }
  };
  const save = (): Promise<void> =>
    run('save', async () => {
      const [wrong] = model.problems();
      if (wrong !== undefined) {
        onProblem(wrong);
        return;
      }
      const scene = bodyOf(model.scene());
      const options = { method: 'PUT', body: scene, ...onlyOver(stored) } as const;
      const { body, tag } = await requestTagged<SceneReply>(path, options);
      stored = { scene, tag, changed: body.changed };
      model.setSaved(scene);
      toast({ type: 'success', text: t('scene.saved') });
    });
  const show = (scene: SceneConfig | null): void => {
    const { width, height } = model.scene();
    model.setSaved(scene);
    model.edit(scene ?? { width, height, zones: [], lines: [] });
  };
  const remove = (): Promise<void> =>
    run('remove', async () => {
      await requestTagged(path, { method: 'DELETE', ...onlyOver(stored) });
      stored = { scene: null, tag: null, changed: null };
      show(null);
      toast({ type: 'success', text: t('scene.removed') });
    });
  /** Ends the conflict; the next change replaces the other scene. */
  const settle = (): SceneConflict | null => {
    const settled = conflict();
    setConflict(null);
    if (settled !== null) stored = settled.theirs;
    return settled;
  };
  return {
    busy,
    save,
    remove,
    conflict,
    keepEditing: () => setConflict(null),
    loadTheirs: () => {
      const settled = settle();
      if (settled !== null) show(settled.theirs.scene);
    },
    overwrite: () => (settle()?.attempt === 'remove' ? remove() : save()),
  };
}
