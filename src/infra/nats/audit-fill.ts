import { streams } from '../../messages/subjects.ts';
import type { NatsLink } from './connection.ts';

/** How full the stream AUDIT is. */
export interface AuditFill {
  readonly bytes: number;
  readonly maxBytes: number;
  /** Of the oldest entry, epoch ms; null in an empty stream. */
  readonly oldestAt: number | null;
}

const YEAR_MS = 365 * 24 * 60 * 60_000;
/** Share of its bound in bytes from which health tells. */
const NEARLY_FULL = 0.8;

/** Rejects `BUS_DOWN`. */
export function readAuditFill(link: NatsLink): Promise<AuditFill> {
  return link.call(`reading the state of ${streams.audit}`, async () => {
    const { config, state } = await link.jsm.streams.info(streams.audit);
    return {
      bytes: state.bytes,
      maxBytes: config.max_bytes,
      oldestAt: state.messages === 0 ? null : Date.parse(state.first_ts),
    };
  });
}

/** For health, before entries younger than a year are removed for want of room; none while there is room. Pure. */
export function auditFillNotices({ bytes, maxBytes, oldestAt }: AuditFill, now: number): readonly string[] {
  const share = bytes / maxBytes;
  if (oldestAt === null || share < NEARLY_FULL || now - oldestAt >= NEARLY_FULL * YEAR_MS) return [];
  const oldest = new Date(oldestAt).toISOString().slice(0, 10);
  return [
    `the audit is ${Math.floor(share * 100)} % full: soon its oldest entries, now from ${oldest}, ` +
      'are removed before they are a year old; raise GANTRY_STREAMS_MB',
  ];
}
