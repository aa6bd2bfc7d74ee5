import type { Attack, Scene } from '../support/attack.ts'

const host = { on: 'host' } as const
/** Where something could be mounted. */
const at = ({ mountPoint }: Scene): { dir: string } => ({ dir: mountPoint })

/** What only a virtual machine has. Outside is the guest's root here, in no sandbox. */
export const machine: readonly Attack[] = [
  { title: 'the port to the host is not in sight', name: 'guest-port', control: host },
  { title: 'the machine’s drives are not in sight', name: 'guest-drives', control: host },
  {
    title: 'no node can be made for the port or a drive, whatever number it has',
    name: 'guest-make-devices',
    args: at,
    control: {
      unproven: 'the guest’s root has no directory in which nodes work: /dev is the kernel’s, the rest is nodev',
    },
  },
  { title: 'the memory of the machine cannot be read as a file', name: 'guest-memory', control: host },
  { title: 'the device directory has nothing of the machine', name: 'guest-devices', control: host },
  { title: 'no drive of the machine can be mounted', name: 'guest-mount-drive', args: at, control: host },
  {
    title: 'no file system that shows the kernel’s inside can be mounted',
    name: 'guest-debug',
    args: at,
    control: host,
  },
  { title: 'what init keeps is not in sight below any root', name: 'guest-init-files', control: host },
  {
    title: 'no socket of init’s and of the launchers can be reached',
    name: 'guest-init-sockets',
    args: () => ({ id: 'escape-machine', accomplice: '/run/accomplice' }),
    control: host,
  },
  { title: 'no process of the machine can be traced', name: 'guest-init-trace', control: host },
  { title: 'no port of the machine’s hardware can be written to', name: 'guest-io-ports', control: host },
  {
    title: 'no call to the monitor is taken from a program',
    name: 'guest-hypercall',
    control: { unproven: 'an emulated processor has nobody behind those instructions, and KVM refuses programs' },
  },
  { title: 'names and settings of the machine stay', name: 'guest-host-name', control: host },
  {
    title: 'the machine cannot be restarted, halted or given another kernel, by the right numbers',
    name: 'guest-reboot',
    control: { unproven: 'a test of its own has it end a machine' },
  },
  {
    title: 'the kernel’s emergency keys cannot be pressed',
    name: 'guest-sysrq',
    control: { unproven: 'a test of its own has it end a machine' },
  },
]

/** What the launcher, and init before it, must not hand on. */
export const inherited: readonly Attack[] = [
  { title: 'no descriptor of init’s or of the launcher’s comes in', name: 'descriptors' },
  {
    title: 'no descriptor of init’s or of the launcher’s is a directory',
    name: 'descriptor-directory',
    args: ({ place }: Scene) => ({ target: place.secret }),
  },
  { title: 'the environment of init does not come in', name: 'environment', args: () => ({ name: 'TERM' }) },
  {
    title: 'the directory that a launcher starts in is not where the program starts',
    name: 'start-directory',
    args: ({ place }: Scene) => ({ target: place.secret }),
  },
].map((attack) => ({ ...attack, control: { unproven: 'shown outside where the launcher is tested (leaks.test.ts)' } }))
