/**
 * The reason to skip a test, for node:test's `skip` option: `test('…', { skip: unlessPresent('KVM', reason) }, …)`.
 * `REQUIRE_<COMPONENT>=1` says that this machine has the component, so that its absence is a failure.
 * @throws when the component is required and not there
 */
export function unlessPresent(component: string, missing: string | undefined): string | false {
  if (missing === undefined) return false
  const name = `REQUIRE_${component}`
  const required = process.env[name]
  if (required !== undefined && required !== '1') throw new Error(`${name} is "${required}": 1, or unset, is meant`)
  if (required === '1') throw new Error(`${name}=1, but ${missing}`)
  return missing
}

/** The reason to skip what takes minutes, for node:test's `skip` option; false where the long counts are meant. */
export function unlessLong(what: string): string | false {
  return isLong() ? false : `${what} takes minutes: GLOVEBOX_LONG=1 has it run`
}

/** The reason to skip whole suites in a machine in a machine, for node:test's `skip` option; false where they are asked for. */
export function unlessSuitesNested(): string | false {
  return areSuitesNested()
    ? false
    : 'whole suites in a machine in a machine take up to an hour: GLOVEBOX_NESTED=1 has them run'
}

/** True where they are asked for, by `GLOVEBOX_NESTED=1`. CI does not: how long an emulated KVM takes is nothing to rely on. */
export function areSuitesNested(): boolean {
  return process.env['GLOVEBOX_NESTED'] === '1'
}

/** True where the long counts of rounds and cases are meant: `GLOVEBOX_LONG=1`, which `CI=true npm test` sets. */
export function isLong(): boolean {
  return process.env['GLOVEBOX_LONG'] === '1'
}
