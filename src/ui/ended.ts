/** Why something was ended before its time, as told when that happens: a line for people, a document for programs. */
export function renderEnded(
  why: string,
  { json, sandbox, server }: { readonly json: boolean; readonly sandbox: string; readonly server: string },
): string {
  if (json) return `${JSON.stringify({ schema: 'glovebox/ended/1', sandbox, name: server, why })}\n`
  return `glovebox: ${why}\n`
}
