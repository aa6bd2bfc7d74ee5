import { test } from 'node:test'
import { assertTerminalKept, terminalCases } from './cases/terminal.ts'
import { jailGround } from './support/ground.ts'
import { withPlaces } from './support/single.ts'

withPlaces('the terminal of whoever starts it', (place, other) => {
  terminalCases(() => jailGround(place(), other()))

  test('nothing can be pushed into the terminal in which the command was typed', async () =>
    assertTerminalKept(place(), place().runner, 'jail'))
})
