import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openDecoders } from '../../src/decoding/decoders.ts';
import { type DecodedPicture, DecodeError } from '../../src/decoding/decoding.types.ts';
import { meanDifference, pictureJob, plainFfmpeg, region, unitsOf } from '../support/decoder-jobs.ts';
import { type Film, film } from '../support/film.ts';
import { memoryLog } from '../support/log.ts';
import { Random } from '../support/random.ts';
import { until } from '../support/until.ts';

/** Mean difference to plain ffmpeg that comes from another version of the scaler, at most. */
const ALIKE = 3;

const log = memoryLog();
process.env['GANTRY_TEST_SECRET'] = 'hidden-from-children';
const decoders = openDecoders({ count: 2, log, onProcess: () => undefined });
let h264: Film;

before(async () => {
  h264 = await film();
});
after(() => decoders.stop());

const isCode = (code: string) => (thrown: unknown) => {
  assert.ok(thrown instanceof DecodeError, String(thrown));
  assert.equal(thrown.code, code, thrown.message);
  return true;
};

for (const codec of ['h264', 'h265', 'mjpeg'] as const)
  test(`a keyframe of ${codec} gives the picture that plain ffmpeg gives, in a buffer of its own`, async () => {
    const shown = await film({ codec });
    const picture = await decoders.picture(pictureJob(`plain-${codec}`, shown));
    assert.deepEqual([picture.width, picture.height, picture.display], [160, 90, { width: 320, height: 180 }]);
    assert.equal(picture.data.byteLength, picture.data.buffer.byteLength);
    const plain = await plainFfmpeg(unitsOf(shown, 0, 1), codec, '160:90');
    assert.ok(meanDifference(picture.data, plain) < ALIKE, `${meanDifference(picture.data, plain)}`);
  });

test('pixels that are not square are shown with their shape', async () => {
  const wide = await film({ width: 240, height: 180, sar: '4/3' });
  const picture = await decoders.picture(pictureJob('anamorphic', wide));
  assert.deepEqual([picture.width, picture.height, picture.display], [160, 90, { width: 320, height: 180 }]);
});

test('another size in the middle of a stream is right at once, without a break', async () => {
  const upright = await film({ width: 180, height: 320, seconds: 1 });
  await decoders.picture(pictureJob('turned', h264, 0, 3));
  const picture = await decoders.picture({ ...pictureJob('turned', upright), continues: true });
  assert.deepEqual([picture.width, picture.height, picture.display], [90, 160, { width: 180, height: 320 }]);
  const plain = await plainFfmpeg(unitsOf(upright, 0, 1), 'h264', '90:160');
  assert.ok(meanDifference(picture.data, plain) < ALIKE);
});

test('a picture that depends on others is right, sent at once or as the rest of an earlier job', async () => {
  const plain = await plainFfmpeg(unitsOf(h264, 0, 8), 'h264', '160:90');
  const whole = await decoders.picture(pictureJob('whole', h264, 0, 8));
  assert.ok(meanDifference(whole.data, plain) < ALIKE);
  await decoders.picture(pictureJob('parts', h264, 0, 4));
  const rest = await decoders.picture({ ...pictureJob('parts', h264, 4, 8), continues: true });
  assert.deepEqual(rest.data, whole.data);
});

test('the picture of the last unit comes out of a stream with B frames', async () => {
  const reordered = await film({ bFrames: 2, seconds: 1 });
  const key = await decoders.picture(pictureJob('reordered', reordered));
  const plain = await plainFfmpeg(unitsOf(reordered, 0, 1), 'h264', '160:90');
  assert.ok(meanDifference(key.data, plain) < ALIKE);
  const last = await decoders.picture(pictureJob('reordered', reordered, 0, 10));
  assert.ok(meanDifference(last.data, key.data) > ALIKE, 'not the first picture again');
});

test('a job that continues without the state of an earlier one needs a keyframe', async () => {
  await assert.rejects(
    decoders.picture({ ...pictureJob('fresh', h264, 1, 2), continues: true }),
    isCode('NEEDS_KEYFRAME'),
  );
});

