/**
 * Shows a change of a file on stderr and takes a yes for it.
 * @throws GloveboxError USAGE where nobody can be asked
 */
export async function agree(
  { path, before, after }: { readonly path: string; readonly before: string; readonly after: string },
  yes: boolean,
): Promise<boolean> {
  const [{ renderConfigDiff }, { styleFor }, { ask }] = await Promise.all([
    import('../../ui/config-diff.ts'),
    import('../../ui/style.ts'),
    import('../../system/ask.ts'),
  ])
  process.stderr.write(renderConfigDiff(path, before, after, styleFor(process.stderr, process.env)))
  return yes || ask('Write this?', '--yes')
}
