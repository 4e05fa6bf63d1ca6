/** Role and camera groups of a user or an API token. */
import { Show } from 'solid-js';
import type { UserRole } from '../../../../src/messages/principal.ts';
import { groupNames } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Combobox } from '../../parts/combobox.tsx';
import { Select } from '../../parts/select.tsx';
import { Switch } from '../../parts/switch.tsx';

const ROLES: readonly UserRole[] = ['viewer', 'operator', 'admin'];

export interface Rights {
  readonly role: UserRole;
  /** Null: every camera. */
  readonly groups: readonly string[] | null;
}

export const LEAST_RIGHTS: Rights = { role: 'viewer', groups: null };

export function RightsFields(props: { rights: Rights; onChange: (rights: Rights) => void }) {
  return (
    <>
      <Select
        name="role"
        label={t('system.users.role')}
        value={props.rights.role}
        options={ROLES.map((role) => ({ value: role, label: t(`system.users.roles.${role}`) }))}
        onChange={(value) =>
          props.onChange({ ...props.rights, role: ROLES.find((role) => role === value) ?? 'viewer' })
        }
      />
      <Switch
        name="all-cameras"
        label={t('system.users.allCameras')}
        checked={props.rights.groups === null}
        onChange={(all) => props.onChange({ ...props.rights, groups: all ? null : [] })}
      />
      <Show when={props.rights.groups}>
        {(groups) => (
          <>
            <Combobox
              name="groups"
              label={t('system.users.groups')}
              options={groupNames().map((name) => ({ value: name, label: name }))}
              values={groups()}
              onChange={(next) => props.onChange({ ...props.rights, groups: next })}
              multiple
              custom
            />
            <Show when={groups().length === 0}>
              <p class="muted">{t('system.users.noGroupYet')}</p>
            </Show>
          </>
        )}
      </Show>
    </>
  );
}
