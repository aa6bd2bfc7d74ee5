#!/usr/bin/env node
'use strict'
/*
 * The command that npm links. In the syntax of the oldest Nodes on purpose: whichever is first on PATH starts it,
 * and one that is too old gets a sentence instead of a syntax error. What is newer is in start.cjs.
 */
var oldest = 24

if (parseInt(process.versions.node, 10) >= oldest) {
  require('./start.cjs')
} else {
  process.stderr.write(
    'glovebox: needs Node ' +
      oldest +
      ' or newer, and this is ' +
      process.version +
      ' (' +
      process.execPath +
      ')\n' +
      'fix: install Node ' +
      oldest +
      ' or newer and make it the first "node" on PATH\n',
  )
  process.exitCode = 3
}
