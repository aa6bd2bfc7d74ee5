import type { Attack, Control } from '../support/attack.ts'

const host: Control = { on: 'host' }
const namespaces: Control = { on: 'namespaces' }
const root: Control = { on: 'host', as: 'root' }

export const spaces: readonly Attack[] = [
  { title: 'no namespace can be left for a new one', name: 'unshare', control: namespaces },
  { title: 'no process can be started in a new namespace', name: 'clone-namespaces', control: namespaces },
  {
    title: 'no process can be started in a new namespace by the newer call, whose flags a filter cannot read',
    name: 'clone3-namespaces',
    control: namespaces,
  },
  {
    title: 'no namespace can be entered, neither that of pid 1 nor that of a process outside nor our own',
    name: 'setns',
    args: ({ place, init }) => ({ init, victim: place.witness.victim }),
    control: root,
  },
  {
    title: 'no parent of our namespaces can be found and entered',
    name: 'namespace-parent',
    control: { unproven: 'the kernel gives nobody a parent outside of his own namespace' },
  },
  {
    title: 'our user namespace cannot be mapped anew',
    name: 'user-map',
    control: { unproven: 'a mapping is written once, and ours is' },
  },
  {
    title: 'no user namespace inside ours gives capabilities back (CVE-2022-0185)',
    name: 'nested-user-namespace',
    control: host,
  },
]

export const privileged: readonly Attack[] = [
  { title: 'the machine cannot be restarted', name: 'reboot', control: root },
  { title: 'the clock cannot be set', name: 'set-time', control: root },
  { title: 'the name of the machine cannot be set', name: 'host-name', control: namespaces },
  { title: 'no kernel module can be loaded or removed', name: 'modules', control: { ...root, unless: ['ENOSYS'] } },
  { title: 'no other kernel can be started', name: 'kexec', control: { ...root, unless: ['ENOSYS'] } },
  { title: 'swapping cannot be turned on or off', name: 'swap', control: { ...root, unless: ['ENOSYS'] } },
  { title: 'quotas cannot be asked for or set', name: 'quota', control: { ...host, unless: ['ENOSYS'] } },
  { title: 'the log of the kernel cannot be read or written', name: 'kernel-log', control: root },
  { title: 'process accounting and hanging up are refused', name: 'accounting', control: root },
  { title: 'ports of the hardware cannot be used', name: 'ports', control: { ...root, unless: ['ENOSYS', 'ENOENT'] } },
  { title: 'no program can be loaded into the kernel', name: 'bpf', control: root },
  { title: 'nothing can be counted or sampled by the kernel', name: 'perf', control: host },
  {
    title: 'no key of the session that started us can be found, and none added',
    name: 'keyring',
    args: ({ place }) => ({ name: `glovebox-${place.name}` }),
    control: host,
  },
  { title: 'page faults cannot be taken over', name: 'userfault', control: host },
  { title: 'no second supervisor of system calls can be put before ours', name: 'new-listener', control: host },
  { title: 'no capability can be raised', name: 'capabilities', control: namespaces },
  { title: 'options of the process that weaken it are refused', name: 'process-options', control: root },
  { title: 'personalities that turn protections off are refused', name: 'personality', control: host },
  { title: 'segments of the processor cannot be made', name: 'segments', control: { ...host, unless: ['ENOSYS'] } },
  {
    title: 'memory that the kernel cannot see is refused',
    name: 'secret-memory',
    control: { ...host, unless: ['ENOSYS'] },
  },
  {
    title: 'mounts and namespaces cannot be listed by number',
    name: 'mount-information',
    control: { ...host, unless: ['ENOSYS'] },
  },
  {
    title: 'huge pages, which no limit counts, are refused',
    name: 'huge-pages',
    control: { ...host, unless: ['EINVAL', 'ENOSYS'] },
  },
]

export const entry: readonly Attack[] = [
  { title: 'calls by x32 numbers are refused', name: 'x32', control: { ...host, unless: ['ENOSYS'] } },
  {
    title: 'calls through the gate of 32-bit programs are refused',
    name: 'int80',
    control: { ...host, unless: ['EPERM'] },
  },
  {
    title: 'sockets cannot be had through the gate of 32-bit programs',
    name: 'int80-socket',
    control: { ...host, unless: ['EPERM'] },
  },
  { title: 'bits that the kernel does not look at do not mislead the filter', name: 'high-bits', control: host },
  {
    title: 'calls that do not exist are answered by an error',
    name: 'beyond-the-table',
    control: { unproven: 'they do nothing outside either; here the filter must neither serve them nor fail on them' },
  },
  { title: 'calls that no program needs do not reach the kernel', name: 'refused-calls', control: host },
  { title: 'no capability is left, no new privilege can be had, a filter is in force', name: 'posture', control: host },
]
