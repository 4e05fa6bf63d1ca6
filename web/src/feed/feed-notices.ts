/** Notices about the feed and the parts of Gantry, in words. */
import type { HealthReport } from '../../../src/http/schemas/operations-schema.ts';
import type { FeedGap, FeedLag } from '../../../src/messages/feed.ts';
import { may } from '../api/session.ts';
import type { Notice } from '../app/notices.ts';
import { t } from '../i18n/index.ts';

/** The notices for a health report. */
export function noticesOf(health: HealthReport): Notice[] {
  const level = health.status === 'down' ? 'bad' : 'warn';
  const alerts = health.alerts ?? [];
  const notices = [
    ...natsNotices(health),
    ...redisNotices(health),
    ...modelNotices(health),
    ...assessmentNotices(health),
    ...alerts.flatMap((alert) => alertNotice(alert)),
  ];
  const known = new Set([
    ...notices.map(({ text }) => text),
    ...alerts.map(({ notice }) => notice),
    health.assessment?.source === 'rules' ? health.assessment.notice : null,
  ]);
  for (const text of health.notices) if (!known.has(text)) notices.push({ level, text });
  if (notices.every(({ level: own }) => own === 'info') && health.status !== 'ok') {
    notices.push({ level, text: t('shell.notice.status', { status: health.status }) });
  }
  return notices;
}

function natsNotices({ nats }: Pick<HealthReport, 'nats'>): Notice[] {
  if (nats === undefined || nats.state === 'connected') return [];
  return [{ level: 'bad', text: nats.notice ?? t('shell.notice.natsAway') }];
}

function redisNotices({ redis }: Pick<HealthReport, 'redis'>): Notice[] {
  if (redis === undefined || (redis.state === 'connected' && redis.durable)) return [];
  const text = redis.state === 'connected' ? t('shell.notice.redisStandIn') : t('shell.notice.redisAway');
  return [{ level: 'warn', text: redis.notice ?? text }];
}

const modelNotices = ({ models }: Pick<HealthReport, 'models'>): Notice[] =>
  (models ?? [])
    .filter(({ state }) => state !== 'ready')
    .map(({ name, state, notice }) => ({
      level: 'bad',
      text: notice ?? t('shell.notice.detector', { name, state }),
    }));

/** That no key is meant to be used, which is a choice and no fault. */
function assessmentNotices({ assessment }: Pick<HealthReport, 'assessment'>): Notice[] {
  if (assessment?.source !== 'rules' || assessment.notice === null) return [];
  const link = { href: '/budget', text: t('shell.budget') };
  return [{ level: 'info', text: t('shell.notice.noKeys'), link }];
}

/** An announced alert about Gantry itself. The view of all alerts is for operators. */
function alertNotice({ severity, notice }: HealthReport['alerts'][number]): Notice[] {
  if (notice === null) return [];
  const text = t('shell.notice.alert', { severity: t(`system.monitoring.severities.${severity}`), notice });
  const link = { href: '/system/monitoring', text: t('shell.notice.monitoring') };
  return [{ level: severity === 'critical' ? 'bad' : 'warn', text, ...(may('operator') ? { link } : {}) }];
}

export function noticeOfGap({ reason, alertsSince }: Pick<FeedGap, 'reason' | 'alertsSince'>): Notice {
  const cause = reason === 'unreachable' ? t('shell.notice.gapUnreachable') : t('shell.notice.gapMissed');
  const text =
    alertsSince === null
      ? t('shell.notice.gapAlertsMissing', { cause })
      : t('shell.notice.gapAlertsHere', { cause, time: new Date(alertsSince).toLocaleTimeString() });
  return { level: 'warn', text };
}

export const noticeOfLag = ({ framesSkipped }: Pick<FeedLag, 'framesSkipped'>): Notice => ({
  level: 'warn',
  text: framesSkipped === 1 ? t('shell.notice.lagOne') : t('shell.notice.lag', { frames: framesSkipped }),
});
