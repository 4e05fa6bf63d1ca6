/** The processes that make up this Gantry. */
import { Show } from 'solid-js';
import type { NodeList } from '../../../../src/http/schemas/system-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { now } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { createStableRows } from '../../parts/stable-rows.ts';
import { type Column, Table } from '../../parts/table.tsx';
import { age, dayTime, figure } from '../../picture/words.ts';
import { Problem } from './problem.tsx';

type Node = NodeList['nodes'][number];
const NODES_MS = 5_000;

export function NodesTab() {
  const poll = createPoll<NodeList>(() => '/api/system/nodes', NODES_MS);
  const rows = createStableRows(() => poll.data()?.nodes ?? [], 'nodeId');
  return (
    <>
      <Problem error={poll.error()} />
      <Show when={poll.data()} fallback={<p class="empty">{t('shell.loading')}</p>}>
        <Table
          label={t('system.parts.nodes')}
          rows={rows()}
          rowId={({ nodeId }) => nodeId}
          columns={columns()}
          minWidth={900}
        />
      </Show>
    </>
  );
}

const columns = (): readonly Column<Node>[] => [
  {
    id: 'node',
    header: t('system.nodes.node'),
    weight: 2,
    sortBy: ({ nodeId }) => nodeId,
    cell: (node) => (
      <>
        <code>{node.nodeId}</code> {node.here ? t('system.nodes.here') : ''}
      </>
    ),
  },
  {
    id: 'state',
    header: t('system.nodes.state'),
    sortBy: ({ state }) => state,
    cell: (node) => (
      <span class="row">
        <span class="dot" data-state={node.state === 'present' ? 'running' : 'failed'} aria-hidden="true" />
        {node.state === 'present'
          ? t('system.nodes.present')
          : t('system.nodes.away', { time: age(now() - Date.parse(node.seenAt)) })}
      </span>
    ),
  },
  {
    id: 'roles',
    header: t('system.nodes.roles'),
    weight: 2,
    cell: ({ roles }) => <span title={roles.join(', ')}>{roles.join(', ')}</span>,
  },
  {
    id: 'cameras',
    header: t('system.nodes.cameras'),
    align: 'end',
    sortBy: ({ cameras }) => cameras,
    cell: ({ cameras }) => figure(cameras),
  },
  {
    id: 'version',
    header: t('system.nodes.version'),
    sortBy: ({ version }) => version,
    cell: ({ version }) => version,
  },
  {
    id: 'started',
    header: t('system.nodes.started'),
    weight: 2,
    sortBy: ({ startedAt }) => startedAt,
    cell: ({ startedAt }) => dayTime(startedAt),
  },
  { id: 'url', header: t('system.nodes.url'), weight: 2, cell: ({ url }) => <code>{url ?? '–'}</code> },
];
