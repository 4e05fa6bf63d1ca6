/** Calls the operator to new alarms: by a sound and by a notification of the browser, each by choice. */
import { createSignal } from 'solid-js';
import { onMessage } from '../feed/feed.ts';
import type { Alarm } from '../feed/messages.ts';
import { t } from '../i18n/index.ts';
import { toast } from '../parts/toast.tsx';
import { alarmText } from '../picture/alarm-words.ts';
import { changePreferences, preferences } from './preferences.ts';

/** Sounds closer together are one. */
const SOUND_MS = 2_000;

let audio: AudioContext | null = null;
let soundedAt = -Infinity;

const [called, setCalled] = createSignal('');
/** The last call, in words, for a region that screen readers read out. */
export const lastCall = called;

/** Two short tones. A browser plays none before its user has pressed something in the page. */
function sound(): void {
  if (performance.now() - soundedAt < SOUND_MS) return;
  soundedAt = performance.now();
  audio ??= new AudioContext();
  void audio.resume();
  for (const [index, frequency] of [880, 1_175].entries()) {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    const start = audio.currentTime + index * 0.22;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.25, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.2);
  }
}

function notifyOf(alarm: Alarm): void {
  if (!('Notification' in window) || Notification.permission !== 'granted') return;
  // One notification for an alarm: a later call replaces it.
  const shown = new Notification(t('alerts.called'), { body: alarmText(alarm), tag: alarm.alarmId });
  shown.addEventListener('click', () => {
    window.focus();
    location.hash = addressOfAlarm(alarm);
    shown.close();
  });
}

const addressOfAlarm = ({ members: [first] }: Alarm): string =>
  first === undefined ? '#/alerts' : `#/alerts/${encodeURIComponent(first.alertId)}`;

/** Listens for as long as the page is open; called once. */
export function startCalls(): void {
  onMessage('alarm', ({ announce, ...alarm }) => {
    if (!announce) return;
    setCalled(`${t('alerts.called')}: ${alarmText(alarm)}`);
    if (preferences().sound) sound();
    if (preferences().notifications) notifyOf(alarm);
  });
}

/** Turned on, it sounds once: the user knows it then, and the browser allows it from there on. */
export function chooseSound(wanted: boolean): void {
  changePreferences({ sound: wanted });
  if (wanted) sound();
}

/** The browser asks its user first. */
export async function chooseNotifications(wanted: boolean): Promise<void> {
  const allowed = wanted && 'Notification' in window && (await Notification.requestPermission()) === 'granted';
  changePreferences({ notifications: allowed });
  if (wanted && !allowed) toast({ type: 'error', text: t('shell.user.notificationsDenied') });
}
