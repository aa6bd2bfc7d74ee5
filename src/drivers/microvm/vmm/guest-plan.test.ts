import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyPlan } from '../../../../test/support/plan.ts'
import { GloveboxError } from '../../../errors.ts'
import { whysOfInstallation } from '../../../policy/host-facts.ts'
import type { Plan, PlanMount } from '../../../policy/plan.ts'
import { dividePlan, toGuestPlan, type GuestFacts } from './guest-plan.ts'

function mount(target: string, owner: 'system' | 'user', access: PlanMount['access'] = 'read'): PlanMount {
  return { source: target, target, access, exec: true, owner, why: 'filesystem' }
}

const plan: Plan = {
  ...emptyPlan,
  driver: 'microvm',
  command: { path: '/usr/bin/python3.13', argv: ['python3', '/srv/app/main.py'], cwd: '/srv/app', env: { A: 'b' } },
  mounts: [mount('/usr', 'system'), mount('/etc/localtime', 'system'), mount('/srv/app', 'user')],
  deny: ['/srv/app/.env', '/home/ada/.ssh'],
}

const nothing = { socket: undefined, egress: undefined }
const facts: GuestFacts = {
  system: [{ path: '/usr', source: '/usr', exec: true }],
  present: new Set(['/usr/bin/python3']),
}
const start = { id: 'files-3f2a', terminal: false, hold: true, channel: true, egress: undefined }

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof GloveboxError && error.code === 'HOST_CANNOT' && message.test(error.message)
}

test('what is the user’s is given by its number, and the system is the image’s own', () => {
  const division = dividePlan(plan, nothing)
  assert.deepEqual(
    division.given.map(({ source }) => source),
    ['/srv/app'],
  )
  const { mounts } = toGuestPlan(plan, division, facts, start)
  assert.deepEqual(
    mounts.map(({ source, target, owner }) => [source, target, owner]),
    [
      ['/usr', '/usr', 'system'],
      ['/run/glovebox/given/0', '/srv/app', 'user'],
    ],
  )
})

test('what root owns outside of the system is given too', () => {
  const certificates = mount('/etc/corporate', 'system')
  const { given } = dividePlan({ ...plan, mounts: [...plan.mounts, certificates] }, nothing)
  assert.deepEqual(
    given.map(({ target }) => target),
    ['/srv/app', '/etc/corporate'],
  )
})

test('a program of the system is the image’s of that name, and one that it does not have is NOT_FOUND', () => {
  const division = dividePlan(plan, nothing)
  assert.ok(division.asked.includes('/usr/bin/python3.13') && division.asked.includes('/usr/bin/python3'))
  assert.equal(toGuestPlan(plan, division, facts, start).command.path, '/usr/bin/python3')
  assert.throws(() => toGuestPlan(plan, division, { ...facts, present: new Set() }, start), { code: 'NOT_FOUND' })
})

test('of denied paths those are masked that are there at all', () => {
  assert.deepEqual(toGuestPlan(plan, dividePlan(plan, nothing), facts, start).deny, ['/srv/app/.env'])
})

test('a directory of the host’s that may be written is refused, with the way that there is', () => {
  const writing = { ...plan, mounts: [mount('/srv/data', 'user', 'write')] }
  assert.throws(
    () => dividePlan(writing, nothing),
    (error) => refused(/\/srv\/data/)(error) && /--workspace \/srv\/data:copy/.test((error as GloveboxError).fix ?? ''),
  )
})

test('a key of the plan that nobody knows is refused', () => {
  assert.throws(() => dividePlan({ ...plan, future: true } as Plan, nothing), refused(/"future"/))
})

test('sockets are in the guest’s own directory of that sandbox', () => {
  const egress = { tcpPorts: [443, 22, 443], udpPorts: [123], addresses: ['10.0.0.5/32', '10.0.0.5/32'] }
  const made = toGuestPlan(plan, dividePlan(plan, nothing), facts, { ...start, egress })
  assert.deepEqual(made.channel, { socket: '/run/glovebox/s/files-3f2a/channel' })
  assert.deepEqual(made.egress, {
    socket: '/run/glovebox/s/files-3f2a/egress',
    tcpPorts: [22, 443],
    udpPorts: [123],
    addresses: ['10.0.0.5/32'],
  })
})

