import type { Encoder } from '../imaging/jpeg-encoder.ts';
import type { AuditLog } from '../infra/audit-log.ts';
import type { Log } from '../infra/log.ts';
import { JetStreamAlertImages, type JetStreamImages } from '../infra/nats/image-store.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import type { ReleaseBook } from '../releases/release-book.ts';
import { systemClock } from '../runtime/clock.ts';
import type { GantryConfig } from './config.ts';
import { ReleaseDesk } from './release-desk.ts';
import { ReleasePictures } from './release-pictures.ts';
import type { StartStack } from './start-stack.ts';

export interface ReleaseFigureParts {
  readonly config: Pick<GantryConfig, 'roles'>;
  readonly bus: NatsBus;
  readonly releases: ReleaseBook;
  readonly auditLog: AuditLog;
  readonly images: JetStreamImages;
  /** Null without a role that makes pictures. */
  readonly encoder: Encoder | null;
  readonly log: Log;
}

/** How releases compare with the present way. */
export interface UsedReleaseFigures {
  /** Null without the role `web`. */
  readonly releaseDesk: ReleaseDesk | null;
  /** Null without the role `aggregator`. */
  readonly releasePictures: ReleasePictures | null;
}

/** Follows the outcomes of releases: their figures and limits, and the pictures of differences. */
export async function useReleaseFigures(
  stack: StartStack,
  { config: { roles }, bus, releases, auditLog, images, encoder, log }: ReleaseFigureParts,
): Promise<UsedReleaseFigures> {
  const releaseDesk = await stack.step(
    'figures of releases',
    () =>
      roles.includes('web') ? new ReleaseDesk({ bus, book: releases, audit: auditLog, clock: systemClock, log }) : null,
    (desk) => desk?.close(),
  );
  const releasePictures = await stack.step(
    'pictures of releases',
    () =>
      roles.includes('aggregator') && encoder !== null
        ? new ReleasePictures({ bus, images, kept: new JetStreamAlertImages(bus), encoder, log })
        : null,
    (pictures) => pictures?.close(),
  );
  return { releaseDesk, releasePictures };
}
