import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeOf, redirected, requestUrl } from '../../src/rtsp/camera-url.ts';

const refusal = (outcome: ReturnType<typeof redirected>): string => (typeof outcome === 'string' ? outcome : 'none');

test('request lines hold the port and no login, one character a byte', () => {
  assert.equal(requestUrl('RTSP://u:p@ss@Cam/x?y=1'), 'rtsp://Cam:554/x?y=1');
  assert.equal(requestUrl('rtsps://cam/x'), 'rtsps://cam:322/x');
  assert.equal(requestUrl('rtsp://[2001:db8::5]:8554/x'), 'rtsp://[2001:db8::5]:8554/x');
  assert.equal(requestUrl('rtsp://u:a/b@cam:1/\u010a'), 'rtsp://cam:1/\u00c4\u008a');
});

test('redirects: where, with which login, and which are refused', () => {
  const from = placeOf('rtsp://u:p/w@10.0.0.5/x');
  const login = { username: 'u', password: 'p/w' };
  assert.deepEqual(redirected('rtsp://10.0.0.5:8554/y', from, null), {
    url: 'rtsp://10.0.0.5:8554/y',
    credentials: login,
  });
  assert.deepEqual(redirected('/y', from, null), { url: 'rtsp://10.0.0.5/y', credentials: login });
  assert.deepEqual(redirected('rtsps://10.0.0.5/y', from, null), { url: 'rtsps://10.0.0.5/y', credentials: login });
  assert.deepEqual(redirected('rtsp://10.0.0.6/y', from, null), { url: 'rtsp://10.0.0.6/y', credentials: null });
  assert.deepEqual(redirected('rtsp://a:b@10.0.0.6/y', from, null), {
    url: 'rtsp://a:b@10.0.0.6/y',
    credentials: { username: 'a', password: 'b' },
  });
  assert.match(refusal(redirected('rtsp://10.0.0.6/y', from, ['10.0.0.5'])), /not among the hosts/u);
  assert.match(refusal(redirected('rtsp://169.254.169.254/y', from, null)), /link-local/u);
  assert.match(refusal(redirected('http://10.0.0.5/y', from, null)), /scheme must be rtsp or rtsps, not http/u);
  assert.equal(redirected('rtsp://10.0.0.5/y', placeOf('rtsps://10.0.0.5/x'), null), 'scheme must stay rtsps');
});
