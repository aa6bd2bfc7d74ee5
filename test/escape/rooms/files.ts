import type { Attack, Scene } from '../support/attack.ts'

const host = { on: 'host' } as const
const namespaces = { on: 'namespaces' } as const
const toWorkspace = ({ place }: Scene): { ws: string; target: string } => ({ ws: place.ws, target: place.secret })

/** Reading and writing what was not given, by name. */
export const names: readonly Attack[] = [
  {
    title: 'a file beside the workspace cannot be read',
    name: 'read-path',
    id: 'read-beside',
    args: ({ place }) => ({ target: place.secret }),
    control: host,
  },
  {
    title: 'a key in the home directory cannot be read',
    name: 'read-path',
    id: 'read-home',
    args: ({ place }) => ({ target: place.homeSecret }),
    control: host,
  },
  {
    title: 'a file in the /tmp of the host cannot be read',
    name: 'read-path',
    id: 'read-tmp',
    args: ({ place }) => ({ target: place.tmpSecret }),
    control: host,
  },
  {
    title: 'the passwords of the host cannot be read',
    name: 'read-path',
    id: 'read-shadow',
    args: () => ({ target: '/etc/shadow' }),
    control: { on: 'host', as: 'root' },
  },
  {
    title: 'a file beside the workspace cannot be written',
    name: 'write-path',
    id: 'write-beside',
    args: ({ place }) => ({ target: place.secret }),
    control: host,
  },
  {
    title: 'a home directory cannot be listed',
    name: 'list-path',
    args: ({ place }) => ({ target: place.runner.home }),
    control: host,
  },
  {
    title: 'a symbolic link in the workspace does not lead out of it',
    name: 'symlink-out',
    args: toWorkspace,
    control: host,
  },
  {
    title: 'a link to a directory outside does not lead out of the workspace',
    name: 'symlink-directory',
    args: toWorkspace,
    control: host,
  },
  {
    title: 'a file outside cannot be linked into the workspace',
    name: 'hard-link-out',
    args: toWorkspace,
    control: host,
  },
  { title: 'a file outside cannot be moved into the workspace', name: 'rename-in', args: toWorkspace, control: host },
  {
    title: 'a file outside cannot be exchanged with one of the workspace',
    name: 'rename-exchange',
    args: toWorkspace,
    control: host,
  },
  { title: 'dots do not climb out of the tree', name: 'dot-dot', args: toWorkspace, control: host },
  {
    title: 'dots do not climb out from a directory deeper than the longest path',
    name: 'deep-dot-dot',
    args: toWorkspace,
    control: host,
  },
  {
    title: 'paths longer than the kernel takes lead nowhere',
    name: 'overlong-path',
    args: toWorkspace,
    control: host,
  },
  {
    title: 'a core file is never written',
    name: 'core-dump',
    args: ({ place }) => ({ ws: place.ws }),
    control: {
      unproven: 'whether a crash leaves a core outside depends on the limits and the core pattern of the host',
    },
  },
  { title: 'a crash starts no program of the host that collects cores', name: 'core-limit', control: host },
  {
    title: 'files outside cannot be watched',
    name: 'inotify',
    args: ({ place }) => ({ target: place.secret }),
    control: host,
  },
  {
    title: 'whole file systems cannot be watched',
    name: 'fanotify',
    args: ({ place }) => ({ path: place.ws }),
    control: host,
  },
  {
    title: 'a file has no handle that names it without a path',
    name: 'file-handle',
    args: ({ place }) => ({ path: place.readOnly }),
    control: { on: 'host', unless: ['EOPNOTSUPP'] },
  },
  {
    title: 'the root of the disk cannot be opened by a guessed handle',
    name: 'file-handle-root',
    args: ({ place }) => ({ path: place.ws }),
    control: { on: 'host', as: 'root', unless: ['ESTALE'] },
  },
  {
    title: 'a lease on a shared file, which would hold up the host, is refused',
    name: 'lease',
    args: ({ place }) => ({ target: place.readOnly }),
    control: host,
  },
]

/** Reading and writing what was not given, through /proc and descriptors. */
export const magic: readonly Attack[] = [
  {
    title: 'no process in sight has a root or a directory that leads out',
    name: 'proc-roots',
    args: toWorkspace,
    control: host,
  },
  {
    title: 'no descriptor of a process in sight leads out',
    name: 'proc-descriptors',
    args: toWorkspace,
    control: {
      unproven: 'outside, no process of the tests has such a descriptor; the start tests hand one to the launcher',
    },
  },
  {
    title: 'pid 1 tells nothing of its memory, its environment or its descriptors',
    name: 'proc-init',
    args: ({ init }) => ({ pid: init }),
    control: host,
  },
  {
    title: 'settings of the host are not open for writing',
    name: 'proc-write',
    control: { on: 'host', as: 'root' },
  },
  { title: 'what tells about the kernel is masked', name: 'proc-masked', control: host },
  {
    title: 'the file of a running program cannot be written to, nor when it has ended (CVE-2019-5736)',
    name: 'self-exe-write',
    args: ({ place }) => ({ target: place.idle }),
    control: host,
  },
  {
    title: 'the program file of pid 1, which is the launcher, cannot be read, written or run',
    name: 'init-exe',
    args: ({ init }) => ({ pid: init }),
    control: host,
  },
  {
    title: 'no descriptor is a directory outside',
    name: 'descriptor-directory',
    args: toWorkspace,
    control: { unproven: 'outside, none is either; the start tests hand one to the launcher' },
  },
]