test('a burst gives the wanted pictures in order, each that of its unit', async () => {
  const pictures = new Map<number, DecodedPicture>();
  const wanted = [0, 3, 7, 12, 19];
  const onPicture = (index: number, picture: DecodedPicture): void => void pictures.set(index, picture);
  const job = { ...pictureJob('burst', h264, 0, 20), wanted, onPicture };
  await decoders.burst(job, new AbortController().signal);
  assert.deepEqual([...pictures.keys()], wanted);
  const single = await decoders.picture(pictureJob('burst', h264, 10, 13));
  assert.deepEqual(pictures.get(12)?.data, single.data);
});

test('bursts of one camera continue side by side', async () => {
  const shown = async (stream: number, from: number, to: number): Promise<Uint8Array | undefined> => {
    const pictures: DecodedPicture[] = [];
    const onPicture = (_: number, picture: DecodedPicture): void => void pictures.push(picture);
    const job = {
      ...pictureJob('twice', h264, from, to),
      stream,
      continues: from > 0,
      wanted: [to - from - 1],
      onPicture,
    };
    await decoders.burst(job, new AbortController().signal);
    return pictures[0]?.data;
  };
  await Promise.all([shown(7, 0, 3), shown(8, 0, 5)]);
  const [seventh, eighth] = await Promise.all([shown(7, 3, 7), shown(8, 5, 8)]);
  assert.deepEqual(seventh, (await decoders.picture(pictureJob('twice', h264, 0, 7))).data);
  assert.deepEqual(eighth, (await decoders.picture(pictureJob('twice', h264, 0, 8))).data);
});

test('a burst ends between pictures when it is told to', async () => {
  const end = new AbortController();
  let count = 0;
  const onPicture = (): void => {
    count += 1;
    end.abort();
  };
  const long = {
    ...pictureJob('ended', h264, 0, 20),
    wanted: Array.from({ length: 20 }, (_, index) => index),
    onPicture,
  };
  await assert.rejects(decoders.burst(long, end.signal), isCode('STOPPED'));
  assert.ok(count >= 1);
});

for (const codec of ['h264', 'mjpeg'] as const)
  test(`cuts of ${codec} show the region of the full picture, kept or decoded again`, async () => {
    const shown = await film({ codec });
    const size = [101, 77] as const;
    const cuts = [
      { left: 33, top: 41, width: size[0], height: size[1], maxSide: 4_096 },
      { left: 0, top: 0, width: 320, height: 180, maxSide: 64 },
    ];
    const job = { ...pictureJob(`cut-${codec}`, shown), cuts, picture: { cameraId: `cut-${codec}`, at: 0 } };
    const again = await decoders.cut(job);
    await decoders.picture(job);
    const kept = await decoders.cut({ ...job, units: [] });
    assert.deepEqual(again, kept);
    const full = await plainFfmpeg(unitsOf(shown, 0, 1), codec, '320:180');
    const [part, whole] = kept;
    assert.deepEqual([part?.width, part?.height, part?.display], [...size, { width: 320, height: 180 }]);
    assert.deepEqual([whole?.width, whole?.height], [64, 36]);
    const difference = meanDifference(part?.data ?? new Uint8Array(), region(full, 320, 33, 41, size));
    assert.ok(difference < ALIKE, `${difference}`);
  });

test('a cut of a stretched picture is in px of the picture as shown', async () => {
  const wide = await film({ width: 240, height: 180, sar: '4/3' });
  const cuts = [{ left: 160, top: 90, width: 160, height: 90, maxSide: 4_096 }];
  const job = { ...pictureJob('cut-wide', wide), cuts, picture: { cameraId: 'cut-wide', at: 0 } };
  const [part] = await decoders.cut(job);
  const full = await plainFfmpeg(unitsOf(wide, 0, 1), 'h264', '320:180');
  const difference = meanDifference(part?.data ?? new Uint8Array(), region(full, 320, 160, 90, [160, 90]));
  assert.ok(difference < 2 * ALIKE, `${difference}`);
});

