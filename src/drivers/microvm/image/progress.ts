/** How far a build is: in words, and as a share of all, 0 to 1. */
export interface Step {
  readonly step: string
  readonly share: number
}

export type Progress = (step: Step) => void
