/** A text as what it means, or why it means nothing. */
export type Reading<T> = { readonly value: T; readonly mistake?: undefined } | { readonly mistake: Mistake }

/** Nothing of the text itself is in either but what was found sound: a message quotes the text as it shows such texts. */
export interface Mistake {
  /** To be read behind the text: `is a URL`. */
  readonly why: string
  readonly fix: string
}

export function mistake(why: string, fix: string): { readonly mistake: Mistake } {
  return { mistake: { why, fix } }
}
