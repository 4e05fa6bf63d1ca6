import { z } from 'zod';
import {
  CameraConfig,
  CameraPrompt,
  CameraStatus,
  CameraTransport,
  CertificateSha256,
  FreshnessSeconds,
  GroupNames,
} from '../../messages/camera.ts';
import { CameraGroup } from '../../messages/principal.ts';
import { SceneConfig } from '../../messages/scene.ts';
import { CameraId, IsoTime, ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import { MAX_SOURCE_LENGTH, checkSource, type SourceAllow } from '../../infra/source-policy.ts';

/** Default of the seconds between analysed frames. */
const DEFAULT_INTERVAL_SECONDS = 1.8;

/** A camera's figures. */
export const CameraFigures = z.object({
  /** Analysed frames per second, over about the last minute. */
  framesPerSecond: z.number().min(0),
  /** Analysed frames since the camera was added or the program started. */
  frames: z.int().min(0),
  /** Times the source had to be opened again. */
  reconnects: z.int().min(0),
  lastFrameAt: IsoTime.nullable(),
  /** Dropped since the program started: detections while NATS was down too long, groups while too many tasks waited. */
  shed: z.object({ detections: z.int().min(0), groups: z.int().min(0) }),
});
export type CameraFigures = z.infer<typeof CameraFigures>;

/** A camera as the API shows it; the URL without its password. */
export const CameraView = CameraConfig.extend({ url: z.string(), status: CameraStatus, figures: CameraFigures });
export type CameraView = z.infer<typeof CameraView>;

const Name = z
  .string()
  .trim()
  .min(1)
  .max(120)
  // eslint-disable-next-line no-control-regex
  .regex(/^[^\u0000-\u001f\u007f]*$/u, 'must not contain control characters');

const sourceUrl = (allow: SourceAllow | null) =>
  z
    .string()
    .check((context) => {
      const verdict = checkSource(context.value, allow);
      if (!verdict.ok) context.issues.push({ code: 'custom', message: verdict.reason, input: context.value });
    })
    .meta({ description: 'rtsp:// or rtsps:// URL; it may contain user and password', maxLength: MAX_SOURCE_LENGTH });

const Interval = CameraConfig.shape.intervalSeconds;
const Freshness = FreshnessSeconds.meta({
  description: 'How old a frame may be, in seconds, when a verdict about it reaches a screen',
});
const Transport = CameraTransport.meta({
  description: 'How the video travels: tcp, udp, or auto (default): tcp, and udp when the camera refuses tcp',
});
const Certificate = CertificateSha256.meta({
  description: "SHA-256 of the certificate of an rtsps:// camera; default: the system's authorities decide",
});
const Prompt = CameraPrompt.meta({ description: "Text about the camera's scene, added to the model's instructions" });

const Groups = GroupNames.meta({ description: 'Groups of cameras it is in; users of a group see its cameras only' });

const Scene = SceneConfig.meta({ description: 'Calibration, zones and lines, in px of a picture of width x height' });

/** Bodies of `POST` and `PATCH`, under the deployment's list of allowed hosts. Unknown fields are refused. */
export function cameraBodies(allow: SourceAllow | null) {
  const url = sourceUrl(allow);
  const create = z.strictObject({
    cameraId: CameraId.refine(
      (id) => id !== ON_DEMAND_CAMERA,
      `must not be ${ON_DEMAND_CAMERA}, which is reserved for pictures handed in`,
    ),
    name: Name.optional().meta({ description: 'What people call it; default: the id' }),
    url,
    enabled: z.boolean().default(true),
    intervalSeconds: Interval.default(DEFAULT_INTERVAL_SECONDS).meta({
      description: 'Seconds between analysed frames',
    }),
    freshnessSeconds: Freshness.optional(),
    prompt: Prompt.optional(),
    transport: Transport.optional(),
    certificateSha256: Certificate.optional(),
    groups: Groups.optional(),
    scene: Scene.optional(),
  });
  const patch = z
    .strictObject({
      name: Name,
      url,
      enabled: z.boolean(),
      intervalSeconds: Interval,
      // Null: the setting of the key file, no text, the defaults, no groups and no scene.
      freshnessSeconds: Freshness.nullable(),
      prompt: Prompt.nullable(),
      transport: Transport.nullable(),
      certificateSha256: Certificate.nullable(),
      groups: Groups.nullable(),
      scene: Scene.nullable(),
    })
    .partial()
    .refine(
      (fields) => Object.keys(fields).length > 0,
      'names nothing to change: give name, url, enabled, intervalSeconds, freshnessSeconds, prompt, transport, ' +
        'certificateSha256, groups or scene',
    );
  return { create, patch };
}

export type NewCamera = z.infer<ReturnType<typeof cameraBodies>['create']>;

/** The fields of a camera that may be changed; at least one. */
export type CameraPatch = z.infer<ReturnType<typeof cameraBodies>['patch']>;

/** Groups with the ids of their cameras, by name. */
export const CameraGroupList = z.object({
  groups: z.array(z.object({ name: CameraGroup, cameras: z.array(CameraId) })),
});

export const CameraParams = z.object({ id: CameraId });
export const AlertsQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
