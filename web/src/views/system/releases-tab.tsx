/** Releases: other ways to judge, beside the present one. */
import { createSignal, Show } from 'solid-js';
import type { ReleaseList, ReleaseView } from '../../../../src/http/schemas/releases-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { mayAll } from '../../api/session.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Menu } from '../../parts/menu.tsx';
import { createStableRows } from '../../parts/stable-rows.ts';
import { type Column, Table } from '../../parts/table.tsx';
import { dayTime, figure } from '../../picture/words.ts';
import { Problem } from './problem.tsx';
import { EndReleaseDialog, type ReleaseEnd, WidenDialog } from './release-dialogs.tsx';
import { ReleaseFiguresCard } from './release-figures.tsx';
import { StartReleaseDialog } from './start-release-dialog.tsx';

const RELEASES_MS = 5_000;
const ROW_PX = 44;

export function ReleasesTab() {
  const poll = createPoll<ReleaseList>(() => '/api/releases', RELEASES_MS);
  const rows = createStableRows(() => poll.data()?.releases ?? [], 'releaseId');
  const [starting, setStarting] = createSignal(false);
  const [chosen, setChosen] = createSignal<{ action: ReleaseEnd | 'widen'; release: ReleaseView } | null>(null);
  const [opened, setOpened] = createSignal<string | null>(null);
  const shown = (): string | null => opened() ?? poll.data()?.releases[0]?.releaseId ?? null;
  const close = (): void => void setChosen(null);
  const done = (): void => void poll.refresh();
  const ending = () => {
    const own = chosen();
    return own === null || own.action === 'widen' ? null : { action: own.action, id: own.release.releaseId };
  };
  const item = (action: ReleaseEnd | 'widen', release: ReleaseView) => (
    <Menu.Item
      value={action}
      danger={action === 'rollBack' || action === 'remove'}
      onSelect={() => setChosen({ action, release: { ...release } })}
    >
      {t(`system.releases.${action}`)}
    </Menu.Item>
  );
  const actions = (release: ReleaseView) => (
    <Menu.Root label={`${t('system.releases.actions')}: ${release.releaseId}`} text="⋯">
      <Show when={release.state === 'running'}>
        {item('widen', release)}
        {item('promote', release)}
      </Show>
      <Show when={release.state !== 'rolled-back'} fallback={item('remove', release)}>
        {item('rollBack', release)}
      </Show>
    </Menu.Root>
  );
  const columns = (): readonly Column<ReleaseView>[] => [
    ...releaseColumns(),
    ...(mayAll('admin') ? [{ id: 'actions', header: t('system.releases.actions'), cell: actions }] : []),
  ];
  return (
    <>
      <section class="card" aria-labelledby="releases-title">
        <div class="row">
          <h3 id="releases-title">{t('system.releases.title')}</h3>
          <Show when={mayAll('admin')}>
            <Button onClick={() => setStarting(true)}>{t('system.releases.add')}</Button>
          </Show>
        </div>
        <p class="muted">{t('system.releases.hint')}</p>
        <Problem error={poll.error()} />
        <Show when={rows().length > 0} fallback={<p class="empty">{t('system.releases.none')}</p>}>
          <Table
            label={t('system.releases.title')}
            rows={rows()}
            rowId={({ releaseId }) => releaseId}
            rowHeight={ROW_PX}
            minWidth={860}
            columns={columns()}
            onOpen={({ releaseId }) => setOpened(releaseId)}
          />
        </Show>
        <StartReleaseDialog open={starting()} onClose={() => setStarting(false)} onDone={done} />
        <WidenDialog
          release={chosen()?.action === 'widen' ? (chosen()?.release ?? null) : null}
          onClose={close}
          onDone={done}
        />
        <EndReleaseDialog ending={ending()} onClose={close} onDone={done} />
      </section>
      <Show when={shown()}>{(id) => <ReleaseFiguresCard id={id()} />}</Show>
    </>
  );
}

/** The fields that a release changes, in words. */
function changesText({ changes }: ReleaseView): string {
  const named = [changes.model, changes.detector].filter((each) => each !== undefined);
  const fields = (['prompts', 'thresholds', 'keys'] as const).filter((name) => changes[name] !== undefined);
  return [...named, ...fields].join(', ') || t('system.releases.changesNothing');
}

const releaseColumns = (): readonly Column<ReleaseView>[] => [
  {
    id: 'id',
    header: t('system.releases.id'),
    sortBy: ({ releaseId }) => releaseId,
    cell: ({ releaseId }) => <code>{releaseId}</code>,
  },
  {
    id: 'state',
    header: t('system.releases.state'),
    sortBy: ({ state }) => state,
    cell: ({ state, reason }) => <span title={reason ?? ''}>{t(`system.releases.states.${state}`)}</span>,
  },
  {
    id: 'changes',
    header: t('system.releases.changes'),
    weight: 2,
    cell: (release) => <span title={changesText(release)}>{changesText(release)}</span>,
  },
  {
    id: 'share',
    header: t('system.releases.by'),
    cell: ({ percent, by, mode }) =>
      `${figure(percent)} % ${t(`system.releases.units.${by}`)}, ${t(`system.releases.modes.${mode}`)}`,
    weight: 2,
  },
  {
    id: 'changed',
    header: t('system.releases.changed'),
    sortBy: ({ changedAt }) => changedAt,
    cell: ({ changedAt }) => dayTime(changedAt),
  },
  { id: 'by', header: t('system.releases.changedBy'), cell: ({ changedBy }) => changedBy },
];
