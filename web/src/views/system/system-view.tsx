/** Whether the system is well, and who may use it. Each part is for those who may see it. */
import { useNavigate, useParams } from '@solidjs/router';
import { createMemo, type JSX, Show } from 'solid-js';
import { may, mayAll } from '../../api/session.ts';
import { t } from '../../i18n/index.ts';
import { Tabs } from '../../parts/tabs.tsx';
import { AuditTab } from './audit-tab.tsx';
import { DeadLettersTab } from './dead-letters-tab.tsx';
import { FlowTab } from './flow-tab.tsx';
import { MonitoringTab } from './monitoring-tab.tsx';
import { NodesTab } from './nodes-tab.tsx';
import { ReleasesTab } from './releases-tab.tsx';
import { SettingsTab } from './settings-tab.tsx';
import { TreeTab } from './tree-tab.tsx';
import { UsersTab } from './users-tab.tsx';
import './system.css';

type PartName = 'tree' | 'flow' | 'nodes' | 'releases' | 'monitoring' | 'dead-letters' | 'settings' | 'users' | 'audit';
interface Part {
  readonly name: PartName;
  readonly text: 'tree' | 'flow' | 'nodes' | 'releases' | 'monitoring' | 'deadLetters' | 'settings' | 'users' | 'audit';
  readonly content: () => JSX.Element;
  /** Whether the API gives it to this user. */
  readonly allowed: () => boolean;
}

const everything = (): boolean => mayAll('admin');
const PARTS: readonly Part[] = [
  { name: 'tree', text: 'tree', content: () => <TreeTab />, allowed: () => may('viewer') },
  { name: 'flow', text: 'flow', content: () => <FlowTab />, allowed: () => may('operator') },
  { name: 'nodes', text: 'nodes', content: () => <NodesTab />, allowed: () => may('operator') },
  { name: 'releases', text: 'releases', content: () => <ReleasesTab />, allowed: () => mayAll('operator') },
  { name: 'monitoring', text: 'monitoring', content: () => <MonitoringTab />, allowed: () => may('operator') },
  { name: 'dead-letters', text: 'deadLetters', content: () => <DeadLettersTab />, allowed: () => may('admin') },
  { name: 'settings', text: 'settings', content: () => <SettingsTab />, allowed: everything },
  { name: 'users', text: 'users', content: () => <UsersTab />, allowed: everything },
  { name: 'audit', text: 'audit', content: () => <AuditTab />, allowed: everything },
];

export default function SystemView() {
  const params = useParams<{ part?: string }>();
  const navigate = useNavigate();
  const wanted = () => params.part ?? 'tree';
  const allowed = createMemo(() => PARTS.filter((part) => part.allowed()).map(({ name }) => name));
  const tabs = createMemo(() =>
    PARTS.filter(({ name }) => allowed().includes(name)).map(({ name, text, content }) => ({
      value: name,
      label: t(`system.parts.${text}`),
      content,
    })),
  );
  return (
    <div class="system">
      <h2>{t('system.title')}</h2>
      <Show when={!tabs().some(({ value }) => value === wanted())}>
        <p class="notice" data-level="warn" role="status">
          {t('system.notAllowed')}
        </p>
      </Show>
      <Tabs label={t('system.title')} tabs={tabs()} value={wanted()} onChange={(part) => navigate(`/system/${part}`)} />
    </div>
  );
}
