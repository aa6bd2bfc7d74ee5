import { GloveboxError } from '../errors.ts'
import type { Driver } from '../drivers/driver.ts'
import { driverNames, hasDriver, loadDriver } from '../drivers/registry.ts'

/** One line a driver on what this machine can do, by a start that takes some milliseconds; `doctor` tries each control. */
export async function machineSummary(): Promise<string> {
  const lines = []
  for (const name of driverNames.filter(hasDriver)) {
    const driver = await loadDriver(name)
    if (driver.tryOut !== undefined) lines.push(`This machine: ${name} ${await summaryOf(driver.tryOut)}`)
  }
  return lines.join('\n')
}

async function summaryOf(tryOut: NonNullable<Driver['tryOut']>): Promise<string> {
  try {
    const from = performance.now()
    const receipt = await tryOut(AbortSignal.timeout(5000))
    const missing = receipt.enforcements.filter(({ enforced }) => !enforced).map(({ control }) => control)
    const how = missing.length === 0 ? 'enforces every control' : `cannot enforce ${missing.join(', ')}`
    return `starts in ${Math.round(performance.now() - from)} ms and ${how}. Details: glovebox doctor`
  } catch (error) {
    if (!(error instanceof GloveboxError)) throw error
    return `cannot be used: ${error.message}${error.fix === undefined ? '' : `\n  fix: ${error.fix}`}`
  }
}
