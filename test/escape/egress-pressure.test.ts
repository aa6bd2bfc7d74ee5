import { attackUnderPressure } from './egress/pressure.ts'

attackUnderPressure('jail')
