import { root } from './checks.ts'
import { stageNative } from './packaging/native-package.ts'

/** `npm run build:native`: the native package of this platform, as a directory that npm can pack. */
process.stdout.write(`${stageNative(root)}\n`)
