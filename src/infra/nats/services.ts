import type { Service, ServiceConfig } from 'nats';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { NatsBus } from './bus.ts';

/** A role as others see it on NATS: `nats micro ls`, `nats micro stats NAME`, `nats req gantry.NAME.stats ''`. */
export interface MicroRole {
  /** `gantry-` is put before it. */
  readonly name: string;
  readonly description: string;
  /** What the `stats` endpoint answers, as JSON. */
  stats(): Promise<object>;
}

/** Registers each role as a NATS micro service. Returns what takes them off again. */
export async function registerRoles(bus: NatsBus, version: string, roles: readonly MicroRole[], log: ActorLog): Promise<() => Promise<void>> {
  const services: Service[] = [];
  for (const role of roles) {
    const config: ServiceConfig = { name: `gantry-${role.name}`, version, description: role.description };
    const service = await bus.link.nc.services.add(config);
    service.addGroup('gantry').addGroup(role.name).addEndpoint('stats', {
      metadata: { answer: 'application/json' },
      handler: (error, message) => {
        if (error !== null) return;
        role.stats().then(
          (stats) => message.respond(JSON.stringify(stats)),
          (thrown: unknown) => {
            log.warn({ role: role.name, err: asError(thrown).message }, `the stats of ${role.name} could not be read`);
            message.respondError(503, asError(thrown).message);
          },
        );
      },
    });
    services.push(service);
  }
  return async () => {
    for (const service of services) await service.stop();
  };
}
