import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { AuditActor, AuditNote } from '../messages/audit.ts';
import type { Access, RouteScope } from './access/route-rights.ts';
import type { Principal } from '../messages/principal.ts';
import type { SignedIn } from './access/authenticator.ts';

/** The Fastify instance of this room: bodies, parameters and replies typed by zod schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** A change as a route tells it. */
export interface RequestNote extends AuditNote {
  readonly actor?: Omit<AuditActor, 'address'>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler runs; probes have none. `NOBODY` where nobody is signed in, on the public routes. */
    principal: Principal;
    /** How the principal got in; null where nobody is signed in. */
    signedIn: SignedIn | null;
    /**
     * Records a change in the audit, after it succeeded. Never throws, and waits for nothing. `actor`: only where the
     * request's principal is not the one who acts, as at a login.
     */
    audit: (note: RequestNote) => void;
  }
  interface FastifyContextConfig {
    /** The least role that may use the route. Every route declares it, or the server does not start. */
    readonly access?: Access;
    /** How the route keeps to the principal's cameras. Every route declares it, or the server does not start. */
    readonly scope?: RouteScope;
    /** The route accepts WebSockets; all others refuse them. */
    readonly upgrades?: boolean;
    /** Most fields and list entries of the body. Default `MAX_JSON_PARTS`. */
    readonly jsonParts?: number;
  }
}
