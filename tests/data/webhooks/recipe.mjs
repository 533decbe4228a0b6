// A receiver by the recipe in examples/webhooks, in both ways. Prints what they say, where they agree.
import { readFileSync } from 'node:fs'
import { verify, verifyPlain } from '../../../examples/webhooks/verify.mjs'

const request = JSON.parse(readFileSync(0, 'utf8'))
const body = Buffer.from(request.body)
const said = [verify, verifyPlain].map((check) => check([request.secret], request.headers, body))
const late = [verify, verifyPlain].map((check) => check([request.secret], request.headers, body, 300, 0))
if (late.some(Boolean)) throw new Error('time is not looked at')
console.log(said[0] !== said[1] ? 'they disagree' : said[0] ? 'verified' : 'refused')
