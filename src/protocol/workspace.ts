/** What became of a copy, in words that can be shown: paths are those of the sandbox, made safe. */
export interface SyncReport {
  readonly workspace: string
  /** The sandbox's. */
  readonly id: string
  /** `lost`: it was sent to the sandbox, and did not come back. `unchanged`: nothing to do. `kept`: nobody said yes, the copy stays. `partly`: the copy stays for what failed; or, of a backup, conflicts and what failed are left of it. */
  readonly state: 'unchanged' | 'synced' | 'partly' | 'kept' | 'failed' | 'lost'
  readonly added: number
  readonly changed: number
  readonly deleted: number
  /** The first of them, `+ path`, `~ path`, `- path`. */
  readonly paths: readonly string[]
  /** Changes that deserve a look, with why: made, or held. */
  readonly warnings: readonly string[]
  readonly held: readonly string[]
  readonly conflicts: readonly string[]
  readonly failed: readonly string[]
  /** What is no file, directory or link. */
  readonly leftOut: readonly string[]
  /** Where what was there before is, and what of the sandbox's was not taken over. */
  readonly backup: { readonly name: string; readonly directory: string } | null
  /** Where the copy still is. */
  readonly copy: string | null
  /** Why, of `failed`, and of `lost` where it is known. */
  readonly reason: string | null
}

/** Whether something that a sandbox did to a copied workspace could not be taken over. */
export function isUnsynced(report: SyncReport | undefined): boolean {
  return report?.state === 'failed' || report?.state === 'partly' || report?.state === 'lost'
}