/** Writing where only reading was given. */
export const readOnly: readonly Attack[] = [
  'read-only-file: a file on a read-only mount cannot be written to by any kind of opening',
  'read-only-directory: a directory on a read-only mount takes no new, changed or fewer names',
  'read-only-metadata: mode, owner, times and flags of a file on a read-only mount stay',
  'read-only-xattr: extended attributes of a file on a read-only mount stay',
]
  .map((line) => line.split(': ') as [string, string])
  .map(([name, title]): Attack => ({ title, name, args: ({ place }) => ({ target: place.readOnly }), control: host }))
  .concat([
    {
      title: 'a private mapping of a read-only file cannot be written through to the file',
      name: 'read-only-memory',
      args: ({ place }) => ({ target: place.readOnly }),
      control: { unproven: 'a kernel where this works (CVE-2016-5195) is not one to test on' },
    },
    {
      title: 'a pipe cannot write into the page cache of a read-only file',
      name: 'dirty-pipe',
      args: ({ place }) => ({ target: place.readOnly }),
      control: { unproven: 'a kernel where this works (CVE-2022-0847) is not one to test on' },
    },
    {
      title: 'files of the system cannot be opened for writing',
      name: 'system-files',
      control: { on: 'host', as: 'root' },
    },
  ])

/** Changing the tree of mounts. */
export const mounts: readonly Attack[] = [
  'mount-file-systems: no file system can be mounted',
  'mount-bind: no directory can be bound elsewhere',
  'remount-writable: no mount can be made writable again',
  'mount-setattr: no attribute can be taken from a mount by the newer call either',
  'mount-propagation: no mount can be shared with other namespaces',
  'open-tree: no mount can be copied or moved by descriptor',
  'fsopen: no file system can be configured',
  'fspick: no mounted file system can be configured anew',
  'pivot-root: the root cannot be exchanged',
  'chroot: the root cannot be moved down, from where one could climb above it',
  'umount: no mount can be taken away to see what it hides',
]
  .map((line) => line.split(': ') as [string, string])
  .map(([name, title]): Attack => ({
    title,
    name,
    args: ({ place, mountPoint }) => ({ ro: place.ro, dir: mountPoint }),
    control: namespaces,
  }))
  .concat([
    {
      title: 'no control group can be reached (CVE-2022-0492)',
      name: 'release-agent',
      control: { on: 'host', as: 'root', unless: ['ENOENT', 'EACCES'] },
    },
  ])

/** Device files. */
export const devices: readonly Attack[] = [
  {
    title: 'no device can be made',
    name: 'make-devices',
    args: ({ place }) => ({ ws: place.ws }),
    control: { on: 'host', as: 'root' },
  },
  { title: 'no device is there but the harmless ones', name: 'open-devices', control: host },
  {
    title: 'no terminal of the host can be opened',
    name: 'foreign-terminals',
    control: { unproven: 'whether anybody has a terminal outside is not ours to say' },
  },
  {
    title: 'the device directory cannot be changed',
    name: 'write-device-directory',
    control: { unproven: 'outside, /dev is the host’s own' },
  },
]

/** A denied path in a given directory. */
export const denied: readonly Attack[] = [
  ['deny-spellings', 'a denied file is denied by every spelling', 'file'],
  ['deny-spellings', 'a file in a denied directory is denied by every spelling', 'directory'],
  ['deny-descriptors', 'a denied file is denied through descriptors', 'file'],
  ['deny-descriptors', 'a file in a denied directory is denied through descriptors', 'directory'],
  ['deny-links', 'a denied file is denied through links', 'file'],
  ['deny-links', 'a file in a denied directory is denied through links', 'directory'],
  ['deny-rename', 'a denied file stays denied when it or its directory is moved', 'file'],
  ['deny-rename', 'a file in a denied directory stays denied when its directory is moved', 'directory'],
  ['deny-uncover', 'what covers a denied file cannot be taken away', 'file'],
].map(([name = '', title = '', kind]): Attack => ({
  title,
  name,
  id: `${name}-${kind}`,
  args: ({ place }) => ({ ws: place.ws, target: kind === 'file' ? place.denied : place.deniedInner }),
  control: host,
}))
