// A receiver with the published library of Standard Webhooks, as it comes. Prints what it says.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { Webhook } = createRequire(`${process.env.NODE_TOOLS}/`)('standardwebhooks')

const { secret, headers, body } = JSON.parse(readFileSync(0, 'utf8'))
try {
  new Webhook(secret).verify(body, headers)
  console.log('verified')
} catch (error) {
  console.log(error.constructor.name === 'WebhookVerificationError' ? 'refused' : `${error}`)
}