test('a damaged picture is refused, and the decoder lives on', async () => {
  const { died } = decoders.stats();
  for (const codec of ['h264', 'h265', 'mjpeg'] as const) {
    const shown = await film({ codec });
    const [unit] = unitsOf(shown, 0, 1);
    assert.ok(unit !== undefined);
    const half = { ...unit, data: unit.data.subarray(0, unit.data.length / 2) };
    const noise = { ...unit, data: Buffer.alloc(5_000, 0x55) };
    // FFmpeg doesn't tell that a picture of H.265 ends early.
    for (const units of codec === 'h265' ? [[noise]] : [[half], [noise]])
      await assert.rejects(decoders.picture({ ...pictureJob('damaged', shown), units }), isCode('UNDECODABLE'));
  }
  assert.equal((await decoders.picture(pictureJob('sound', h264))).width, 160);
  assert.equal(decoders.stats().died, died);
});

test('hostile bytes neither hang a decoder nor stop the others', { timeout: 60_000 }, async () => {
  const random = new Random(18);
  const films = await Promise.all((['h264', 'h265', 'mjpeg'] as const).map((codec) => film({ codec })));
  const outcomes = new Map<string, number>();
  const note = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  for (let round = 0; round < 30; round += 1) {
    const jobs = Array.from({ length: 10 }, (_, at) => {
      const shown = films[at % 3] as Film;
      const units = unitsOf(shown, 0, 1).map((unit) => ({ ...unit, data: mutated(unit.data, random) }));
      return decoders.picture({ ...pictureJob(`hostile-${round}-${at}`, shown), units }).then(
        () => note('picture'),
        (thrown: unknown) => note(thrown instanceof DecodeError ? thrown.code : String(thrown)),
      );
    });
    await Promise.all(jobs);
  }
  const known = ['picture', 'UNDECODABLE', 'DECODER_DIED'];
  assert.deepEqual(
    [...outcomes.keys()].filter((outcome) => !known.includes(outcome)),
    [],
  );
  assert.ok((outcomes.get('UNDECODABLE') ?? 0) > 50, JSON.stringify([...outcomes]));
  assert.equal((await decoders.picture(pictureJob('after-fuzz', h264))).width, 160);
});

function mutated(data: Uint8Array, random: Random): Buffer {
  const bytes = Buffer.from(data);
  // Half of them in the headers, which have the sizes.
  const reach = random.chance(0.5) ? Math.min(80, bytes.length) : bytes.length;
  for (let left = 1 + random.below(12); left > 0; left -= 1) bytes[random.below(reach)] = random.below(256);
  return random.chance(0.2) ? bytes.subarray(0, 1 + random.below(bytes.length)) : bytes;
}

test('a decoder that is killed costs the picture in hand, and is replaced', async (t) => {
  const pids: number[] = [];
  const lines = memoryLog();
  const one = openDecoders({
    count: 1,
    log: lines,
    onProcess: (event, pid) => void (event === 'began' && pids.push(pid)),
  });
  t.after(() => one.stop());
  await one.picture(pictureJob('warm', h264));
  const [pid] = pids;
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGSTOP');
  const inHand = assert.rejects(one.picture(pictureJob('killed', h264)), isCode('DECODER_DIED'));
  const other = one.picture(pictureJob('other', h264));
  process.kill(pid, 'SIGKILL');
  await inHand;
  assert.equal((await other).width, 160);
  assert.equal(pids.length, 2);
  assert.equal(one.stats().died, 1);
  const blamed = lines.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields['cameraId']);
  assert.deepEqual(blamed, ['killed']);
});

test('a decoder has no secrets in its environment and arguments', async () => {
  await decoders.picture(pictureJob('environment', h264));
  const [pid] = decoders.pids();
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
  assert.match(environment, /PATH=/u);
  assert.doesNotMatch(environment, /GANTRY|hidden-from-children|KEY|TOKEN/u);
  assert.match(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /^gantry-decoder/u);
});

test('a decoder ends when its parent is killed', async () => {
  const parent = spawn(process.execPath, [join(import.meta.dirname, 'decoder-parent.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  assert.ok(isRunning(pid));
  parent.kill('SIGKILL');
  await until('the decoder is gone', () => !isRunning(pid));
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that ended stays known until its new parent has asked for it.
    return !/^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
