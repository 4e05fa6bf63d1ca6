import assert from 'node:assert/strict';
import { pullModel } from '../../src/model-store/pull.ts';
import { createDetector } from '../../src/vision/detector.ts';
import { demoFootage } from './rtsp-cameras.ts';
import { frames } from './vision-frames.ts';

/**
 * Classes per frame over the whole clip, one frame in two seconds, without any part of the pipeline but the detector.
 */
export async function detectDirectly(): Promise<string[][]> {
  const { file } = await demoFootage();
  const pictures = frames(file, 768, 576, 2);
  const detector = await createDetector((await pullModel('ssd-mobilenet-v2')).spec);
  const found: string[][] = [];
  for (const frame of pictures) found.push((await detector.detect(frame, (work) => work())).map((each) => each.class));
  await detector.release();
  assert.ok(found.length >= 30);
  return found;
}
