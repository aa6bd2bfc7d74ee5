import { shellWord } from '../../../../ui/shell-word.ts'

/** What to do with an image that only a kernel reads. A file system that somebody else made may be an attack on that kernel. */
export function asTar(path: string): string {
  return `if you trust whoever made it: as root, mount -o ro,loop ${shellWord(path)} /mnt && tar -C /mnt -cf rootfs.tar . , and give rootfs.tar`
}
