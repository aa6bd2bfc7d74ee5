import { writeSync } from 'node:fs'
import { openAudit } from '../../src/audit/audit-log.ts'
import { call } from './record.ts'

/** A process that writes records, for tests that kill it or run many of it: `record-writer.ts DIRECTORY SANDBOX MODE`. */
const [directory = '', sandbox = '', mode = ''] = process.argv.slice(2)

if (mode === 'sandboxes') writeSandboxes()
else if (mode === 'forget') forget()
else writeForever()

function writeSandboxes(): void {
  for (let index = 0; index < 20; index++) {
    const log = openAudit({ directory, sandbox: `${sandbox}-${index}`, server: 'files' })
    log.record(call(1))
    log.record(call(2))
    log.close()
  }
}

function forget(): void {
  openAudit({ directory, sandbox, server: 'files' }).record(call(1))
}

/** One byte on stdout for each event that was recorded. */
function writeForever(): void {
  const log = openAudit({ directory, sandbox, server: 'files' })
  const write = (index: number): void => {
    for (let id = index; id < index + 10; id++) {
      log.record(call(id))
      writeSync(1, '.')
    }
    setImmediate(write, index + 10)
  }
  write(1)
}
