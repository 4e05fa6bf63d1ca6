import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LimitMembers } from '../../src/app/limit-members.ts';
import { DataNotices } from '../../src/storage/set-aside.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('the nodes last known survive a restart; an unreadable file is logged and counts as none', async () => {
  const folder = temporaryFolder();
  const log = memoryLog();
  const notices = new DataNotices(log);
  const first = await LimitMembers.open(folder, log, notices);
  assert.deepEqual(first.known, []);
  void first.keep(['a', 'b']);
  void first.keep(['a', 'b', 'c']);
  await first.done();
  assert.deepEqual((await LimitMembers.open(folder, log, notices)).known, ['a', 'b', 'c']);
  assert.equal(log.lines.length, 0);
  await writeFile(join(folder, 'limit-members.json'), '{ broken');
  assert.deepEqual((await LimitMembers.open(folder, log, notices)).known, []);
  assert.match(notices.list().join(), /limit-members\.json is not JSON.*broken-/);
  await writeFile(join(folder, 'no-folder'), '');
  const nowhere = await LimitMembers.open(join(folder, 'no-folder'), log, notices);
  await nowhere.keep(['a']);
  assert.match(log.lines[1]?.message ?? '', /cannot be written/);
});
