import type { HttpPorts } from '../http/ports.ts';
import { AuditHistory } from '../infra/audit-history.ts';
import type { AuditLog } from '../infra/audit-log.ts';
import type { Bus } from '../infra/bus.ts';
import type { Log } from '../infra/log.ts';
import { auditFillNotices, readAuditFill } from '../infra/nats/audit-fill.ts';
import type { NatsLink } from '../infra/nats/connection.ts';
import { asError } from '../runtime/errors.ts';

export function auditPort(bus: Pick<Bus, 'read' | 'last'>, auditLog: AuditLog): HttpPorts['audit'] {
  const history = new AuditHistory(bus);
  return { record: (entry) => auditLog.record(entry), page: (query) => history.page(query) };
}

/** Notices for health: entries that wait or were lost, and a stream that is nearly full. */
export async function auditNotices(
  link: NatsLink,
  auditLog: AuditLog,
  now: number,
  log: Pick<Log, 'debug'>,
): Promise<readonly string[]> {
  try {
    return [...auditLog.notices(), ...auditFillNotices(await readAuditFill(link), now)];
  } catch (thrown) {
    // An unavailable NATS has a notice of its own.
    log.debug({ err: asError(thrown).message }, 'the size of the audit cannot be looked at');
    return auditLog.notices();
  }
}
