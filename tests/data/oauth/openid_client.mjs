// A token's life with openid-client, as it comes: discovered, obtained, used, introspected, revoked, dead. Prints what was seen.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const { ACCESS_URL, JOBS_URL, CLIENT_ID, CLIENT_SECRET, AUTH_METHOD, NODE_TOOLS } = process.env
const client = await import(pathToFileURL(createRequire(`${NODE_TOOLS}/`).resolve('openid-client')))

const authentication = { client_secret_basic: client.ClientSecretBasic, client_secret_post: client.ClientSecretPost }[AUTH_METHOD]
const config = await client.discovery(new URL(ACCESS_URL), CLIENT_ID, CLIENT_SECRET, authentication(CLIENT_SECRET), {
  algorithm: 'oauth2',
  execute: [client.allowInsecureRequests],
})
const token = await client.clientCredentialsGrant(config, { scope: 'jobs:read' })
const use = async () =>
  (await fetch(`${JOBS_URL}/v1/jobs`, { headers: { authorization: `Bearer ${token.access_token}` } })).status
const isActive = async () => (await client.tokenIntrospection(config, token.access_token)).active

const seen = { scope: token.scope, used: await use(), active: await isActive() }
await client.tokenRevocation(config, token.access_token)
seen.revoked = 200
seen.used_after = await use()
seen.active_after = await isActive()
console.log(JSON.stringify(seen))
