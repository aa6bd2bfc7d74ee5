'use strict'
const fs = require('fs')
const path = require('path')
const { ask } = require('./run.cjs')
const { installDebian } = require('./system.cjs')

/** What the tests of virtual machines and of `ssh` start, and the package of Debian and Ubuntu that has it. */
const programs = {
  'mkfs.erofs': 'erofs-utils',
  mke2fs: 'e2fsprogs',
  mmdebstrap: 'mmdebstrap',
  ssh: 'openssh-client',
  [process.arch === 'arm64' ? 'qemu-system-aarch64' : 'qemu-system-x86_64']:
    process.arch === 'arm64' ? 'qemu-system-arm' : 'qemu-system-x86',
}

const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/**
 * Where it is ours to install (CI as root, or `--yes`), what is missing for images, virtual machines and `ssh` is installed. Elsewhere
 * nothing is asked for: those tests are skipped, and name what they lack.
 */
async function ensureMachines(project) {
  if (process.platform !== 'linux' || project.build !== 'all') return
  const isCi = process.getuid() === 0 && project.env.CI === 'true'
  if (!project.yes && !isCi) return
  const missing = missingPackages()
  if (missing.length === 0 || ask('apt-get', ['--version'], project.env) === undefined) return
  await installDebian(project, missing)
}

function missingPackages() {
  const isThere = (name) => directories.some((directory) => fs.existsSync(path.join(directory, name)))
  return Object.keys(programs)
    .filter((name) => !isThere(name))
    .map((name) => programs[name])
}

module.exports = { ensureMachines, missingPackages }
