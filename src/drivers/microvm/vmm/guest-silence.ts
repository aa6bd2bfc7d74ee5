/** A guest that is emulated on a busy host, or whose host swaps, gives no sign of life for seconds. */
export const guestSilenceMs = 20_000
