import type { SessionEnd } from './rtsp.types.ts';
import { sessionEnd } from './session-ends.ts';

/** Cameras may wake up or start an encoder for it. */
const DESCRIBE_MS = 30_000;
const ANSWER_MS = 10_000;
/** Nothing by UDP after PLAY mostly means a firewall. */
const FIRST_UDP_MS = 5_000;
/** After PLAY. */
const FIRST_TCP_MS = 30_000;
/** The owner of the session, who knows how rare pictures are, may give up earlier. */
const SILENCE_MS = 120_000;
const REPORT_MS = 5_000;

/** Something to do now. */
export type Due = 'keep-alive' | 'report';

/** When something is due in a session, or is overdue. Times are epoch ms. */
export class SessionDeadlines {
  #awaited: { readonly method: string; readonly since: number } | null = null;
  #play: { readonly kind: 'tcp' | 'udp'; readonly since: number; readonly keepAliveMs: number } | null = null;
  #lastPacketAt: number | null = null;
  #keepAliveAt = 0;
  #reportAt = 0;

  /** @param method request whose answer is awaited; null for none */
  awaiting(method: string | null, now: number): void {
    if (method === null) this.#awaited = null;
    else if (this.#awaited?.method !== method) this.#awaited = { method, since: now };
  }

  played(kind: 'tcp' | 'udp', keepAliveMs: number, now: number): void {
    this.#play = { kind, since: now, keepAliveMs };
    this.#keepAliveAt = now + keepAliveMs;
    this.#reportAt = now + REPORT_MS;
  }

  packetCame(now: number): void {
    this.#lastPacketAt = now;
  }

  /** What to do at `now`; or the end of the session, because the camera is silent for too long. */
  due(now: number): SessionEnd | readonly Due[] {
    const awaited = this.#awaited;
    if (awaited !== null) {
      const limit = awaited.method === 'DESCRIBE' ? DESCRIBE_MS : ANSWER_MS;
      if (now - awaited.since >= limit) {
        return sessionEnd('SILENT', `the camera did not answer ${awaited.method} within ${limit / 1000} s`);
      }
    }
    const play = this.#play;
    if (play === null) return [];
    const silence = silenceOf(play.kind, play.since, this.#lastPacketAt, now);
    if (silence !== null) return sessionEnd('SILENT', silence);
    const due: Due[] = [];
    if (now >= this.#keepAliveAt) {
      this.#keepAliveAt = now + play.keepAliveMs;
      due.push('keep-alive');
    }
    if (now >= this.#reportAt) {
      this.#reportAt = now + REPORT_MS;
      due.push('report');
    }
    return due;
  }
}

function silenceOf(kind: 'tcp' | 'udp', since: number, last: number | null, now: number): string | null {
  const first = kind === 'udp' ? FIRST_UDP_MS : FIRST_TCP_MS;
  const limit = last === null ? first : SILENCE_MS;
  if (now - Math.max(since, last ?? since) < limit) return null;
  if (last !== null) return `the camera sent no packet for ${limit / 1000} s`;
  return kind === 'tcp'
    ? `the camera sent no packet within ${limit / 1000} s of PLAY`
    : `no packet came by UDP within ${limit / 1000} s of PLAY; a firewall may stop them, or the transport tcp may do`;
}
