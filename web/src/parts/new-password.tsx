import { t } from '../i18n/index.ts';
import { Field } from './field.tsx';

export interface NewPasswordProps {
  readonly label: string;
  readonly password: string;
  readonly repeated: string;
  readonly onPassword: (password: string) => void;
  readonly onRepeated: (repeated: string) => void;
  /** Says beside the second field that it is not the same. */
  readonly differs: boolean;
  readonly error: unknown;
}

/** A new password, typed twice. */
export const NewPassword = (props: NewPasswordProps) => (
  <>
    <Field
      name="password"
      type="password"
      label={props.label}
      value={props.password}
      onInput={(password) => props.onPassword(password)}
      autocomplete="new-password"
      error={props.error}
    />
    <Field
      name="repeat"
      type="password"
      label={t('shell.setup.repeat')}
      value={props.repeated}
      onInput={(repeated) => props.onRepeated(repeated)}
      autocomplete="new-password"
      error={props.differs ? t('shell.setup.different') : null}
    />
  </>
);
