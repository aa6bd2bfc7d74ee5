const base = 0x1_0000
const headers = 52 + 32

/** A program of 32-bit Arm (EABI), made by hand: it asks for its pid, and ends with this code. elf(5), syscall(2). */
export function thirtyTwoBits(code: number): Buffer {
  const call = 0xef00_0000 // svc 0
  const instructions = [
    0xe3a0_7014, // mov r7, 20: getpid
    call,
    0xe3a0_0000 + code, // mov r0, code
    0xe3a0_7001, // mov r7, 1: exit
    call,
  ]
  const size = headers + 4 * instructions.length
  const file = Buffer.alloc(size)
  file.write('\x7fELF\x01\x01\x01', 'latin1')
  for (const [at, value] of [
    [16, 2], // ET_EXEC
    [18, 40], // EM_ARM
    [40, 52],
    [42, 32],
    [44, 1],
  ] as const)
    file.writeUInt16LE(value, at)
  for (const [at, value] of [
    [20, 1],
    [24, base + headers], // entry
    [28, 52],
    [36, 0x0500_0000], // EABI 5
    [52, 1], // PT_LOAD, all of the file
    [60, base],
    [64, base],
    [68, size],
    [72, size],
    [76, 5], // to read and execute
    [80, 0x1_0000],
  ] as const)
    file.writeUInt32LE(value, at)
  for (const [index, instruction] of instructions.entries()) file.writeUInt32LE(instruction, headers + 4 * index)
  return file
}
