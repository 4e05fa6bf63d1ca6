import type { ModelFamily } from '../../messages/model.ts';
import type { FamilyDecoder } from './decoder.ts';
import { detr } from './detr.ts';
import { dfine } from './dfine.ts';
import { ssd } from './ssd.ts';
import { yolov8 } from './yolov8.ts';
import { yolox } from './yolox.ts';

export const decoders: Readonly<Record<ModelFamily, FamilyDecoder>> = { ssd, yolox, detr, dfine, yolov8 };
