import { channelCases } from './cases/channel.ts'
import { jailGround } from './support/ground.ts'
import { withPlaces } from './support/single.ts'

withPlaces('programs that the host starts in a running sandbox', (place, other) => {
  channelCases(() => jailGround(place(), other()))
})
