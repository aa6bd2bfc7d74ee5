import { readFileSync } from 'node:fs'

/** Rules of the user's for what a registry keeps elsewhere: `GLOVEBOX_PACKAGE_HOSTS=files.example.org,cdn.example.org:8443`. */
export function extraHosts(env: NodeJS.ProcessEnv): string[] {
  return (env['GLOVEBOX_PACKAGE_HOSTS'] ?? '').split(/[\s,]+/).filter((rule) => rule !== '')
}

/** The variables that configuration files take values from: `${NAME}`, `${NAME?}`. */
export function variablesIn(files: readonly string[]): string[] {
  return files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\$\{([A-Za-z_]\w*)[?}:-]/g)].map(([, name = '']) => name),
  )
}

/** Those variables of an environment that are wanted. */
export function pick(env: NodeJS.ProcessEnv, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && wanted(name) ? [[name, value]] : [])),
  )
}
