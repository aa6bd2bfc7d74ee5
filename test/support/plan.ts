import type { Plan } from '../../src/policy/plan.ts'

const limit = { value: 1024, explicit: false }

/** A plan that is whole and asks for nothing: a test adds what it is about. */
export const emptyPlan: Plan = {
  schema: 'glovebox/plan/1',
  server: 'files',
  driver: 'jail',
  command: { path: '/usr/bin/node', argv: ['node'], cwd: '/', env: {} },
  mounts: [],
  workspace: null,
  deny: [],
  exec: null,
  network: null,
  publish: [],
  secrets: [],
  limits: { memory: limit, cpus: limit, pids: limit, disk: limit, openFiles: limit, time: null },
  messageBytes: 1024,
  tools: { allow: ['*'], deny: [] },
  mode: 'enforce',
  allowDegraded: [],
}
