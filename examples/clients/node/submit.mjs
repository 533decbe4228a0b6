#!/usr/bin/env node
// Gets an access token by client credentials, and submits a job with it.
import * as oauth from 'openid-client'

const access = new URL(process.env.ACCESS_URL ?? 'http://127.0.0.1:7800')
const jobs = new URL(process.env.JOBS_URL ?? 'http://127.0.0.1:9000')
const { CLIENT_ID, CLIENT_SECRET } = process.env

// Where tokens come from (RFC 8414). Plain http is for a host on this machine alone.
const config = await oauth.discovery(access, CLIENT_ID, undefined, oauth.ClientSecretBasic(CLIENT_SECRET), {
  algorithm: 'oauth2',
  execute: access.protocol === 'http:' ? [oauth.allowInsecureRequests] : [],
})
const token = await oauth.clientCredentialsGrant(config, { scope: 'jobs:read jobs:write' })

const ask = async (method, path, body) => {
  const json = body && JSON.stringify(body)
  const headers = new Headers(json && { 'Content-Type': 'application/json' })
  const answer = await oauth.fetchProtectedResource(config, token.access_token, new URL(path, jobs), method, json, headers)
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

let job = await ask('POST', '/v1/jobs', { type: 'sum', payload: { numbers: [1, 2, 39] } })
while (['scheduled', 'queued', 'running'].includes(job.state)) {
  await new Promise((resolve) => setTimeout(resolve, 100))
  job = await ask('GET', `/v1/jobs/${job.id}`)
}
console.log(job)

// Done with it (RFC 7009).
await oauth.tokenRevocation(config, token.access_token)
