import { z } from 'zod';
import { MOST } from './bounds.ts';
import { CameraId, IsoTime } from './ids.ts';
import { CameraGroup } from './principal.ts';
import { SceneConfig } from './scene.ts';

/** Fixed by the WebSocket contract: 1 online, 0 offline, 2 fault. */
export const CAMERA_STATUS_CODE = { online: 1, connecting: 0, offline: 0, fault: 2 } as const;

/**
 * `connecting`: no frame yet. `online`: frames arrive. `offline`: the source dropped, reconnecting with back-off.
 * `fault`: the camera's actor failed and is being restarted, or will not be any more.
 */
export const CameraState = z.enum(['connecting', 'online', 'offline', 'fault']);
export type CameraState = z.infer<typeof CameraState>;

/** Body of `camera-status.{cameraId}` and of the WebSocket message `camera_status`. */
export const CameraStatus = z.object({
  cameraId: CameraId,
  status: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  state: CameraState,
  message: z.string().max(MOST.text),
  since: IsoTime,
});
export type CameraStatus = z.infer<typeof CameraStatus>;

/** How old a frame may be, in seconds, when a verdict about it reaches a screen. */
export const FreshnessSeconds = z.number().min(0.2).max(60);

/** Text that an operator adds to the model's instructions. */
export const CameraPrompt = z.string().trim().min(1).max(MOST.prompt);

/** `auto`: TCP, and UDP when the camera refuses TCP. */
export const CameraTransport = z.enum(['auto', 'tcp', 'udp']);

/** 64 hex digits, in pairs with or without colons between them. */
export const CertificateSha256 = z
  .string()
  .regex(/^[0-9a-f]{2}(?::?[0-9a-f]{2}){31}$/iu, 'must be 64 hex digits, with or without colons');

/** The groups a camera is in: users of a group see its cameras only. */
export const GroupNames = z
  .array(CameraGroup)
  .max(MOST.cameraGroups)
  .refine((groups) => new Set(groups).size === groups.length, 'must not name a group twice');

/** Body of `camera-removed`. */
export const CameraRemoved = z.object({ cameraId: CameraId });

/** Body of `camera-groups`, and one camera in the answer of `gantry.cameras.groups`. */
export const CameraGroups = z.object({ cameraId: CameraId, groups: GroupNames });
export type CameraGroups = z.infer<typeof CameraGroups>;

/** A camera as configured by an operator. `url` may hold a password: it never leaves the process unredacted. */
export const CameraConfig = z.object({
  cameraId: CameraId,
  name: z.string().min(1).max(120),
  url: z.string().max(MOST.url),
  enabled: z.boolean(),
  /** Seconds between analysed frames. */
  intervalSeconds: z.number().min(0.1).max(60),
  /** Absent: `freshness_seconds` of the key file. */
  freshnessSeconds: FreshnessSeconds.optional(),
  /** A text for the model about this camera's scene; absent: none. */
  prompt: CameraPrompt.optional(),
  /** How RTP travels; absent: `auto`. */
  transport: CameraTransport.optional(),
  /** SHA-256 of the certificate that an `rtsps:` camera shows; absent: its chain is verified. */
  certificateSha256: CertificateSha256.optional(),
  /** Absent: none. */
  groups: GroupNames.optional(),
  /** Absent: no calibration and no zones. */
  scene: SceneConfig.optional(),
});
export type CameraConfig = z.infer<typeof CameraConfig>;
