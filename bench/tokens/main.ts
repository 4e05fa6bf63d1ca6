/**
 * `npm run bench:tokens [-- --json] [-- --quick]`: tokens of a prompt for one group, as the provider simulator counts
 * them (a picture as Qwen-VL does). The groups are those of a street clip, at one frame a second and 1,280 px wide:
 * with the crop as it is, with the crop marked, and with one and two earlier moments. The clip is that of `npm start`.
 */
import { existsSync } from 'node:fs';
import sharp from 'sharp';
import { type FrameAnalysis, PictureAnalyser } from '../../src/actors/camera/picture-analyser.ts';
import { Secret } from '../../src/keys/secret.ts';
import { createVlmClient } from '../../src/llm/client.ts';
import { type EarlierPicture, type Picture, picturesOf } from '../../src/llm/picture.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import type { TrafficGroup } from '../../src/messages/detection.ts';
import { thresholdsWith } from '../../src/messages/event-thresholds.ts';
import { newRequestId, newTraceId, taskId } from '../../src/messages/ids.ts';
import type { AssessmentTask } from '../../src/messages/task.ts';
import { readManifest } from '../../src/model-store/manifest.ts';
import { pullModel } from '../../src/model-store/pull.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { markedCrops } from '../../src/vision/crop.ts';
import { createDetector } from '../../src/vision/detector.ts';
import { cropJpeg } from '../../tests/support/crop-jpeg.ts';
import { frames, VTEST } from '../../tests/support/vision-frames.ts';
import { machine, print, readOptions, resultOf } from '../harness.ts';

const options = readOptions(process.argv.slice(2));
const CLIP = { width: 768, height: 576 };
const WIDTH = 1_280;
const HEIGHT = Math.round((WIDTH * CLIP.height) / CLIP.width);
const FRAMES = options.quick ? 20 : 80;
const MOMENTS = 2;

if (!existsSync(VTEST)) throw new Error(`${VTEST} is not there: npm start fetches it`);
const { spec } = await pullModel((await readManifest()).default);
const detector = await createDetector(spec);
const analyser = new PictureAnalyser({
  detector,
  cameraId: 'tokens',
  run: 'run',
  scene: null,
  thresholds: thresholdsWith(),
});
const [key] = simulatedKeys(1, { qps: 10_000, rpm: 600_000 });
if (key === undefined) throw new Error('no key');
const simulator = await startProviderSimulator({ keys: [key] });
const client = createVlmClient();
const access = {
  keyName: 'tokens',
  secret: new Secret(key.key),
  baseUrl: simulator.url,
  model: simulator.model,
  responseFormat: 'auto',
} as const;

const SUBJECTS = ['crop as it is', 'crop marked', 'marked, 1 earlier', 'marked, 2 earlier'] as const;
const tokens = new Map<string, number[]>(SUBJECTS.map((subject) => [subject, []]));
const areas: number[] = [];
/** Marked crops of the last two frames, newest first, by group. */
const before = new Map<string, EarlierPicture[]>();

for (const [second, frame] of frames(VTEST, CLIP.width, CLIP.height, 1).slice(0, FRAMES).entries()) {
  const { data } = await sharp(frame.data, { raw: { ...CLIP, channels: 3 } })
    .resize(WIDTH, HEIGHT, { fit: 'fill' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const pixels = new Uint8Array(data);
  const picture = { data: pixels, width: WIDTH, height: HEIGHT };
  const { newest: analysis } = await analyser.analyse(picture, second * 1_000, false, (work) => work());
  const { objects, groups } = analysis;
  const regions = markedCrops({ objects, groups }, WIDTH, HEIGHT);
  const marked = await Promise.all(regions.map((region) => cropJpeg(picture, region)));
  const plain = await Promise.all(regions.map((region) => cropJpeg(picture, { ...region, marks: [] })));
  for (const [index, group] of analysis.groups.entries()) {
    const [own, bare] = [marked[index], plain[index]];
    if (own === undefined || bare === undefined) continue;
    const task = taskOf(analysis, group, second);
    const earlier = before.get(group.groupId) ?? [];
    before.set(group.groupId, [{ jpeg: own, timestamp: task.timestamp }, ...earlier].slice(0, MOMENTS));
    // All subjects are asked about the same groups.
    if (earlier.length < MOMENTS) continue;
    const asked: readonly (readonly Picture[])[] = [
      picturesOf(task, bare, [], 'en'),
      ...[0, 1, MOMENTS].map((count) => picturesOf(task, own, earlier.slice(0, count), 'en')),
    ];
    for (const [place, pictures] of asked.entries()) {
      const subject = SUBJECTS[place];
      if (subject !== undefined) tokens.get(subject)?.push(await promptTokens(task, pictures));
    }
    const { width, height } = await sharp(own).metadata();
    areas.push(width * height);
  }
}
await detector.release();
await simulator.close();

const results = SUBJECTS.flatMap((subject) => {
  const counted = tokens.get(subject) ?? [];
  const mean = counted.reduce((sum, one) => sum + one, 0) / counted.length;
  return [
    resultOf('prompt of a call', subject, 'tokens', counted),
    resultOf('prompt of a call, mean', subject, 'tokens', [mean]),
  ];
});
print(
  { name: 'bench:tokens', machine: machine(), results: [...results, resultOf('crop', 'all', 'px', areas)], bars: [] },
  options,
);

async function promptTokens(task: AssessmentTask, pictures: readonly Picture[]): Promise<number> {
  const prompt = buildPrompt(task, 'en');
  const reply = await client.call({ access, prompt, pictures, traceId: task.traceId, timeoutMs: 10_000 });
  if (!reply.ok) throw new Error(`a call failed: ${reply.failure.kind}`);
  return reply.promptTokens;
}

function taskOf({ objects }: FrameAnalysis, group: TrafficGroup, second: number): AssessmentTask {
  const requestId = newRequestId();
  const at = second * 1_000;
  return {
    taskId: taskId(requestId, group.groupIndex),
    requestId,
    cameraId: 'street',
    timestamp: new Date(at).toISOString(),
    traceId: newTraceId(),
    priority: 3,
    expiresAt: new Date(at + 30_000).toISOString(),
    group: { ...group, cropId: null },
    members: group.memberIndices.flatMap((index) => objects[index] ?? []),
    imageWidth: WIDTH,
    imageHeight: HEIGHT,
  };
}
