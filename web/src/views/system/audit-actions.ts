/** The kinds of changes that the audit has, in words. */
import { t, type TextKey } from '../../i18n/index.ts';

const TEXTS = {
  'alert.acknowledge': 'system.audit.actions.alertAcknowledge',
  'alert.unacknowledge': 'system.audit.actions.alertUnacknowledge',
  'alert.verdict': 'system.audit.actions.alertVerdict',
  'alarm.acknowledge': 'system.audit.actions.alarmAcknowledge',
  'shelf.add': 'system.audit.actions.shelfAdd',
  'shelf.remove': 'system.audit.actions.shelfRemove',
  'camera.add': 'system.audit.actions.cameraAdd',
  'camera.change': 'system.audit.actions.cameraChange',
  'camera.remove': 'system.audit.actions.cameraRemove',
  'scene.change': 'system.audit.actions.sceneChange',
  'scene.remove': 'system.audit.actions.sceneRemove',
  'key.add': 'system.audit.actions.keyAdd',
  'key.change': 'system.audit.actions.keyChange',
  'key.remove': 'system.audit.actions.keyRemove',
  'actor.restart': 'system.audit.actions.actorRestart',
  'dead-letter.replay': 'system.audit.actions.deadLetterReplay',
  'release.start': 'system.audit.actions.releaseStart',
  'release.change': 'system.audit.actions.releaseChange',
  'release.promote': 'system.audit.actions.releasePromote',
  'release.rollback': 'system.audit.actions.releaseRollback',
  'release.remove': 'system.audit.actions.releaseRemove',
  login: 'system.audit.actions.login',
  'login.failed': 'system.audit.actions.loginFailed',
  logout: 'system.audit.actions.logout',
  'user.add': 'system.audit.actions.userAdd',
  'user.change': 'system.audit.actions.userChange',
  'user.remove': 'system.audit.actions.userRemove',
  'user.reset': 'system.audit.actions.userReset',
  'user.setup': 'system.audit.actions.userSetup',
  'user.password': 'system.audit.actions.userPassword',
  'token.add': 'system.audit.actions.tokenAdd',
  'token.remove': 'system.audit.actions.tokenRemove',
} as const satisfies Readonly<Record<string, TextKey>>;

export const AUDIT_ACTIONS: readonly string[] = Object.keys(TEXTS);

/** An action in words; one that the page doesn't know is given as it is. */
export const actionText = (action: string): string =>
  Object.hasOwn(TEXTS, action) ? t(TEXTS[action as keyof typeof TEXTS]) : action;
