/** Users and API tokens: who may sign in, and as what. */
import { createSignal, Show } from 'solid-js';
import type { TokenList, TokenView, UserList, UserView } from '../../../../src/http/schemas/accounts-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { session } from '../../api/session.ts';
import { now } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Menu } from '../../parts/menu.tsx';
import { createStableRows } from '../../parts/stable-rows.ts';
import { type Column, Table } from '../../parts/table.tsx';
import { dayTime, figure } from '../../picture/words.ts';
import { Problem } from './problem.tsx';
import { AddTokenDialog, RemoveTokenDialog } from './token-dialogs.tsx';
import { AddUserDialog, ChangeUserDialog, RemoveUserDialog, ResetUserDialog } from './user-dialogs.tsx';

const USERS_MS = 10_000;
const ROW_PX = 44;

export function UsersTab() {
  return (
    <>
      <Show when={session().open}>
        <p class="notice" data-level="warn">
          {t('system.users.open')}
        </p>
      </Show>
      <Users />
      <Tokens />
    </>
  );
}

type Action = 'change' | 'reset' | 'remove';

function Users() {
  const poll = createPoll<UserList>(() => '/api/users', USERS_MS);
  const rows = createStableRows(() => poll.data()?.users ?? [], 'name');
  const [adding, setAdding] = createSignal(false);
  const [chosen, setChosen] = createSignal<{ action: Action; user: UserView } | null>(null);
  const userFor = (action: Action): UserView | null => {
    const own = chosen();
    return own?.action === action ? own.user : null;
  };
  const close = (): void => void setChosen(null);
  const done = (): void => void poll.refresh();
  const actions = (user: UserView) => (
    <Menu.Root label={t('system.users.actionsOf', { name: user.name })} text="⋯">
      <Menu.Item value="change" onSelect={() => setChosen({ action: 'change', user: { ...user } })}>
        {t('system.users.change')}
      </Menu.Item>
      <Menu.Item value="reset" onSelect={() => setChosen({ action: 'reset', user: { ...user } })}>
        {t('system.users.reset')}
      </Menu.Item>
      <Menu.Item value="remove" danger onSelect={() => setChosen({ action: 'remove', user: { ...user } })}>
        {t('system.users.remove')}
      </Menu.Item>
    </Menu.Root>
  );
  return (
    <section class="card" aria-labelledby="users-title">
      <div class="row">
        <h3 id="users-title">{t('system.users.title')}</h3>
        <Button onClick={() => setAdding(true)}>{t('system.users.add')}</Button>
      </div>
      <Problem error={poll.error()} />
      <Table
        label={t('system.users.title')}
        rows={rows()}
        rowId={({ name }) => name}
        rowHeight={ROW_PX}
        minWidth={860}
        columns={[...userColumns(), { id: 'actions', header: t('system.users.actions'), cell: actions }]}
      />
      <AddUserDialog open={adding()} onClose={() => setAdding(false)} onDone={done} />
      <ChangeUserDialog user={userFor('change')} onClose={close} onDone={done} />
      <ResetUserDialog user={userFor('reset')} onClose={close} onDone={done} />
      <RemoveUserDialog user={userFor('remove')} onClose={close} onDone={done} />
    </section>
  );
}

const groupsText = (groups: readonly string[] | null): string =>
  groups === null ? t('system.users.allCameras') : groups.length === 0 ? t('system.users.noCamera') : groups.join(', ');
const timeText = (time: string | null): string => (time === null ? t('system.users.never') : dayTime(time));

const rights = <Row extends Pick<UserView, 'name' | 'role' | 'groups'>>(): readonly Column<Row>[] => [
  { id: 'name', header: t('system.users.name'), sortBy: ({ name }) => name, cell: ({ name }) => name },
  {
    id: 'role',
    header: t('system.users.role'),
    sortBy: ({ role }) => role,
    cell: ({ role }) => t(`shell.user.role.${role}`),
  },
  {
    id: 'groups',
    header: t('system.users.groups'),
    weight: 2,
    cell: ({ groups }) => <span title={groupsText(groups)}>{groupsText(groups)}</span>,
  },
];

const userColumns = (): readonly Column<UserView>[] => [
  ...rights<UserView>(),
  {
    id: 'ways',
    header: t('system.users.ways'),
    cell: ({ password, oidc }) =>
      [password ? t('system.users.byPassword') : '', oidc ? t('system.users.bySingleSignOn') : '']
        .filter((way) => way !== '')
        .join(', ') || t('system.users.noWay'),
  },
  {
    id: 'login',
    header: t('system.users.lastLogin'),
    weight: 2,
    sortBy: ({ lastLoginAt }) => lastLoginAt ?? '',
    cell: ({ lastLoginAt }) => timeText(lastLoginAt),
  },
  {
    id: 'sessions',
    header: t('system.users.sessions'),
    align: 'end',
    sortBy: ({ sessions }) => sessions,
    cell: ({ sessions }) => figure(sessions),
  },
];

function Tokens() {
  const poll = createPoll<TokenList>(() => '/api/tokens', USERS_MS);
  const rows = createStableRows(() => poll.data()?.tokens ?? [], 'id');
  const [adding, setAdding] = createSignal(false);
  const [removing, setRemoving] = createSignal<TokenView | null>(null);
  const done = (): void => void poll.refresh();
  const remove = (token: TokenView) => (
    <Button aria-label={t('system.tokens.removeOf', { name: token.name })} onClick={() => setRemoving({ ...token })}>
      {t('system.tokens.remove')}
    </Button>
  );
  return (
    <section class="card" aria-labelledby="tokens-title">
      <div class="row">
        <h3 id="tokens-title">{t('system.tokens.title')}</h3>
        <Button onClick={() => setAdding(true)}>{t('system.tokens.add')}</Button>
      </div>
      <p class="muted">{t('system.tokens.hint')}</p>
      <Problem error={poll.error()} />
      <Table
        label={t('system.tokens.title')}
        rows={rows()}
        rowId={({ id }) => id}
        rowHeight={ROW_PX}
        minWidth={860}
        columns={[...tokenColumns(), { id: 'actions', header: t('system.users.actions'), cell: remove }]}
      />
      <AddTokenDialog open={adding()} onClose={() => setAdding(false)} onDone={done} />
      <RemoveTokenDialog token={removing()} onClose={() => setRemoving(null)} onDone={done} />
    </section>
  );
}

const tokenColumns = (): readonly Column<TokenView>[] => [
  ...rights<TokenView>(),
  {
    id: 'expires',
    header: t('system.tokens.expires'),
    weight: 2,
    sortBy: ({ expiresAt }) => expiresAt,
    cell: ({ expiresAt }) =>
      Date.parse(expiresAt) <= now() ? `⚠ ${t('system.tokens.expired')}, ${dayTime(expiresAt)}` : dayTime(expiresAt),
  },
  {
    id: 'by',
    header: t('system.tokens.createdBy'),
    sortBy: ({ createdBy }) => createdBy,
    cell: (row) => row.createdBy,
  },
  {
    id: 'used',
    header: t('system.tokens.lastUsed'),
    weight: 2,
    sortBy: ({ lastUsedAt }) => lastUsedAt ?? '',
    cell: ({ lastUsedAt }) => timeText(lastUsedAt),
  },
];
