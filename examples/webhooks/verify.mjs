// Whether a request is CronFlow's, whole and recent. Node 20 or newer, nothing to install.
//
// Give it the body as it came (a Buffer), before anything has parsed it; both secrets while one is rotated. Whoever has seen
// `webhook-id` before has done what the message says: it is delivered at least once.
import { createHmac, timingSafeEqual } from 'node:crypto'

const equal = (one, other) => one.length === other.length && timingSafeEqual(one, other)
const isNear = (text, tolerance, now) => /^[0-9]+$/.test(text ?? '') && Math.abs(now - Number(text)) <= tolerance

/** True, or false for whatever is not to be believed. `headers` are named in lower case. */
export function verify(secrets, headers, body, tolerance = 300, now = Date.now() / 1000) {
  const [id, timestamp] = [headers['webhook-id'], headers['webhook-timestamp']]
  if (!id || !isNear(timestamp, tolerance, now)) return false
  const given = (headers['webhook-signature'] ?? '').split(' ').filter((one) => one.startsWith('v1,'))
  let right = false
  for (const secret of secrets) {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
    if (key.length < 24) throw new Error('the secret is empty or cut off')
    const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest()
    for (const one of given) right = equal(expected, Buffer.from(one.slice(3), 'base64')) || right
  }
  return right
}

/** The same by `X-CronFlow-Signature: t=<unix>,v1=<hex>` alone, under the secret's text. */
export function verifyPlain(secrets, headers, body, tolerance = 300, now = Date.now() / 1000) {
  const fields = (headers['x-cronflow-signature'] ?? '').split(',').map((field) => field.split('=', 2))
  const times = fields.filter(([name]) => name === 't').map(([, value]) => value)
  if (times.length !== 1 || !isNear(times[0], tolerance, now)) return false
  let right = false
  for (const secret of secrets) {
    if (!secret) throw new Error('the secret is empty')
    const expected = createHmac('sha256', secret).update(`${times[0]}.`).update(body).digest()
    for (const [name, value] of fields) right = (name === 'v1' && equal(expected, Buffer.from(value ?? '', 'hex'))) || right
  }
  return right
}
