import { statSync } from 'node:fs'
import { buildImage, type BuildOptions } from './build.ts'
import { currentImage, damagedFiles, whyStale } from './images.ts'
import { newerPackages, type NewerPackage } from './newer.ts'
import type { Recipe } from './recipe.ts'
import type { Image, ImagePackage, ImageRecord } from './record.ts'

export interface Updated {
  readonly image: Image
  /** Whether it was built, and is another one than before. */
  readonly isNew: boolean
  /** Why it was built. */
  readonly reasons: readonly string[]
  readonly changes: readonly PackageChange[]
}

/** `null`: it was not there, or is not there any more. */
export interface PackageChange {
  readonly name: string
  readonly from: string | null
  readonly to: string | null
}

/** Builds anew when there is a reason to, and says what came of it. */
export async function updateImage(recipe: Recipe, options: BuildOptions): Promise<Updated> {
  const { store, env, node, progress, signal } = options
  const current = currentImage(store, recipe.name)
  if (current === undefined) {
    return { image: await buildImage(recipe, options), isNew: true, reasons: ['there was none'], changes: [] }
  }
  const stale = whyStale(current, recipe, { version: process.version, bytes: statSync(node).size })
  progress({ step: 'asking for newer packages', share: 0.01 })
  const newer = await newerPackages(current, recipe, { store, env, signal })
  const damaged = (await damagedFiles(current)).map((file) => `its ${file} is not what was built`)
  const reasons = [...(stale === undefined ? [] : [stale]), ...damaged, ...counted(newer)]
  if (reasons.length === 0) return { image: current, isNew: false, reasons, changes: [] }
  const image = await buildImage(recipe, options)
  const isNew = image.record.digest !== current.record.digest
  return { image, isNew, reasons, changes: changesBetween(current.record, image.record) }
}

function counted(newer: readonly NewerPackage[]): string[] {
  return newer.length === 0 ? [] : [newer.length === 1 ? 'one package is newer' : `${newer.length} packages are newer`]
}

function changesBetween(before: ImageRecord, after: ImageRecord): PackageChange[] {
  const [from, to] = [versions(before), versions(after)]
  return [...new Set([...from.keys(), ...to.keys()])]
    .toSorted()
    .map((name) => ({ name, from: from.get(name) ?? null, to: to.get(name) ?? null }))
    .filter((change) => change.from !== change.to)
}

function versions({ packages, kernelPackage, node }: ImageRecord): Map<string, string> {
  const others: ImagePackage[] = [
    ...(kernelPackage === null ? [] : [kernelPackage]),
    ...(node === null ? [] : [{ name: 'node', version: node.version }]),
  ]
  return new Map([...others, ...packages].map(({ name, version }) => [name, version]))
}
