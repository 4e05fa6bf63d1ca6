import { t } from '../i18n/index.ts';

export const NotFound = () => <p class="empty">{t('shell.notFound')}</p>;
