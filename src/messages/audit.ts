import { z } from 'zod';
import { MOST } from './bounds.ts';
import { CameraId, IsoTime } from './ids.ts';
import { Principal, UserRole } from './principal.ts';

/** Bytes of a value before or after a change, as JSON. */
export const MOST_AUDIT_VALUE = 8_192;

/** The kind of a change: words separated by dots, e.g. `camera.change`. Each word is a token of a NATS subject. */
export const AuditAction = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+){0,3}$/u, 'must be words of a-z 0-9 - with dots between, e.g. camera.change');
export type AuditAction = z.infer<typeof AuditAction>;

/**
 * How the request was let in: as of a {@link Principal}; `command` for a command on the server's own machine; `system`
 * for a change without a person.
 */
export const AuditVia = z.enum([...Principal.shape.via.options, 'command', 'system']);
export type AuditVia = z.infer<typeof AuditVia>;

/** One change: by whom, from where, and the values before and after it. Secrets are hidden in all of it. */
export const AuditEntry = z.object({
  at: IsoTime,
  /** A {@link Principal}'s name; of a refused login, the name that was tried. */
  who: z.string().min(1).max(MOST.name),
  /** Null where nobody was let in, as at a refused login. */
  role: UserRole.nullable(),
  via: AuditVia,
  /** Of the client: an IPv4 address or the /64 of an IPv6 address; `unknown`; `local` for a command. */
  address: z.string().max(100),
  action: AuditAction,
  /** Id or name of the changed thing, e.g. a camera's id. */
  target: z.string().max(MOST.name),
  /** Null where the change concerns no camera, or several. */
  cameraId: CameraId.nullable(),
  /** JSON values; null where there is none. One that was too long is `{cut: <its bytes>, text: <its beginning>}`. */
  before: z.unknown(),
  after: z.unknown(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** A change as its route tells it; the rest of the entry comes from the request. */
export interface AuditNote {
  readonly action: AuditAction;
  readonly target: string;
  /** Default null. */
  readonly cameraId?: CameraId | null;
  /** Any value that JSON can hold; secrets in it are hidden. Default null. */
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Somebody, as an entry names them. */
export interface AuditActor {
  readonly who: string;
  readonly role: UserRole | null;
  readonly via: AuditVia;
  readonly address: string;
}
