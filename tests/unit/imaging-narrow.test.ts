import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { type PictureError, readHandedIn } from '../../src/imaging/handed-in.ts';
import { cropJpeg } from '../support/crop-jpeg.ts';
import { plainPng } from '../support/jpeg.ts';

/** What providers take: both sides over ten px, not more than 200 times as long as wide. */
function assertTaken(width: number, height: number): void {
  assert.ok(Math.min(width, height) > 10, `${width} x ${height}`);
  assert.ok(Math.max(width, height) / Math.min(width, height) < 200, `${width} x ${height}`);
}

describe('a narrow picture', () => {
  for (const [width, height] of [
    [20, 3_000],
    [3_000, 20],
    [16, 16],
    [16, 3_200],
    [100, 9_000],
  ] as const) {
    it(`of ${width} x ${height} px that is handed in is widened`, async () => {
      const picture = await readHandedIn(await plainPng(width, height));
      assertTaken(picture.width, picture.height);
      const read = await sharp(picture.jpeg).metadata();
      assert.deepEqual(
        { width: read.width, height: read.height, format: read.format },
        { width: picture.width, height: picture.height, format: 'jpeg' },
      );
    });
  }

  it('that would be a line is refused', async () => {
    await assert.rejects(readHandedIn(await plainPng(16, 3_300)), (error: PictureError) => {
      assert.equal(error.code, 'PICTURE_REFUSED');
      assert.match(error.message, /16 x 3300 pixels.*at most 200 times/);
      return true;
    });
  });

  it('turned by its metadata is widened as it is seen', async () => {
    const turned = await sharp(await plainPng(3_000, 20))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { width, height } = await readHandedIn(turned);
    assertTaken(width, height);
    assert.ok(width < height);
  });

  it('of a camera is widened to the right and below: what is in it keeps its place', async () => {
    const [width, height] = [1_280, 720];
    const data = new Uint8Array(
      await sharp({ create: { width, height, channels: 3, background: '#ff0000' } })
        .raw()
        .toBuffer(),
    );
    const regions = [
      { left: 5, top: 0, width: 6, height: 700, marks: [] },
      { left: 0, top: 3, width: 1_280, height: 1, marks: [] },
      { left: 0, top: 0, width: 64, height: 64, marks: [] },
      { left: 0, top: 0, width: 1_280, height: 720, marks: [] },
    ];
    const jpegs = await Promise.all(regions.map((region) => cropJpeg({ data, width, height }, region, 90)));
    const sizes = await Promise.all(jpegs.map(async (jpeg) => sharp(jpeg).metadata()));
    for (const size of sizes) assertTaken(size.width, size.height);
    assert.deepEqual(
      sizes.map((size) => [size.width, size.height]),
      [
        [32, 640],
        [640, 32],
        [64, 64],
        [640, 360],
      ],
    );
    const narrow = await sharp(jpegs[0]).raw().toBuffer();
    assert.ok((narrow[0] ?? 0) > 200, 'the region is at the left');
    assert.ok(Math.abs((narrow[3 * 31] ?? 0) - 0x80) < 12, 'grey is at the right');
  });
});
