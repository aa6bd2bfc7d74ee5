'use strict'
const fs = require('fs')
const path = require('path')
const { ask, run } = require('./run.cjs')
const { step, Unable } = require('./say.cjs')
const { oldest } = require('./rust.cjs')

/** What the build takes from the system besides Rust: a linker, and the C library to link statically. */
function missingForLinking(env) {
  const archive = ask('cc', ['-print-file-name=libc.a'], env)
  if (archive === undefined) return ['a C compiler (cc), for linking']
  // Without the file, the compiler answers with the bare name.
  return path.isAbsolute(archive) ? [] : ['the static C library (libc.a)']
}

/** How each family of systems installs both; `cargo` is filled in where its name depends on the version. */
const families = [
  { tool: 'apt-get', update: ['apt-get', 'update', '-q'], install: debian },
  { tool: 'dnf', install: () => ['dnf', 'install', '-y', 'cargo', 'gcc', 'glibc-static'] },
  { tool: 'pacman', install: () => ['pacman', '-S', '--needed', '--noconfirm', 'rust', 'gcc'] },
]

function debian(env) {
  return ['apt-get', 'install', '-y', '--no-install-recommends', debianCargo(env), 'gcc', 'libc6-dev']
}

/**
 * Debian 12 has a Rust that is too old as `cargo`, and a newer one, kept up for its browsers, as `cargo-web`.
 * A machine whose package lists were never fetched is told by its name.
 */
function debianCargo(env) {
  const names = ['cargo', 'cargo-web', 'cargo-1.85', 'cargo-1.80', 'cargo-1.76']
  const known = ask('apt-cache', ['policy'].concat(names), env) || ''
  return names.find((name) => rustOf(known, name) >= oldest[1]) || (isBookworm() ? 'cargo-web' : 'cargo')
}

function isBookworm() {
  return (
    fs.existsSync('/etc/os-release') && /^VERSION_CODENAME=bookworm$/m.test(fs.readFileSync('/etc/os-release', 'utf8'))
  )
}

/** Debian numbered cargo one series ahead of Rust until 1.66 (`0.67` was that of Rust 1.66); later ones agree. */
function rustOf(policies, name) {
  const found = new RegExp('^' + name.replace('.', '\\.') + ':\\n.*\\n  Candidate: (?:\\d+:)?1\\.(\\d+)', 'm').exec(
    policies,
  )
  return found === null ? 0 : Number(found[1])
}

/** Installs what is missing where that is ours to do, else ends with the line to type. */
async function installOrTell(project, missing, seen) {
  const { env } = project
  const family = families.find(({ tool }) => ask(tool, ['--version'], env) !== undefined)
  const isRoot = process.getuid() === 0
  const sudo = !isRoot && ask('sudo', ['--version'], env) !== undefined ? ['sudo'] : []
  const mayBecomeRoot = isRoot || sudo.length > 0
  const told = ['Glovebox is built from source here, and this is missing:'].concat(
    missing.map((what) => '  - ' + what),
    seen.map((what) => '    (' + what + ')'),
  )
  if (family === undefined) throw new Unable(told.join('\n'), ['Install it with the package manager of this system.'])
  if (mayBecomeRoot && (project.yes || (isRoot && env.CI === 'true'))) return install(project, family, sudo)

  told.push('', 'Type this' + (mayBecomeRoot ? '' : ' as root') + ', then run the same command again:')
  const again = 'npm run ' + (process.env.npm_lifecycle_event || 'demo') + ' -- --yes'
  const lines = [family.update, family.install(env)].filter(Boolean)
  const line = lines.map((words) => sudo.concat(words).join(' ')).join(' && ')
  throw new Unable(told.join('\n'), mayBecomeRoot ? [line, '', 'or let it be done: ' + again] : [line])
}

async function install(project, family, sudo) {
  const lines = [family.update, family.install(project.env)].filter(Boolean)
  await typeLines(project, lines, sudo)
}

/** By apt-get, as root or through sudo. */
async function installDebian(project, packages) {
  const sudo = process.getuid() === 0 ? [] : ['sudo']
  const update = families[0].update
  await typeLines(project, [update, ['apt-get', 'install', '-y', '--no-install-recommends'].concat(packages)], sudo)
}

async function typeLines(project, lines, sudo) {
  const env = Object.assign({}, project.env, { DEBIAN_FRONTEND: 'noninteractive' })
  await step('system packages', async () => {
    for (const line of lines) {
      const [program, ...args] = sudo.concat(line)
      await run(program, args, { env, stdio: ['inherit', 'pipe', 'pipe'] })
    }
  })
}

module.exports = { missingForLinking, installOrTell, installDebian }
