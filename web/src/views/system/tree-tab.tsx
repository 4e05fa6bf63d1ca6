/** The supervisor tree: search, states, and the node that was chosen. */
import { createMemo, createSignal, For, Show } from 'solid-js';
import type { TreeReply } from '../../../../src/http/schemas/tree-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Field } from '../../parts/field.tsx';
import { Switch } from '../../parts/switch.tsx';
import { Tree } from '../../parts/tree.tsx';
import { dayTime, figure } from '../../picture/words.ts';
import { Problem } from './problem.tsx';
import { NodeDetail } from './tree-detail.tsx';
import { cameraAtPath, entriesOf, nameOfPath, shownTree, type TreeEntry } from './tree-nodes.ts';

const TREE_MS = 2_000;

export function TreeTab() {
  const poll = createPoll<TreeReply>(() => '/api/supervisor/tree', TREE_MS);
  const [text, setText] = createSignal('');
  const [troubledOnly, setTroubledOnly] = createSignal(false);
  const [openIds, setOpenIds] = createSignal<readonly string[]>(['/']);
  const [chosen, setChosen] = createSignal<string | null>('/');
  const entries = createMemo(() => {
    const tree = poll.data()?.tree;
    return tree === undefined ? new Map<string, TreeEntry>() : entriesOf(tree);
  });
  const shown = createMemo(() => {
    const tree = poll.data()?.tree;
    const filter = { text: text(), troubledOnly: troubledOnly() };
    return tree === undefined ? { items: [], branches: [], left: 0 } : shownTree(tree, filter);
  });
  const isFiltered = () => text().trim() !== '' || troubledOnly();
  return (
    <>
      <Problem error={poll.error()} />
      <Show when={poll.data()} fallback={<p class="empty">{t('shell.loading')}</p>}>
        <div class="row system-filters">
          <Field name="search" label={t('system.tree.search')} value={text()} onInput={setText} />
          <Switch label={t('system.tree.troubledOnly')} checked={troubledOnly()} onChange={setTroubledOnly} />
        </div>
        <div class="tree-split">
          <div class="card tree-card">
            <Tree
              label={t('system.parts.tree')}
              items={shown().items}
              openIds={isFiltered() ? shown().branches : openIds()}
              onOpenIds={(ids) => setOpenIds(ids)}
              selectedId={chosen()}
              onSelect={setChosen}
              line={(path) => <Line entry={entries().get(path)} />}
            />
            <Show when={shown().items.length === 0}>
              <p class="empty">{t('system.tree.nothingFound')}</p>
            </Show>
            <Show when={shown().left > 0}>
              <p class="muted">{t('system.tree.more', { count: figure(shown().left) })}</p>
            </Show>
            <Show when={(poll.data()?.others ?? 0) > 0}>
              <p class="muted">{t('system.tree.others', { count: figure(poll.data()?.others ?? 0) })}</p>
            </Show>
          </div>
          <Show when={entries().get(chosen() ?? '')} fallback={<p class="empty">{t('system.tree.choose')}</p>}>
            {(entry) => <NodeDetail entry={entry()} onRestarted={() => void poll.refresh()} />}
          </Show>
        </div>
        <Show when={poll.data()?.deadLetters}>{(letters) => <Undelivered letters={letters()} />}</Show>
      </Show>
    </>
  );
}

/** One line of the tree. */
function Line(props: { entry: TreeEntry | undefined }) {
  const node = () => props.entry?.node;
  const camera = () => cameraAtPath(node()?.path ?? '');
  return (
    <Show when={node()}>
      {(given) => (
        <>
          <span class="dot" data-state={given().state} aria-hidden="true" />
          <span>
            {nameOfPath(given().path)}
            <Show when={camera() !== null && nameOf(camera() ?? '') !== camera()}>
              {' '}
              <span class="muted">{nameOf(camera() ?? '')}</span>
            </Show>
          </span>
          <Show when={given().state !== 'running'}>
            <span class="tree-state" data-state={given().state}>
              {t(`system.tree.states.${given().state}`)}
            </span>
          </Show>
          <Show when={given().restarts > 0}>
            <span class="muted">{t('system.tree.restartedTimes', { count: given().restarts })}</span>
          </Show>
        </>
      )}
    </Show>
  );
}

/** Messages between actors that reached none; those of the bus have a part of their own. */
const Undelivered = (props: { letters: TreeReply['deadLetters'] }) => (
  <details class="card">
    <summary>{t('system.tree.undelivered', { count: figure(props.letters.total) })}</summary>
    <p class="muted">{t('system.tree.undeliveredHint')}</p>
    <ul class="system-events">
      <For each={props.letters.recent.toReversed()}>
        {(letter) => (
          <li>
            <time datetime={letter.at}>{dayTime(letter.at)}</time> <code>{letter.path}</code> {letter.messageType}:{' '}
            {t(`system.tree.reasons.${letter.reason}`)}
          </li>
        )}
      </For>
    </ul>
  </details>
);
