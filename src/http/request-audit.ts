import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AddressRanges } from '../infra/address-ranges.ts';
import { auditEntry } from '../infra/audit-entry.ts';
import type { Clock } from '../runtime/clock.ts';
import { clientOf } from './intake/client-address.ts';
import type { HttpPorts } from './ports.ts';
import type { RequestNote } from './server.types.ts';

export interface AuditOptions {
  readonly audit: Pick<HttpPorts['audit'], 'record'>;
  readonly trusted: AddressRanges;
  readonly clock: Clock;
}

/**
 * Changing routes whose success is not recorded, each with its reason. Every other one is: by its handler's
 * `request.audit`, or else as `request.post` and the like.
 */
export const UNAUDITED: ReadonlyMap<string, string> = new Map([
  ['POST /api/assessments', 'changes no setting, and programs send many; its id tells of each for an hour'],
  ['POST /api/cameras/:id/scene/dry-run', 'changes nothing: it shows which incidents a scene would have brought'],
  ['PUT /api/preferences', 'changes how the page looks to one person, at each move of a tile'],
  ['POST /api/tickets', 'changes nothing: the page asks for one before each picture'],
  ['PUT /api/preferences', "the caller's own view of the page, changed at every click"],
]);
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Adds `request.audit`, and records the changes of handlers that do not call it. */
export function installAudit(app: FastifyInstance, { audit, trusted, clock }: AuditOptions): void {
  const audited = new WeakSet<FastifyRequest>();
  app.decorateRequest('audit', function record(this: FastifyRequest, note: RequestNote) {
    audited.add(this);
    const { name, role, via } = this.principal;
    const actor = { who: name, role, via, ...note.actor, address: clientOf(this, trusted) };
    audit.record(auditEntry(actor, note, clock.now()));
  });
  app.addHook('onResponse', async (request, reply) => {
    const { url: route } = request.routeOptions;
    if (READING.has(request.method) || route === undefined || reply.statusCode >= 400 || audited.has(request)) return;
    if (UNAUDITED.has(`${request.method} ${route}`)) return;
    request.audit({ action: `request.${request.method.toLowerCase()}`, target: request.url.split('?', 1)[0] ?? '' });
  });
}
