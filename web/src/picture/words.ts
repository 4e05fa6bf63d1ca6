/** Numbers and times as people read them. */
import { language, t } from '../i18n/index.ts';

/** An age or a duration. */
export function age(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return t('shell.ago.seconds', { value: seconds.toFixed(1) });
  if (seconds < 90) return t('shell.ago.seconds', { value: Math.round(seconds) });
  if (seconds < 5400) return t('shell.ago.minutes', { value: Math.round(seconds / 60) });
  if (seconds < 172_800) return t('shell.ago.hours', { value: Math.round(seconds / 3600) });
  return t('shell.ago.days', { value: Math.round(seconds / 86_400) });
}

const locale = (): string => (language() === 'zh' ? 'zh-CN' : 'en-GB');

/** Time of the day, to the second. */
export const clockTime = (iso: string): string => new Date(iso).toLocaleTimeString(locale(), { hour12: false });

/** Day and time, to the second. */
export const dayTime = (iso: string): string =>
  new Date(iso).toLocaleString(locale(), { dateStyle: 'short', timeStyle: 'medium', hour12: false });

/** Day without the year, and time, where there is little room. */
export const shortTime = (iso: string): string =>
  new Date(iso).toLocaleString(locale(), {
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  });

/** A number with separators of thousands. */
export const figure = (value: number, digits = 0): string =>
  value.toLocaleString(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