test('what would have to be put into a directory of the image is refused, with what is in the way', () => {
  const own = { ...mount('/usr/lib/node_modules/npm', 'user'), why: 'filesystem.read' }
  const asking = { ...plan, mounts: [...plan.mounts, own] }
  assert.throws(
    () => toGuestPlan(asking, dividePlan(asking, nothing), facts, start),
    refused(/filesystem\.read: \/usr\/lib\/node_modules\/npm is in \/usr/),
  )
})

test('a relay that is to connect by itself is refused: a machine has no network', () => {
  const egress = { socket: '/run/egress', tcpPorts: [443], udpPorts: [123], addresses: [] }
  assert.throws(() => dividePlan(plan, { ...nothing, egress: { ...egress, dials: 'relay' } }), { code: 'INTERNAL' })
  dividePlan(plan, { ...nothing, egress: { ...egress, dials: 'host' } })
})

test('a program by its name alone is the image’s own, and what the host has for it is not brought along', () => {
  const because = (target: string, why: string): PlanMount => ({ ...mount(target, 'user'), why })
  const shim = {
    ...plan,
    command: { ...plan.command, path: '/home/ada/.pyenv/shims/python3', argv: ['python3', '/srv/app/main.py'] },
    exec: ['/home/ada/.pyenv/shims/python3'],
    mounts: [
      mount('/usr', 'system'),
      mount('/srv/app', 'user'),
      because('/home/ada/.pyenv/shims/python3', 'program'),
      because('/home/ada/.pyenv/lib/python3.14', 'standard library of the interpreter'),
      because('/home/ada/.pyenv/bin/python3', 'name of the interpreter'),
    ],
  }
  const division = dividePlan(shim, nothing, ['python3', 'sh'])
  assert.deepEqual(
    division.given.map(({ target }) => target),
    ['/srv/app'],
  )
  const guest = toGuestPlan(shim, division, facts, start)
  assert.equal(guest.command.path, '/usr/bin/python3')
  assert.deepEqual(guest.exec, ['/usr/bin/python3'])
  // The program itself is in what is shown as a whole.
  for (const why of Object.values(whysOfInstallation)) {
    const whole = { ...shim, mounts: [mount('/srv/app', 'user'), because('/home/ada/.pyenv', why)] }
    assert.deepEqual(
      dividePlan(whole, nothing, ['python3']).given.map(({ target }) => target),
      ['/srv/app'],
    )
    assert.ok(
      dividePlan(whole, nothing, ['sh']).given.some(({ target }) => target === '/home/ada/.pyenv'),
      why,
    )
  }
})

test('a list of programs has the loader of the image, whatever its processor and its C library', () => {
  const listed = { ...plan, exec: [plan.command.path] }
  for (const loader of [
    '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    '/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1',
    '/lib/ld-musl-x86_64.so.1',
    '/lib/ld-musl-aarch64.so.1',
  ]) {
    const division = dividePlan(listed, nothing)
    assert.ok(division.asked.includes(loader), loader)
    const present = new Set([...facts.present, plan.command.path, loader])
    assert.ok(toGuestPlan(listed, division, { ...facts, present }, start).exec?.includes(loader), loader)
  }
})

test('a program by its path, one that the image has not, and a virtual environment are brought along', () => {
  const path = '/home/ada/env/bin/python3'
  const asked = (name: string, why: string, programs: readonly string[]): readonly PlanMount[] =>
    dividePlan(
      {
        ...plan,
        command: { ...plan.command, path, argv: [name] },
        mounts: [mount('/usr', 'system'), { ...mount('/home/ada/env', 'user'), why }],
      },
      nothing,
      programs,
    ).given
  assert.equal(asked(path, 'program', ['python3']).length, 1)
  assert.equal(asked('python3', 'program', ['sh']).length, 1)
  assert.equal(asked('python3', 'virtual environment', ['python3']).length, 1)
  assert.equal(asked('python3', 'program', ['python3']).length, 0)
})
