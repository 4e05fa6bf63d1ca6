import type { Service, ServiceConfig, ServiceHandler } from 'nats';
import { clipped } from '../../messages/bounds.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { LineLimit } from '../line-limit.ts';
import type { NatsBus } from './nats-bus.ts';
import { checkSize } from './send.ts';

const LOG_EVERY_MS = 1_000;

/** A role as a NATS micro service: `nats micro ls`, `nats micro stats NAME`, `nats req gantry.NAME.stats ''`. */
export interface MicroRole {
  /** `gantry-` is put before it. */
  readonly name: string;
  readonly description: string;
  /** The answer of the `stats` endpoint, sent as JSON. */
  stats(): Promise<object>;
  /** Endpoints that every node answers for itself; `stats` is answered by one node. */
  readonly ofEachNode?: {
    readonly nodeId: string;
    readonly endpoints: Readonly<Record<string, () => Promise<object>>>;
  };
}

/** Registers each role as a NATS micro service. Returns a function that removes them. */
export async function registerRoles(
  bus: NatsBus,
  version: string,
  roles: readonly MicroRole[],
  log: ActorLog,
): Promise<() => Promise<void>> {
  const services: Service[] = [];
  const lines = new LineLimit(LOG_EVERY_MS);
  for (const role of roles) {
    const config: ServiceConfig = { name: `gantry-${role.name}`, version, description: role.description };
    const service = await bus.link.nc.services.add(config);
    const group = service.addGroup('gantry').addGroup(role.name);
    const answer =
      (what: string, read: () => Promise<object>): ServiceHandler =>
      (error, message) => {
        if (error !== null) return;
        const refuse = (thrown: unknown): void => {
          const why = clipped(asError(thrown).message.replaceAll(/\s+/gu, ' '));
          if (lines.mayLog())
            log.warn({ role: role.name, err: why }, `the ${what} of ${role.name} could not be answered: ${why}`);
          // After the close nothing can be answered.
          if (!bus.link.nc.isClosed()) message.respondError(503, why);
        };
        const reply = (value: object): void => {
          const text = JSON.stringify(value);
          checkSize(bus.link, message.subject, text);
          message.respond(text);
        };
        read()
          .then(reply)
          .catch(refuse)
          .catch((thrown: unknown) =>
            log.debug({ role: role.name, err: asError(thrown).message }, 'an answer could not be sent'),
          );
      };
    const metadata = { answer: 'application/json' };
    group.addEndpoint('stats', { metadata, handler: answer('stats', () => role.stats()) });
    const { nodeId = '', endpoints = {} } = role.ofEachNode ?? {};
    // A queue group per node: each node answers.
    for (const [name, read] of Object.entries(endpoints))
      group.addEndpoint(name, { metadata, queue: nodeId, handler: answer(name, read) });
    services.push(service);
  }
  return async () => {
    for (const service of services) await service.stop();
  };
}
